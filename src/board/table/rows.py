"""A frame made ready to be asked: names in lower case, scores at the decimals that count, rows in the board's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from threading import Condition

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache, cachedmethod

from src.board.live.per_frame import per_frame
from src.board.table import url as links
from src.board.table.columns import AVERAGE, DIGITS_KEPT, TYPES, Column, columns
from src.board.table.url import UNKNOWN
from src.core import suites
from src.core.errors import BadInputError
from src.core.statistics.aggregate import AGGREGATIONS, aggregate, points_up

FIELDS = {
    "model": "model",
    "license": "license",
    "architecture": "architecture",
    "precision": "precision",
    "type": "model_type",
    "org": "model",
    "family": "family",
}
"""Where `@field:` of a search looks."""


At = np.ndarray | slice
"""Which rows, by position."""
EVERY = slice(None)


def kept(values: np.ndarray) -> np.ndarray:
    """Return scores at the decimals that are compared, half up, as the browser rounds them too."""
    scale = 10.0**DIGITS_KEPT
    return np.floor(values * scale + 0.5) / scale


class Rows:
    """One frame, read-only; every answer is an array over its rows, in the frame's own order, or over those at `at`.

    What is read of a column is kept, so no caller may change an answer over all rows.
    """

    MOST_ORDERS = 16  # kept

    def __init__(self, frame: pd.DataFrame, of: Sequence[Column] | None = None) -> None:
        self.frame = frame
        self.suite = suites.load(frame.attrs.get("suite", suites.DEFAULT))
        self.columns = list(of or columns(self.suite, frame.attrs.get("columns", ())))
        self.by_key = {column.key: column for column in self.columns}
        self._kept: dict[tuple[str, str], np.ndarray] = {}
        self._texts: dict[str, pa.Array] = {}
        self._lower: dict[str, pa.Array] = {}
        self._codes_of: dict[str, tuple[np.ndarray, list[str]]] = {}
        self._orders: LRUCache[tuple[object, ...], np.ndarray] = LRUCache(self.MOST_ORDERS)
        self._ordered = Condition()

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def base(self) -> np.ndarray:
        """The board's own order: by average, partial rows last, then by name, precision and revision."""
        average = self.score("average")
        keys = [self._codes(path) for path in ("revision", "precision", "model")]
        better = -average if self.is_upward() else average
        order: np.ndarray = np.lexsort([*keys, np.where(np.isnan(average), np.inf, better)])
        return order

    @cached_property
    def place(self) -> np.ndarray:
        """Each row's position in the board's own order."""
        place = np.empty(len(self), dtype=np.int64)
        place[self.base] = np.arange(len(self))
        return place

    @cached_property
    def ranks(self) -> np.ndarray:
        """Each row's place on the whole board by its published average."""
        return rank(self.score("average") if self.is_upward() else -self.score("average"))

    def number(self, path: str, at: At = EVERY) -> np.ndarray:
        """Return a numeric column as float64, NaN where unknown."""
        return _at(self._once("number", path, self._number), at)

    def score(self, path: str, at: At = EVERY) -> np.ndarray:
        """Return a column of scores at the decimals that count; raw values in per cent."""
        times = 100 if path.endswith(".raw") else 1
        if isinstance(at, slice):
            return _at(self._once("score", path, lambda path: kept(self.number(path) * times)), at)
        return kept(self.number(path, at) * times)

    def flag(self, path: str, when: bool, at: At = EVERY) -> np.ndarray:
        """Return where a flag is known to be `when`."""
        return _at(self._once("yes" if when else "no", path, lambda path: self._flag(path, when)), at)

    def text(self, path: str, at: At = EVERY) -> np.ndarray:
        """Return a column of text as objects, None where unknown or empty."""
        texts = self.texts(path)
        chosen = texts.take(pa.array(at)) if isinstance(at, np.ndarray) else texts
        return chosen.to_numpy(zero_copy_only=False)

    def texts(self, path: str) -> pa.Array:
        """Return a column of text, null where unknown or empty."""
        if path not in self._texts:
            self._texts[path] = self._text(path)
        return self._texts[path]

    def lower(self, path: str) -> pa.Array:
        """Return a column of text in lower case, as Python has it."""
        if path not in self._lower:
            texts = self.texts(path)
            if pc.all(pc.string_is_ascii(texts)).as_py() is False:
                lower = pa.array([None if text is None else text.lower() for text in texts.to_pylist()], pa.string())
            else:
                lower = pc.utf8_lower(texts)
            self._lower[path] = lower
        return self._lower[path]

    def _once(self, what: str, path: str, make: Callable[[str], np.ndarray]) -> np.ndarray:
        made = self._kept.get((what, path))
        if made is None:
            made = self._kept[what, path] = make(path)
            made.flags.writeable = False
        return made

    def _number(self, path: str) -> np.ndarray:
        if path not in self.frame:
            return np.full(len(self), np.nan)
        values = pd.to_numeric(self.frame[path], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan) if np.isinf(values).any() else values.view()

    def _flag(self, path: str, when: bool) -> np.ndarray:
        if path not in self.frame:
            return np.zeros(len(self), dtype=bool)
        return (self.frame[path].astype("boolean") == when).fillna(False).to_numpy(dtype=bool)

    def _text(self, path: str) -> pa.Array:
        if path not in self.frame:
            return pa.nulls(len(self), pa.string())
        try:
            texts = pa.array(self.frame[path], pa.string(), from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # what somebody else's table holds: days, numbers
            values, known = self.frame[path].astype(object), self.frame[path].notna()
            texts = pa.array([str(value) if there else None for value, there in zip(values, known, strict=True)])
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)

    def contains(self, field: str, text: str) -> np.ndarray:
        """Return where a field of the search language holds `text` (lower case)."""
        if field == "type":
            wanted = {key for key, words in TYPES.items() if text in key or text in words.title}
            return np.isin(self.text("model_type").astype(str), list(wanted))
        lower = self.lower(FIELDS[field])
        if field == "org":
            lower = pc.list_element(pc.split_pattern(lower, "/", max_splits=1), 0)
        found = pc.match_substring(lower, text).fill_null(field != "model" and text == UNKNOWN)
        return found.to_numpy(zero_copy_only=False)

    def matches(self, pattern: str) -> np.ndarray:
        """Return where the model's name matches a checked pattern."""
        found = pc.match_substring_regex(self.lower("model"), pattern, ignore_case=True)
        return found.fill_null(False).to_numpy(zero_copy_only=False)

    def is_one_of(self, path: str, chosen: Iterable[str]) -> np.ndarray:
        """Return where a column of text is one of the choices, `unknown` standing for a missing value."""
        codes, values = self._coded(path)
        wanted = set(chosen)
        return np.fromiter((value in wanted for value in values), dtype=bool, count=len(values))[codes]

    def tally(self, path: str, among: np.ndarray) -> dict[str, int]:
        """Return how often each value occurs among some rows; values that never occur on the board are left out."""
        codes, values = self._coded(path)
        counts = np.bincount(codes[among], minlength=len(values))
        return {value: int(count) for value, count in zip(values, counts, strict=True)}

    def _coded(self, path: str) -> tuple[np.ndarray, list[str]]:
        """Return a column of text as numbers, and what they stand for, the most frequent first: made once."""
        if path not in self._codes_of:
            texts = pd.Series(self.text(path), dtype=object).fillna(UNKNOWN)
            values = list(texts.value_counts().index)
            self._codes_of[path] = (pd.Index(values).get_indexer(texts), [str(value) for value in values])
        return self._codes_of[path]

    def between_days(self, path: str, first: str | None, last: str | None) -> np.ndarray:
        """Return where a day is known and lies between two, both included."""
        days = pd.Series(self.text(path), dtype=object)
        known = days.notna()
        days = days.fillna("").astype(str).str[:10]
        return (known & (days >= (first or "")) & (days <= (last or "9999-12-31"))).to_numpy()

    def shown(self, keys: Sequence[str] | None) -> list[Column]:
        """Return the columns a reader sees, in the board's order; rank and model are always among them."""
        always = ("rank", "model")
        return [
            column
            for column in self.columns
            if column.key in always or (column.shown if keys is None else column.key in keys)
        ]

    def averages(
        self, shown: Sequence[Column] | None = None, how: str | None = None, weights: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Return the published average.

        Or, asked otherwise, that of the benchmarks among `shown`, aggregated as `how` says.

        weights: benchmark → times its weight in the suite. NaN if a benchmark that counts is missing, and everywhere
        if the benchmarks cannot be aggregated that way.
        """
        if self.is_published(shown, how, weights):
            return self.score("average")
        counted = self._counted(shown)
        times = [column.weight * (weights or {}).get(column.key, 1.0) for column in counted]
        scores = np.column_stack([self.score(column.path) for column in counted])
        better = [column.better == "higher" for column in counted]
        try:
            return kept(aggregate(scores, how or self.suite.aggregation, times, better))
        except BadInputError:
            return np.full(len(self), np.nan)

    def is_published(
        self, shown: Sequence[Column] | None = None, how: str | None = None, weights: Mapping[str, float] | None = None
    ) -> bool:
        """Return whether `averages` asked this way are the published ones, to which rank ranges and errors belong."""
        every = len(self._counted(shown)) == len(self._counted())
        return every and how in (None, self.suite.aggregation) and not weights

    def ranking(
        self, shown: Sequence[Column] | None = None, how: str | None = None, weights: Mapping[str, float] | None = None
    ) -> str:
        """Return what `averages` asked this way are called: "Average", or "Win rate (MATH × 3)"."""
        if self.is_published(shown, how, weights):
            return AVERAGE.title
        counted = self._counted(shown)
        name = AGGREGATIONS[how].label if how and how != self.suite.aggregation else AVERAGE.title
        parts = []
        if len(counted) < len(self._counted()):
            parts.append(f"only {', '.join(column.title for column in counted)}")
        times = weights or {}
        parts += [f"{column.title} × {times[column.key]:g}" for column in counted if column.key in times]
        return f"{name} ({'; '.join(parts)})" if parts else name

    def is_upward(self, how: str | None = None) -> bool:
        """Return whether a larger average is the better one."""
        better = [column.better == "higher" for column in self.columns if column.weight]
        return not better or self.suite.aggregation == "none" or points_up(how or self.suite.aggregation, better)

    def order(self, sorts: Sequence[tuple[str, bool]], averages: np.ndarray, raw: bool = False) -> np.ndarray:
        """Return positions sorted by (column, descending) pairs; missing values last, ties in the board's order."""
        if averages is self.score("average"):
            return self._order(tuple(sorts), raw)
        return self._sorted(sorts, averages, raw)

    @cachedmethod(lambda self: self._orders, condition=lambda self: self._ordered)
    def _order(self, sorts: tuple[tuple[str, bool], ...], raw: bool) -> np.ndarray:
        if sorts == (("average", self.is_upward()),):
            return self.base
        return self._sorted(sorts, self.score("average"), raw)

    def _sorted(self, sorts: Sequence[tuple[str, bool]], averages: np.ndarray, raw: bool) -> np.ndarray:
        keys: list[np.ndarray] = []
        for key, descending in sorts:
            column = self.by_key.get(key)
            if column:
                values = averages if key == "average" else self._sortable(column, raw)
                keys.append(np.where(np.isnan(values), np.inf, -values if descending else values))
        return np.lexsort([self.place, *reversed(keys)]) if keys else self.base

    def find(self, pins: Sequence[str]) -> list[int]:
        """Return the rows that pins name, in their order: by id, by the original board's id, or by a model's name."""
        found: list[int] = []
        for each in pins:
            named = links.pin(each)
            if (at := pc.index(self.texts("id"), each).as_py()) >= 0:
                found.append(at)
            elif named:
                found.extend(self._of_model(*named)[:1])
            else:
                found.extend(self._of_model(each)[:8])
        return list(dict.fromkeys(found))

    def named(self, name: str) -> list[int]:
        """Return the rows of a model in the board's order, by its name in any case or the id of one row."""
        lower = self.lower("model")
        for asked in (name, name.lower()):
            alike = pc.or_kleene(pc.equal(self.texts("id"), asked), pc.equal(lower, asked))
            if asked == name:
                alike = pc.or_kleene(alike, pc.equal(self.texts("model"), asked))
            if at := self._best_first(alike):
                return at
        return []

    def _counted(self, shown: Sequence[Column] | None = None) -> list[Column]:
        every = [column for column in self.columns if column.weight]
        return [column for column in shown or () if column.weight] or every

    def _of_model(self, model: str, precision: str | None = None) -> list[int]:
        same = pc.equal(self.texts("model"), model)
        if precision:
            same = pc.and_kleene(same, pc.equal(self.texts("precision"), precision))
        return self._best_first(same)

    def _best_first(self, chosen: pa.Array) -> list[int]:
        at = np.flatnonzero(chosen.fill_null(False).to_numpy(zero_copy_only=False))
        return at[np.argsort(self.place[at])].tolist()

    def _sortable(self, column: Column, raw: bool) -> np.ndarray:
        if column.kind in ("score", "rank"):
            path = f"{column.key}.raw"
            return self.score(path if raw and path in self.frame else column.path)
        if column.kind == "number":
            return self.number(column.path)
        if column.kind == "flag":
            return np.where(self.flag(column.path, True), 1.0, np.where(self.flag(column.path, False), 0.0, np.nan))
        if column.kind == "type":
            places = {key: at for at, key in enumerate(TYPES)}
            return np.array([places.get(key, np.nan) for key in self.text(column.path)], dtype=np.float64)
        return self._codes(column.path)

    def _codes(self, path: str) -> np.ndarray:
        """Return texts as numbers in their order, upper and lower case alike; NaN where missing."""
        coded = self.lower(path).dictionary_encode()
        places = np.empty(len(coded.dictionary))
        places[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(coded.dictionary))
        codes = coded.indices.to_numpy(zero_copy_only=False)
        known = coded.indices.is_valid().to_numpy(zero_copy_only=False)
        found = np.full(len(codes), np.nan)
        found[known] = places[codes[known].astype(np.int64)]
        return found


def _at(values: np.ndarray, at: At) -> np.ndarray:
    return values if at is EVERY else values[at]


def rank(averages: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """Return places by average, highest first: equal averages share one, missing averages have none (NaN)."""
    ranks = np.full(len(averages), np.nan)
    counted = ~np.isnan(averages) if among is None else ~np.isnan(averages) & among
    ranked = np.sort(averages[counted])
    ranks[counted] = len(ranked) - np.searchsorted(ranked, averages[counted], side="right") + 1
    return ranks


@per_frame(12)
def rows_of(frame: pd.DataFrame) -> Rows:
    """Return the rows of a frame, made ready once for all that ask."""
    return Rows(frame)
