"""Requests move between states here and nowhere else."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @classmethod
    def read(cls, text: str) -> Status:
        """Return the status behind any spelling in the wild (`FINISHED_2024`, `RERUN`, `PENDING_NEW_EVAL`).

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


class Move(NamedTuple):
    """What one event does to a request: the statuses in which it counts, and those it may lead to."""

    start: frozenset[Status]
    to: frozenset[Status]
    by_holder: bool = False  # only the holder of the last claim, also after its lease ran out and nobody else claimed


def _move(start: str, to: str, by_holder: bool = False) -> Move:
    return Move(frozenset(map(Status, start.split())), frozenset(map(Status, to.split())), by_holder)


HELD = "RUNNING PENDING FAILED"  # PENDING and FAILED: the lease ran out

MOVES = {
    "request": _move("CANCELLED", "PENDING"),  # the first one of a request always counts
    "claim": _move("PENDING", "RUNNING"),
    "renew": _move(HELD, "RUNNING", by_holder=True),
    "done": _move(HELD, "FINISHED", by_holder=True),
    "fail": _move(HELD, "FAILED PENDING", by_holder=True),  # PENDING: it is tried again
    "back": _move(HELD, "PENDING", by_holder=True),
    "cancel": _move("PENDING", "CANCELLED"),
    "retry": _move("FAILED", "PENDING"),
}
"""The events of a request, in the order in which they can first happen; the queue applies no other moves."""

EXPIRES = _move("RUNNING", "PENDING FAILED")
"""The one move that no event makes: a lease runs out. FAILED: it was the last claim allowed."""
