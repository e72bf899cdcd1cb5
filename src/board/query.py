"""What a reader asks of the table: search, filters, sort, pins; to and from the URL, and run on a frame.

`assets/table/query.js` answers the same questions in the browser; `tests/data/query_cases.json` runs through both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
import pandas as pd

from src.board import links
from src.board.columns import HIDES, SIZES
from src.board.rows import Rows
from src.board.search import Search, Term, parse


@dataclass(frozen=True)
class Sort:
    """One column to sort by; missing values come last either way."""

    key: str
    descending: bool = True


DEFAULT_SORT = (Sort("average"),)


@dataclass(frozen=True)
class Query:
    """One view of a board. Empty choices filter nothing; ranges are (from, to) with None for an open end."""

    q: str = ""
    types: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    precision: tuple[str, ...] = ()
    license: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    params: tuple[float | None, float | None] = (None, None)  # from ≤ billions < to
    uploaded: tuple[str | None, str | None] = (None, None)  # days, both included
    submitted: tuple[str | None, str | None] = (None, None)
    hide: tuple[str, ...] = ()
    official: bool = False
    columns: tuple[str, ...] | None = None  # None: the default ones
    sort: tuple[Sort, ...] = DEFAULT_SORT
    pinned: tuple[str, ...] = ()
    score: Literal["normalised", "raw"] = "normalised"
    rank: Literal["all", "shown"] = "all"
    average: Literal["all", "shown"] = "all"
    aggregate: str | None = None  # a key of AGGREGATIONS; None: the suite's own way
    weights: tuple[tuple[str, float], ...] = ()  # benchmark, how many times its own weight; those of 1 are left out
    suite: str | None = None

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> Query:
        """The query in a URL's parameters, ours or the original board's; what makes no sense is left out."""
        return cls(**links.read(params))

    def to_params(self) -> dict[str, str]:
        """The shortest URL parameters that `parse` reads back: only what differs from the default."""
        default = Query()
        return {
            each.name: links.write(each.name, getattr(self, each.name))
            for each in fields(self)
            if getattr(self, each.name) != getattr(default, each.name)
        }


@dataclass(frozen=True)
class Selection:
    """The answer: positions in the frame, pinned rows first; `ranks` and `averages` belong to them, NaN if none."""

    rows: np.ndarray
    pinned: int
    matches: int  # rows that pass the filters, pinned or not
    ranks: np.ndarray
    averages: np.ndarray
    is_published: bool = True  # the averages
    problem: str | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # beside each choice of each filter


def run(frame: pd.DataFrame | Rows, query: Query, counts: bool = False) -> Selection:
    """Answer `query` on a frame. A search that cannot be read matches nothing and says why in `problem`."""
    rows = frame if isinstance(frame, Rows) else Rows(frame)
    search = parse(query.q)
    passed = {"q": _searched(rows, search), **_filtered(rows, query)}
    matching = np.logical_and.reduce(list(passed.values()))
    pinned = rows.find(query.pinned)
    shown = rows.shown(query.columns)
    average = (shown if query.average == "shown" else None, query.aggregate, dict(query.weights))
    averages = rows.averages(*average)
    upward = rows.is_upward(query.aggregate)
    among = matching.copy()
    among[pinned] = True
    ranks = rank(averages if upward else -averages, among if query.rank == "shown" else None)

    sorts = (Sort("average", upward),) if query.sort == DEFAULT_SORT else query.sort  # the best first, whichever way
    order = rows.order([(sort.key, sort.descending) for sort in sorts], averages, raw=query.score == "raw")
    listed = matching.copy()
    listed[pinned] = False
    found = np.concatenate([np.asarray(pinned, dtype=np.int64), order[listed[order]]])
    return Selection(
        rows=found,
        pinned=len(pinned),
        matches=int(matching.sum()),
        ranks=ranks[found],
        averages=averages[found],
        is_published=rows.is_published(*average),
        problem=search.problem,
        counts=_counts(rows, passed) if counts else {},
    )


def rank(averages: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """Places by average, highest first: equal averages share one, missing averages have none (NaN)."""
    ranks = np.full(len(averages), math.nan)
    counted = ~np.isnan(averages) if among is None else ~np.isnan(averages) & among
    ranked = np.sort(averages[counted])
    ranks[counted] = len(ranked) - np.searchsorted(ranked, averages[counted], side="right") + 1
    return ranks


def _searched(rows: Rows, search: Search) -> np.ndarray:
    if search.problem:
        return np.zeros(len(rows), dtype=bool)
    if not search.alternatives:
        return np.ones(len(rows), dtype=bool)
    return np.logical_or.reduce([_all(rows, terms) for terms in search.alternatives])


def _all(rows: Rows, terms: Iterable[Term]) -> np.ndarray:
    found = np.ones(len(rows), dtype=bool)
    for term in terms:
        if term.kind == "pattern":
            found &= rows.matches(term.text)
        elif term.kind == "word":
            found &= rows.contains("model", term.text)
        else:
            found &= rows.contains(term.field, term.text)
    return found


def _filtered(rows: Rows, query: Query) -> dict[str, np.ndarray]:
    """Which rows pass each group of choices that the query makes."""
    passed = {}
    for group, path in CHOICES.items():
        if chosen := getattr(query, group):
            passed[group] = rows.is_one_of(path, chosen)
    if query.size:
        passed["size"] = np.logical_or.reduce(
            [_within(rows, size.low, size.high) for size in SIZES if size.key in query.size]
        )
    if query.params != (None, None):
        passed["params"] = _within(rows, *query.params)
    for group, path in (("uploaded", "upload_date"), ("submitted", "submission_date")):
        if (days := getattr(query, group)) != (None, None):
            passed[group] = rows.between_days(path, *days)
    if query.hide:
        passed["hide"] = ~np.logical_or.reduce(
            [rows.flag(hide.path, hide.when) for hide in HIDES if hide.key in query.hide]
        )
    if query.official:
        passed["official"] = rows.flag("official", True)
    return passed


CHOICES = {"types": "model_type", "family": "family", "precision": "precision", "license": "license"}
"""Filters by a list of values, and where in the frame the values lie."""


def _within(rows: Rows, low: float | None, high: float | None) -> np.ndarray:
    size = rows.number("params_b")
    return (size >= (-math.inf if low is None else low)) & (size < (math.inf if high is None else high))


def _counts(rows: Rows, passed: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """How many rows each choice would leave, all other groups staying as they are."""

    def others(group: str) -> np.ndarray:
        rest = [mask for name, mask in passed.items() if name != group]
        return np.logical_and.reduce(rest) if rest else np.ones(len(rows), dtype=bool)

    counts = {group: rows.tally(path, others(group)) for group, path in CHOICES.items()}
    within = others("size")
    counts["size"] = {size.key: int((within & _within(rows, size.low, size.high)).sum()) for size in SIZES}
    visible = others("hide")
    counts["hide"] = {hide.key: int((visible & rows.flag(hide.path, hide.when)).sum()) for hide in HIDES}
    counts["official"] = {"1": int((others("official") & rows.flag("official", True)).sum())}
    return counts
