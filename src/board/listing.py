"""What a query lists, as plain values: one record a row, for everything that is not the page's own table."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import orjson
import pandas as pd

from src.board.columns import Column
from src.board.query import Query, Selection, run
from src.board.rows import Rows
from src.board.snapshot import Snapshot
from src.core import suites
from src.core.errors import BadInput, NotFound

FACTS = (
    "model",
    "precision",
    "revision",
    "model_type",
    "weight_type",
    "architecture",
    "params_b",
    "license",
    "likes",
    "available",
    "moe",
    "merged",
    "flagged",
    "official",
    "chat_template",
    "co2_kg",
    "upload_date",
    "submission_date",
    "generation",
    "base_model",
    "family",
    "scorer",
)
"""What a record says of a row beside its scores; unknown is None."""

CERTAINTY = ("se", "low", "high")
"""What a record adds to a score where the frame has it: standard error and 95 % interval, in points."""

PLACES = {"rank_low": "rank.low", "rank_high": "rank.high", "tied": "tied"}
"""What a record adds to the rank, of the whole board: the places it may have, and whether it may be the best."""

OF_THE_PUBLISHED = {f"average_{part}": f"average.{part}" for part in CERTAINTY} | PLACES
"""What is known of the published average and of the rank by it, and of no other."""

T = TypeVar("T")


@dataclass(frozen=True)
class Listing:
    """A part of what a query found, in its order."""

    snapshot: Snapshot
    query: Query
    rows: Rows
    selection: Selection
    start: int
    end: int

    @property
    def positions(self) -> np.ndarray:
        """Where the listed rows lie in the frame."""
        return self.selection.rows[self.start : self.end]

    @property
    def frame(self) -> pd.DataFrame:
        """The listed rows of the frame, with this query's `rank` and, where it asks for another, its bare `average`."""
        listed = self.rows.frame.iloc[self.positions].copy()
        listed["rank"] = pd.array(self.selection.ranks[self.start : self.end], dtype="Float64").astype("Int64")
        if not self.selection.is_published:
            listed = listed.drop(columns=list(OF_THE_PUBLISHED.values()), errors="ignore")
            listed["average"] = self.selection.averages[self.start : self.end]
        return listed.reset_index(drop=True)

    @property
    def columns(self) -> list[Column]:
        """The columns a reader of this query sees."""
        return self.rows.shown(self.query.columns)

    def records(self) -> list[dict[str, Any]]:
        """One plain dict a row."""
        return records(self.frame, [benchmark.key for benchmark in self.snapshot.suite.benchmarks])

    def json(self) -> list[orjson.Fragment]:
        """The same records, written once for each row of a snapshot however often they are listed."""
        averages = None if self.selection.is_published else self.selection.averages[self.start :]
        return _json(self.snapshot, self.positions, self.selection.ranks[self.start :], averages)


def listing(snapshot: Snapshot, query: Query, limit: int | None = None, offset: int = 0) -> Listing:
    """The rows of `query`, pinned ones first. Raises BadInput for a search that cannot be read."""
    asked = _asked_of(snapshot.frame)
    selection = asked.select(query)
    if selection.problem:
        raise BadInput(selection.problem)
    end = len(selection.rows) if limit is None else min(len(selection.rows), offset + limit)
    return Listing(snapshot, query, asked.rows, selection, min(offset, end), end)


@dataclass(frozen=True)
class Found:
    """The rows of one model, best first, with their places on the whole board."""

    snapshot: Snapshot
    positions: np.ndarray
    ranks: np.ndarray

    @property
    def frame(self) -> pd.DataFrame:
        """These rows of the frame, with their `rank`."""
        listed = self.snapshot.frame.iloc[self.positions].copy()
        listed["rank"] = pd.array(self.ranks, dtype="Float64").astype("Int64")
        return listed.reset_index(drop=True)

    def row(self, at: int = 0) -> dict[str, Any]:
        """One of them as plain values."""
        frame = self.frame.iloc[at : at + 1]
        return {name: plain(frame[name])[0] for name in frame.columns}

    def json(self) -> list[orjson.Fragment]:
        """One record a row, as a listing has them."""
        return _json(self.snapshot, self.positions, self.ranks)


def of_model(snapshot: Snapshot, model: str) -> Found:
    """Every row of a model: `model` is its name, in any case, or the id of one row. Raises NotFound."""
    asked = _asked_of(snapshot.frame)
    positions = asked.places.get(model) or asked.places.get(model.lower())
    if not positions:
        raise NotFound(
            f"{snapshot.suite.title} has no results of '{model[:200]}'. "
            "Check the spelling, or see whether it waits in the queue."
        )
    return Found(snapshot, np.array(positions), asked.ranks[positions])


