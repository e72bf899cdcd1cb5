"""What a model scored over time: every result file there is of it, whatever revision, precision or way of grading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from src.core.errors import BadInputError, NotFoundError
from src.core.frames.frame import newest_first
from src.core.names import folder_of
from src.core.records import Result
from src.core.scoring import Scored, score
from src.core.store import Store
from src.core.suites import Suite

MOST_FILES = 60


@dataclass(frozen=True)
class PastRun:
    """One result file, scored again from its subtasks."""

    path: str
    when: datetime | None  # UTC
    precision: str | None
    revision: str | None
    scored: Scored

    @property
    def is_whole(self) -> bool:
        """Whether every benchmark of the suite is there."""
        return self.scored.average is not None


def past_runs(store: Store, suite: Suite, model: str) -> tuple[PastRun, ...]:
    """Return the newest runs of `model` that measured anything of `suite`, newest first.

    Nothing if no files are kept.
    """
    runs = [(result, score(result, suite)) for result in _results(store, model)]
    measured = [(r, s) for r, s in runs if any(each.raw is not None for each in s.benchmarks.values())]
    return tuple(
        PastRun(result.path or "", result.written or result.date, result.precision, result.revision, scored)
        for result, scored in newest_first(measured)
    )


def _results(store: Store, model: str) -> Iterable[Result]:
    try:
        entries = store.list(f"results/{folder_of(model)}")
    except (NotFoundError, BadInputError):  # a store of published tables only
        return
    for entry in sorted(entries, key=lambda entry: entry.path, reverse=True)[:MOST_FILES]:
        try:
            if entry.path.endswith(".json"):
                yield Result.read(store.read(entry.path), entry.path, model)
        except BadInputError:
            continue  # a stranger's broken file hides no other
