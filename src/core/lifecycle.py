"""Requests move between states here and nowhere else."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @classmethod
    def read(cls, text: str) -> Status:
        """The status behind any spelling in the wild (`FINISHED_2024`, `RERUN`, `PENDING_NEW_EVAL`).

        Raises ValueError for a word no board ever wrote.
        """
        for prefix, status in HISTORIC.items():
            if text.upper().startswith(prefix):
                return status
        raise ValueError(f"'{text}' is no status of a request; expected one of {', '.join(cls)}")


HISTORIC = {
    "PENDING": Status.PENDING,  # also PENDING_NEW_EVAL
    "RERUN": Status.PENDING,
    "RUNNING": Status.RUNNING,
    "FINISHED": Status.FINISHED,
    "FAILED": Status.FAILED,
    "CANCELLED": Status.CANCELLED,
}

MOVES = {
    Status.PENDING: {Status.RUNNING, Status.CANCELLED},
    Status.RUNNING: {Status.FINISHED, Status.FAILED, Status.PENDING},  # PENDING: its lease expired, or was given back
    Status.FAILED: {Status.PENDING},
    Status.FINISHED: set[Status](),
    Status.CANCELLED: set[Status](),
}


def may_move(start: Status, to: Status) -> bool:
    """Whether a request at `start` may go to `to`."""
    return to in MOVES[start]
