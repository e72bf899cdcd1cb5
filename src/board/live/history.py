"""The board as it was: one permanent table a day on which rows changed, and what changed between two of them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as clock_time
from threading import Condition, Lock

import numpy as np
import pandas as pd
from cachetools import LRUCache, TTLCache, cached

from src.board.live.certainty import with_certainty
from src.board.live.snapshot import Snapshot
from src.core import suites
from src.core.errors import BadInputError, ConflictError, CorruptError, NotFoundError
from src.core.frames.frame import from_contents, read_table, to_contents
from src.core.frames.tables import write_parquet
from src.core.store import Store
from src.core.table_paths import history_path

log = logging.getLogger(__name__)

DATASET = "history"
KEY = ["model", "precision", "revision"]
NOTICEABLE = 0.005  # points: what two decimals can show
MOST_HELD = 8  # tables in memory
MOST_LISTED = 64  # suites whose days are kept
LISTED_FOR = 60.0  # seconds that a list of days is believed


@dataclass(frozen=True)
class Rescored:
    """A row whose numbers changed while its run stayed the same: benchmark (or "average") → (before, after)."""

    id: str
    model: str
    precision: str | None
    scores: Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Changes:
    """What differs between two snapshots of a suite. `added` and `removed` are rows of a tidy frame, best first."""

    before: Snapshot
    after: Snapshot
    added: pd.DataFrame
    removed: pd.DataFrame
    rescored: tuple[Rescored, ...]  # largest change of the average first


class History:
    """Dated tables in a store's `history` dataset: `history/{suite}/{day}.parquet`, never overwritten."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._days: TTLCache[str, tuple[date, ...]] = TTLCache(MOST_LISTED, LISTED_FOR, monotonic)
        self._lock = Lock()
        self._read = cached(LRUCache(MOST_HELD), condition=Condition())(self._load)

    def days(self, suite: str) -> tuple[date, ...]:
        """Return the days that have a table, oldest first. Raises StoreError."""
        with self._lock:
            known = self._days.get(suite)
        if known is not None:
            return known
        try:
            paths = [entry.path for entry in self.store.list(f"{DATASET}/{suite}")]
        except NotFoundError:
            paths = []
        days = tuple(sorted(day for path in paths if (day := _day(path)) is not None))
        with self._lock:
            self._days[suite] = days
        return days

    def at(self, suite: str, day: date) -> Snapshot:
        """Return the newest table of `day` or before. Raises NotFoundError if there is none."""
        days = self.days(suite)
        past = [each for each in days if each <= day]
        if not past:
            raise NotFoundError(
                f"No snapshot of {suite} is kept for {day} or before; the first is of {days[0]}."
                if days
                else f"No dated snapshots of {suite} are kept on this board."
            )
        return self._read(suite, past[-1])

    def keep(self, snapshot: Snapshot, today: date) -> bool:
        """Write today's table, if rows differ from the last one kept; whether it was written. Raises StoreError.

        The first table of a day stays: a day's address never shows other rows later.
        """
        suite = snapshot.suite.name
        if snapshot.frame.empty or snapshot.source == "sample":
            return False
        days = self.days(suite)
        if days and (days[-1] >= today or self._holds(suite, days[-1], snapshot.frame)):
            return False
        owner = snapshot.identity.owner if snapshot.identity else "open-llm-leaderboard"
        table = write_parquet(to_contents(snapshot.frame, snapshot.suite, owner))
        try:
            self.store.append({history_path(suite, today): table}, f"{suite} as of {today}")
        except ConflictError:  # another replica was first
            return False
        finally:
            with self._lock:
                self._days.pop(suite, None)
        return True

    def _holds(self, suite: str, day: date, frame: pd.DataFrame) -> bool:
        """Return whether the table of a day can be read and has these rows."""
        try:
            return _same_rows(self._read(suite, day).frame, frame)
        except (BadInputError, CorruptError) as error:
            log.warning("%s", error)
            return False

    def _load(self, suite: str, day: date) -> Snapshot:
        table = read_table(self.store.read(history_path(suite, day)), history_path(suite, day))
        as_of = datetime.combine(day, clock_time.max, UTC).replace(microsecond=0)
        loaded = suites.load(suite)
        frame = with_certainty(from_contents(table, loaded), loaded)
        return Snapshot(frame, loaded, str(day), "copy", as_of, None, self.store.name)


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """Return what changed. A row is known by model, precision and revision.

    A change of half a hundredth or less is none.
    """
    old, new = (_keyed(snapshot.frame) for snapshot in (before, after))
    both = old.index.intersection(new.index)
    benchmarks = [benchmark.key for benchmark in after.suite.benchmarks]
    paths = {"average": "average"} | {key: f"{key}.score" for key in benchmarks}
    was, now = (frame.loc[both, list(paths.values())].to_numpy(dtype=float) for frame in (old, new))
    moved = (np.abs(was - now) > NOTICEABLE) | (np.isnan(was) != np.isnan(now))
    about = new.loc[both, ["id", "model", "precision"]].to_numpy(dtype=object)
    order = np.argsort(-np.nan_to_num(np.abs(was[:, 0] - now[:, 0])), kind="stable")
    rescored = tuple(
        Rescored(
            id=about[at][0],
            model=about[at][1],
            precision=about[at][2] if isinstance(about[at][2], str) else None,
            scores={
                name: (_number(was[at, column]), _number(now[at, column]))
                for column, name in enumerate(paths)
                if moved[at, column]
            },
        )
        for at in order
        if moved[at].any()
    )
    return Changes(before, after, _best_first(new.drop(both)), _best_first(old.drop(both)), rescored)


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    key = frame[KEY].astype(object).where(frame[KEY].notna(), "").agg("\n".join, axis=1)
    return frame.set_index(key.where(~key.duplicated(), key + "\n" + frame["id"]))


def _best_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("average", ascending=False, kind="stable").reset_index(drop=True)


def _same_rows(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    scores = [path for path in new if path.endswith(".score") or path in ("average", "flagged", *KEY)]
    return len(old) == len(new) and set(scores) <= set(old) and old[scores].equals(new[scores])


def _day(path: str) -> date | None:
    try:
        return date.fromisoformat(path.rpartition("/")[2].removesuffix(".parquet"))
    except ValueError:
        return None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
