"""What a query lists, as plain values: one record a row, for everything that is not the page's own table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from src.board.columns import Column
from src.board.query import Query, Selection, run
from src.board.rows import Rows
from src.board.snapshot import Snapshot
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
    top = {name: plain(frame[name]) for name in ("id", "rank", *FACTS) if name in frame}
    average = _measure(frame, "average", "value")
    scores = {key: _measure(frame, key) for key in benchmarks}
    listed = []
    for at in range(len(frame)):
        record: dict[str, Any] = {name: values[at] for name, values in top.items()}
        record["average"] = average["value"][at]
        for part in CERTAINTY:
            if part in average:
                record[f"average_{part}"] = average[part][at]
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


_RECENT: OrderedDict[int, tuple[pd.DataFrame, Rows]] = OrderedDict()
_MOST_FRAMES = 12
_LOCK = Lock()


def rows_of(frame: pd.DataFrame) -> Rows:
    """`Rows` of a frame that is asked again and again: its lower-cased names and orders are reckoned once."""
    with _LOCK:
        known = _RECENT.get(id(frame))
        if known is None:
            known = _RECENT[id(frame)] = (frame, Rows(frame))  # the frame is kept, so that its id stays its own
            while len(_RECENT) > _MOST_FRAMES:
                _RECENT.popitem(last=False)
        _RECENT.move_to_end(id(frame))
        return known[1]
