"""What a query lists, as plain values: one record a row, for everything that is not the page's own table."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
        """The listed rows of the frame, with this query's `rank` and, where it asks for another, its `average`."""
        listed = self.rows.frame.iloc[self.positions].copy()
        listed["rank"] = pd.array(self.selection.ranks[self.start : self.end], dtype="Float64").astype("Int64")
        if self.query.average == "shown":
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
        written = _written_of(self.snapshot.frame)
        ranks = self.selection.ranks[self.start : self.end].tolist()
        averages = self.selection.averages[self.start : self.end].tolist() if self.query.average == "shown" else None
        found = []
        for at, (position, rank) in enumerate(zip(self.positions.tolist(), ranks, strict=True)):
            own = {"rank": None if math.isnan(rank) else int(rank)} | ({"average": averages[at]} if averages else {})
            found.append(orjson.Fragment(orjson.dumps(own)[:-1] + b"," + written[averages is not None][position][1:]))
        return found


def listing(snapshot: Snapshot, query: Query, limit: int | None = None, offset: int = 0) -> Listing:
    """The rows of `query`, pinned ones first. Raises BadInput for a search that cannot be read."""
    rows = rows_of(snapshot.frame)
    selection = run(rows, query)
    if selection.problem:
        raise BadInput(selection.problem)
    end = len(selection.rows) if limit is None else min(len(selection.rows), offset + limit)
    return Listing(snapshot, query, rows, selection, min(offset, end), end)


def of_model(snapshot: Snapshot, model: str) -> pd.DataFrame:
    """Every row of a model, best first, with its rank on the whole board. Raises NotFound where there is none.

    `model` is a name or the id of one row.
    """
    whole = listing(snapshot, Query())
    frame = whole.frame
    found = frame[(frame["model"] == model) | (frame["id"] == model)]
    if found.empty:
        folded = frame[frame["model"].str.lower() == model.lower()]
        if folded.empty:
            raise NotFound(
                f"{snapshot.suite.title} has no results of '{model[:200]}'. "
                "Check the spelling, or see whether it waits in the queue."
            )
        return folded.reset_index(drop=True)
    return found.reset_index(drop=True)


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


def _write_all(frame: pd.DataFrame) -> tuple[list[bytes], list[bytes]]:
    """Every row's record as JSON without its rank; and without its average, which some queries reckon anew."""
    benchmarks = [benchmark.key for benchmark in suites.load(frame.attrs["suite"]).benchmarks]
    whole = records(frame.drop(columns="rank", errors="ignore"), benchmarks)
    bare = ({name: value for name, value in record.items() if not name.startswith("average")} for record in whole)
    return [orjson.dumps(record) for record in whole], [orjson.dumps(record) for record in bare]


rows_of = Recent(Rows)
_written_of = Recent(_write_all, most=4)
