"""The queue at one moment, as the page and the boxes read it: who waits where, who runs, what ended how, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median

from src.core.lifecycle import Status
from src.core.records import Request

VOTE = timedelta(days=1)
MAX_VOTES = 30


@dataclass(frozen=True)
class FailureReport:
    """Why a request failed: the class (`code`, `title`, `advice` of `FAILURES`) and the message of that run."""

    code: str
    title: str
    advice: str
    message: str = ""
    log: str = ""
    at: datetime | None = None
    again_at: datetime | None = None  # None: not by itself


@dataclass(frozen=True)
class QueueEntry:
    """One request and how it stands."""

    key: str
    request: Request
    status: Status
    submitted: datetime | None = None
    place: int | None = None  # 1 comes next; None unless waiting
    wait: timedelta | None = None  # estimated time until a box takes it; None: nobody knows
    votes: int = 0
    attempts: int = 0
    again_at: datetime | None = None  # waiting, but not before this
    box: str | None = None
    fencing_token: int | None = None
    since: datetime | None = None  # when its box claimed it
    until: datetime | None = None  # the end of its lease
    progress: Mapping[str, object] = field(default_factory=dict)  # as of the last renewal
    engine: str | None = None  # the way its requests run or ran, in words; None: unknown
    trial: str | None = None  # finished, but no row will come of it: what was run instead of the whole suite
    failure: FailureReport | None = None  # of the last failed run, also while it waits for the next
    ended: datetime | None = None
    took: timedelta | None = None


@dataclass(frozen=True)
class QueueState:
    """All requests at `now`, the store's time. Waiting ones are in their order; ended ones newest first."""

    now: datetime
    standings: Mapping[str, QueueEntry]
    revision: str | None = None
    problems: tuple[str, ...] = ()  # files that could not be read, in words

    def __getitem__(self, key: str) -> QueueEntry:
        return self.standings[key]

    def __contains__(self, key: str) -> bool:
        return key in self.standings

    @cached_property
    def waiting(self) -> tuple[QueueEntry, ...]:
        return tuple(sorted(self._of(Status.PENDING), key=lambda standing: standing.place or 0))

    @cached_property
    def running(self) -> tuple[QueueEntry, ...]:
        return tuple(sorted(self._of(Status.RUNNING), key=lambda standing: standing.since or self.now))

    @cached_property
    def finished(self) -> tuple[QueueEntry, ...]:
        return self._newest_first(Status.FINISHED)

    @cached_property
    def failed(self) -> tuple[QueueEntry, ...]:
        return self._newest_first(Status.FAILED)

    @cached_property
    def cancelled(self) -> tuple[QueueEntry, ...]:
        return self._newest_first(Status.CANCELLED)

    def by(self, sender: str) -> tuple[QueueEntry, ...]:
        """Return what one person submitted, newest first."""
        mine = [standing for standing in self.standings.values() if standing.request.sender == sender]
        return tuple(sorted(mine, key=lambda standing: standing.submitted or self.now, reverse=True))

    @staticmethod
    def explain_order() -> str:
        """Return the order of the queue, in words for the page."""
        return (
            "First come, first served, and every vote counts as one more day of waiting "
            f"(at most {MAX_VOTES}). A box takes one of the first requests whose models fit its memory: boxes choose "
            "among a few, so that two rarely want the same, and a large model may be passed by smaller ones until a "
            "large box is free. A failed run that is tried again keeps its place once its pause is over."
        )

    def _of(self, status: Status) -> list[QueueEntry]:
        return [standing for standing in self.standings.values() if standing.status is status]

    def _newest_first(self, status: Status) -> tuple[QueueEntry, ...]:
        return tuple(sorted(self._of(status), key=lambda one: one.ended or one.submitted or self.now, reverse=True))


def precedence(submitted: datetime | None, votes: int) -> datetime:
    """Return when this request would have to have come without votes to stand where it stands: earliest goes first."""
    start = submitted or datetime.max
    return start.replace(tzinfo=None) - min(votes, MAX_VOTES) * VOTE


def candidates(state: QueueState, accepts: Callable[[Request], bool]) -> list[QueueEntry]:
    """Return what a box may take now, in the order of the queue."""
    return [
        standing
        for standing in state.waiting
        if (standing.again_at is None or standing.again_at <= state.now) and accepts(standing.request)
    ]


def estimate(place: int, took: Sequence[timedelta], boxes: int) -> timedelta | None:
    """Return how long until the request at `place` starts: the median recent run, with as many boxes as run now."""
    if not took or not boxes:
        return None
    return timedelta(seconds=round(median(one.total_seconds() for one in took) / boxes)) * place
