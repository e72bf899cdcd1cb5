"""What a reader asks of the table: search, filters, sort, pins; to and from the URL, and run on a frame.

`assets/table/query.js` answers the same questions in the browser; `tests/data/query_cases.json` runs through both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import numpy as np
import pandas as pd

from src.board.table import url as links
from src.board.table.columns import ALL_SIZES, AVERAGE, HIDES, PRECISION_SHORT, Column
from src.board.table.rows import Rows, rank, rows_of
from src.board.table.search import Search, Term, parse, size_pattern
from src.board.table.url import Sort

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
        """Return the query in a URL's parameters, ours or the original board's; what makes no sense is left out."""
        return cls(**links.read(params))

    def to_params(self) -> dict[str, str]:
        """Return the shortest URL parameters that `parse` reads back: only what differs from the default."""
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
    ranking: str = AVERAGE.title  # what the averages are called
    is_ranged: bool = True  # the board's own intervals of ranks belong to `ranks`: same averages, same rows
    problem: str | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # beside each choice of each filter


def of_page(params: Mapping[str, str]) -> Query:
    """Return the query of a page's address: rows reported for training on the benchmarks are hidden until asked for."""
    query = Query.parse(params)
    says_what_to_hide = "hide" in params or "filters" in params
    return query if says_what_to_hide else replace(query, hide=HIDDEN)


HIDDEN = ("flagged",)
"""What pages hide if their address does not say; the API and files hide nothing by themselves."""


def run(frame: pd.DataFrame | Rows, query: Query, counts: Iterable[str] = ()) -> Selection:
    """Answer `query` on a frame, with counts beside the choices of some filters (of `COUNTED`).

    A search that cannot be read matches nothing and says why in `problem`.
    """
    rows = frame if isinstance(frame, Rows) else rows_of(frame)
    search = parse(query.q)
    passed = {"q": _searched(rows, search), **_filtered(rows, query)}
    matching = np.logical_and.reduce(list(passed.values()))
    pinned = rows.find(query.pinned)
    average = (rows.shown(query.columns) if query.average == "shown" else None, query.aggregate, dict(query.weights))
    averages = rows.averages(*average)
    upward = rows.is_upward(query.aggregate)
    if query.rank == "shown":
        among = matching.copy()
        among[pinned] = True
        ranks = rank(averages if upward else -averages, among)
    else:
        ranks = rows.ranks if averages is rows.score("average") else rank(averages if upward else -averages)

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
        ranking=rows.ranking(*average),
        is_ranged=rows.is_published(*average) and query.rank == "all",
        problem=search.problem,
        counts={group: _counts(rows, group, passed) for group in counts},
    )


def shown(rows: Rows, query: Query, selection: Selection) -> list[Column]:
    """Return the columns a reader of `query` sees; an average of the reader's own is called what it is."""
    return [
        column
        if column.key != "average" or selection.is_published
        else replace(column, title=selection.ranking, help=f"{selection.ranking}: chosen here, not the board’s own.")
        for column in rows.shown(query.columns)
    ]


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
        elif term.kind == "size":
            found &= rows.matches(size_pattern(term.text))
        elif term.kind == "word":
            found &= rows.contains("model", term.text)
        else:
            in_field = rows.contains(term.field, term.text)
            if term.field == "precision":  # bf16 stands for bfloat16
                in_field |= rows.is_one_of(
                    "precision", [key for key, short in PRECISION_SHORT.items() if term.text in short]
                )
            found &= in_field
    return found


def _filtered(rows: Rows, query: Query) -> dict[str, np.ndarray]:
    """Return which rows pass each group of choices that the query makes."""
    passed = {}
    for group, path in CHOICES.items():
        if chosen := getattr(query, group):
            passed[group] = rows.is_one_of(path, chosen)
    if query.size:
        passed["size"] = np.logical_or.reduce(
            [_within(rows, size.low, size.high) for size in ALL_SIZES if size.key in query.size]
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


COUNTED = (*CHOICES, "size", "hide", "official")
"""Filters whose choices can have counts."""


def _counts(rows: Rows, group: str, passed: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return how many rows each choice of a filter would leave, all other filters staying as they are."""
    rest = [mask for name, mask in passed.items() if name != group]
    others = np.logical_and.reduce(rest) if rest else np.ones(len(rows), dtype=bool)
    if group == "size":
        return {size.key: int((others & _within(rows, size.low, size.high)).sum()) for size in ALL_SIZES}
    if group == "hide":
        return {hide.key: int((others & rows.flag(hide.path, hide.when)).sum()) for hide in HIDES}
    if group == "official":
        return {"1": int((others & rows.flag("official", True)).sum())}
    return rows.tally(CHOICES[group], others)