def records(frame: pd.DataFrame, benchmarks: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a frame as dicts of plain values: id, rank, facts, `average`, and `benchmarks` → key → raw, score, …"""
    top = {name: plain(frame[name]) for name in ("rank", "id", *FACTS) if name in frame}
    top |= {name: plain(frame[path]) for name, path in PLACES.items() if path in frame}
    average = _measure(frame, "average", "value") if "average" in frame else {}
    scores = {key: _measure(frame, key) for key in benchmarks}
    listed = []
    for at in range(len(frame)):
        record: dict[str, Any] = {name: values[at] for name, values in top.items()}
        for part, values in average.items():
            record["average" if part == "value" else f"average_{part}"] = values[at]
        record["benchmarks"] = {
            key: {part: values[at] for part, values in parts.items()} for key, parts in scores.items()
        }
        listed.append(record)
    return listed


def plain(series: pd.Series) -> list[Any]:
    """A column as Python values, None where unknown."""
    values = series.astype(object)
    known = values.notna() & ~values.isin([np.inf, -np.inf])
    return [_scalar(value) if there else None for value, there in zip(values, known, strict=True)]


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _measure(frame: pd.DataFrame, key: str, bare: str | None = None) -> Mapping[str, list[Any]]:
    parts = {"raw": f"{key}.raw", "score": f"{key}.score"} if bare is None else {bare: key}
    parts |= {part: f"{key}.{part}" for part in CERTAINTY}
    return {part: plain(frame[path]) for part, path in parts.items() if path in frame}


class Recent(Generic[T]):
    """What was made of the last few frames; a frame is known by its identity, and kept so that its id stays its own."""

    def __init__(self, make: Callable[[pd.DataFrame], T], most: int = 12) -> None:
        self._make, self._most = make, most
        self._made: OrderedDict[int, tuple[pd.DataFrame, T]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, frame: pd.DataFrame) -> T:
        with self._lock:
            known = self._made.get(id(frame))
            if known is None:
                known = self._made[id(frame)] = (frame, self._make(frame))
                while len(self._made) > self._most:
                    self._made.popitem(last=False)
            self._made.move_to_end(id(frame))
            return known[1]


class _Asked:
    """A frame that is asked again and again: its rows made ready, where each name lies, what was last selected."""

    MOST = 32  # selections kept

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.rows = Rows(frame)
        self._selected: OrderedDict[Query, Selection] = OrderedDict()
        self._lock = Lock()

    def select(self, query: Query) -> Selection:
        """The answer to `query`; the pages of one listing share it."""
        with self._lock:
            known = self._selected.get(query)
        if known is None:
            known = run(self.rows, query)
            with self._lock:
                self._selected[query] = known
                while len(self._selected) > self.MOST:
                    self._selected.popitem(last=False)
        return known

    @cached_property
    def ranks(self) -> np.ndarray:
        """Each row's place on the whole board, by position."""
        whole = self.select(Query())
        ranks = np.full(len(self.frame), np.nan)
        ranks[whole.rows] = whole.ranks
        return ranks

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Id, name, and name in lower case → positions, in the board's order."""
        found: dict[str, list[int]] = {}
        ids, names = self.frame["id"].tolist(), self.frame["model"].tolist()
        for position in self.select(Query()).rows.tolist():
            for word in {ids[position], names[position], names[position].lower()}:
                found.setdefault(word, []).append(position)
        return found

    def written(self, positions: Sequence[int]) -> list[bytes]:
        """The records of these rows as JSON, without rank and average and what is known of them."""
        if len(self.frame) <= KEPT_WHOLE:
            return [self._whole[position] for position in positions]
        return _write(self.frame.iloc[list(positions)], self._keys)

    @cached_property
    def _whole(self) -> list[bytes]:
        return _write(self.frame, self._keys)

    @cached_property
    def _keys(self) -> list[str]:
        return [benchmark.key for benchmark in suites.load(self.frame.attrs["suite"]).benchmarks]

    @cached_property
    def published(self) -> list[dict[str, Any]]:
        """Each row's published average with what is known of it and of its rank, by position."""
        parts = {"average": "average"} | OF_THE_PUBLISHED
        columns = {name: plain(self.frame[path]) for name, path in parts.items() if path in self.frame}
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


KEPT_WHOLE = 20_000  # rows; of a larger board only what is asked for is written, each time anew


def _write(frame: pd.DataFrame, benchmarks: Sequence[str]) -> list[bytes]:
    bare = frame.drop(columns=["rank", "average", *PLACES.values()], errors="ignore")
    return [orjson.dumps(record) for record in records(bare, benchmarks)]


def _json(
    snapshot: Snapshot,
    positions: np.ndarray,
    ranks: np.ndarray,
    averages: np.ndarray | None = None,
) -> list[orjson.Fragment]:
    asked = _asked_of(snapshot.frame)
    found = []
    for at, (position, written) in enumerate(zip(positions.tolist(), asked.written(positions.tolist()), strict=True)):
        rank = ranks[at]
        own: dict[str, Any] = {"rank": None if math.isnan(rank) else int(rank)}
        own |= asked.published[position] if averages is None else {"average": float(averages[at])}
        found.append(orjson.Fragment(orjson.dumps(own)[:-1] + b"," + written[1:]))
    return found


_asked_of = Recent(_Asked)
