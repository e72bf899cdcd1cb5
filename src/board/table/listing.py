"""What a query lists, as plain values: one record a row, for everything that is not the page's own table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Condition
from typing import Any

import numpy as np
import orjson
import pandas as pd
from cachetools import LRUCache, cached

from src.board.live.per_frame import per_frame
from src.board.live.snapshot import Snapshot
from src.board.table.columns import Column
from src.board.table.query import Query, Selection, run, shown
from src.board.table.rows import EVERY, Rows, rows_of
from src.core import suites
from src.core.errors import BadInputError, NotFoundError

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
    "set_size",
    "coverage",
    "uacc",
    "ece",
    "served",
    "tokens_per_item",
    "seconds_per_item",
    "dollars",
    "sensitivity",
)
"""What a record says of a row beside its scores; unknown is None."""

CERTAINTY = ("se", "low", "high", "approximate")
"""What a record adds to a score if the frame has it: standard error and 95 % interval, in points; and whether they come
from counts, not from the graded items."""

PLACES = {"rank_low": "rank.low", "rank_high": "rank.high", "tied": "tied", "tier": "tier"}
"""What a record adds to the rank, of the whole board: its range, whether it may be the best, and its tier."""

OF_THE_PUBLISHED = {f"average_{part}": f"average.{part}" for part in CERTAINTY} | PLACES
"""What is known of the published average and of the rank by it, and of no other."""


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
        """The listed rows of the frame, with this query's `rank` and, if it asks for another, its bare `average`."""
        listed = self.rows.frame.iloc[self.positions].copy()
        listed["rank"] = pd.array(self.selection.ranks[self.start : self.end], dtype="Float64").astype("Int64")
        if not self.selection.is_ranged:
            listed = listed.drop(columns=list(PLACES.values()), errors="ignore")
        if not self.selection.is_published:
            listed = listed.drop(columns=list(OF_THE_PUBLISHED.values()), errors="ignore")
            listed["average"] = self.selection.averages[self.start : self.end]
        return listed.reset_index(drop=True)

    @property
    def columns(self) -> list[Column]:
        """The columns a reader of this query sees."""
        return shown(self.rows, self.query, self.selection)

    def records(self) -> list[dict[str, Any]]:
        """Return one plain dict a row."""
        return records(self.frame, [benchmark.key for benchmark in self.snapshot.suite.benchmarks])

    def json(self) -> list[orjson.Fragment]:
        """Return the same records, written once for each row of a snapshot however often they are listed."""
        averages = None if self.selection.is_published else self.selection.averages[self.start :]
        ranks = self.selection.ranks[self.start :]
        return _json(self.snapshot, self.positions, ranks, averages, is_ranged=self.selection.is_ranged)


def listing(snapshot: Snapshot, query: Query, limit: int | None = None, offset: int = 0) -> Listing:
    """Return the rows of `query`, pinned ones first. Raises BadInputError for a search that cannot be read."""
    asked = _asked_of(snapshot.frame)
    selection = asked.select(query)
    if selection.problem:
        raise BadInputError(selection.problem)
    end = len(selection.rows) if limit is None else min(len(selection.rows), offset + limit)
    return Listing(snapshot, query, asked.rows, selection, min(offset, end), end)


@dataclass(frozen=True)
class ModelRows:
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
        """Return one of them as plain values."""
        frame = self.frame.iloc[at : at + 1]
        return {name: plain(frame[name])[0] for name in frame.columns}

    def json(self) -> list[orjson.Fragment]:
        """Return one record a row, as a listing has them."""
        return _json(self.snapshot, self.positions, self.ranks)


def of_model(snapshot: Snapshot, model: str) -> ModelRows:
    """Return every row of a model: `model` is its name, in any case, or the id of one row. Raises NotFoundError."""
    asked = _asked_of(snapshot.frame)
    positions = asked.rows.named(model)
    if not positions:
        raise NotFoundError(
            f"{snapshot.suite.title} has no results of '{model[:200]}'. "
            "Check the spelling, or see whether it waits in the queue."
        )
    return ModelRows(snapshot, np.array(positions), asked.rows.ranks[positions])


def records(frame: pd.DataFrame, benchmarks: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows of a frame as dicts of plain values.

    Id, rank, facts, `average`, and `benchmarks` → key → raw, score, …
    """
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
    """Return a column as Python values, None if unknown."""
    values = series.astype(object)
    known = values.notna() & ~values.isin([np.inf, -np.inf])
    return [_scalar(value) if there else None for value, there in zip(values, known, strict=True)]


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _measure(frame: pd.DataFrame, key: str, bare: str | None = None) -> Mapping[str, list[Any]]:
    parts = {"raw": f"{key}.raw", "score": f"{key}.score"} if bare is None else {bare: key}
    parts |= {part: f"{key}.{part}" for part in (*CERTAINTY, "claimed")}
    return {part: plain(frame[path]) for part, path in parts.items() if path in frame}


class _Asked:
    """A frame that is asked again and again: its rows made ready, where each name lies, what was last selected."""

    MOST = 32  # selections kept

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.rows = rows_of(frame)
        # the pages of one listing share its answer
        self.select: Callable[[Query], Selection] = cached(LRUCache(self.MOST), condition=Condition())(
            partial(run, self.rows)
        )

    def written(self, positions: Sequence[int]) -> list[bytes]:
        """Return the records of these rows as JSON, without rank and average and what is known of them."""
        if len(self.frame) <= KEPT_WHOLE:
            return [self._whole[position] for position in positions]
        return _write(self.frame.iloc[list(positions)], self._keys)

    @cached_property
    def _whole(self) -> list[bytes]:
        return _write(self.frame, self._keys)

    @cached_property
    def _keys(self) -> list[str]:
        return [benchmark.key for benchmark in suites.load(self.frame.attrs["suite"]).benchmarks]

    def published(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return these rows' published averages with what is known of them and of their ranks."""
        if len(self.frame) <= KEPT_WHOLE:
            return [self._published[position] for position in positions]
        return _published(self.frame, list(positions))

    @cached_property
    def _published(self) -> list[dict[str, Any]]:
        return _published(self.frame)


KEPT_WHOLE = 20_000  # rows; of a larger board only the requested rows are written, at every request


def _write(frame: pd.DataFrame, benchmarks: Sequence[str]) -> list[bytes]:
    bare = frame.drop(columns=["rank", "average", *PLACES.values()], errors="ignore")
    return [orjson.dumps(record) for record in records(bare, benchmarks)]


def _published(frame: pd.DataFrame, at: list[int] | slice = EVERY) -> list[dict[str, Any]]:
    parts = {"average": "average"} | OF_THE_PUBLISHED
    columns = {name: plain(frame[path].iloc[at]) for name, path in parts.items() if path in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _json(
    snapshot: Snapshot,
    positions: np.ndarray,
    ranks: np.ndarray,
    averages: np.ndarray | None = None,
    is_ranged: bool = True,
) -> list[orjson.Fragment]:
    asked = _asked_of(snapshot.frame)
    listed = positions.tolist()
    known = asked.published(listed) if averages is None else [{"average": float(each)} for each in averages]
    found = []
    for about, rank, written in zip(known, ranks.tolist(), asked.written(listed), strict=False):
        kept = about if is_ranged else {key: each for key, each in about.items() if key not in PLACES}
        own = {"rank": None if math.isnan(rank) else int(rank), **kept}
        found.append(orjson.Fragment(orjson.dumps(own)[:-1] + b"," + written[1:]))
    return found


@per_frame(12)
def _asked_of(frame: pd.DataFrame) -> _Asked:
    return _Asked(frame)
