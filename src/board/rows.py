"""A frame made ready to be asked: names in lower case, scores at the decimals that count, rows in the board's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from src.board import links
from src.board.columns import DIGITS_KEPT, TYPES, Column, columns
from src.board.links import UNKNOWN
from src.core import suites
from src.core.errors import BadInput
from src.core.statistics.aggregate import aggregate, points_up

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
    """Scores at the decimals that are compared, half up, as the browser rounds them too."""
    scale = 10.0**DIGITS_KEPT
    return np.floor(values * scale + 0.5) / scale


class Rows:
    """One frame, read-only; every answer is an array over its rows, in the frame's own order, or over those at `at`."""

    def __init__(self, frame: pd.DataFrame, of: Sequence[Column] | None = None) -> None:
        self.frame = frame
        self.suite = suites.load(frame.attrs.get("suite", suites.DEFAULT))
        self.columns = list(of or columns(self.suite))
        self.by_key = {column.key: column for column in self.columns}
        self._lower: dict[str, pa.Array] = {}

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
    def ids(self) -> dict[str, int]:
        """Where each id lies."""
        return {row_id: at for at, row_id in enumerate(self.frame["id"])}

    def number(self, path: str, at: At = EVERY) -> np.ndarray:
        """A numeric column as float64, NaN where unknown."""
        if path not in self.frame:
            return np.full(len(self), np.nan)[at]
        values = pd.to_numeric(self.frame[path].iloc[at], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)

    def score(self, path: str, at: At = EVERY) -> np.ndarray:
        """A column of scores at the decimals that count; raw values in per cent."""
        return kept(self.number(path, at) * (100 if path.endswith(".raw") else 1))

    def flag(self, path: str, when: bool, at: At = EVERY) -> np.ndarray:
        """Where a flag is known to be `when`."""
        if path not in self.frame:
            return np.zeros(len(self), dtype=bool)[at]
        return (self.frame[path].iloc[at].astype("boolean") == when).fillna(False).to_numpy(dtype=bool)

    def text(self, path: str, at: At = EVERY) -> np.ndarray:
        """A column of text as objects, None where unknown or empty."""
        if path not in self.frame:
            return np.full(len(self), None, dtype=object)[at]
        values = self.frame[path].iloc[at].astype(object)
        texts: np.ndarray = values.to_numpy(dtype=object, copy=True)
        texts[(values.isna() | (values == "")).to_numpy()] = None
        return texts

    def lower(self, path: str) -> pa.Array:
        """A column of text in lower case."""
        if path not in self._lower:
            texts = pd.Series(self.text(path), dtype=object)
            self._lower[path] = pa.array([None if text is None else str(text).lower() for text in texts], pa.string())
        return self._lower[path]

    def contains(self, field: str, text: str) -> np.ndarray:
        """Where a field of the search language holds `text` (lower case)."""
        if field == "type":
            wanted = {key for key, words in TYPES.items() if text in key or text in words.title}
            return np.isin(self.text("model_type").astype(str), list(wanted))
        lower = self.lower(FIELDS[field])
        if field == "org":
            lower = pc.list_element(pc.split_pattern(lower, "/", max_splits=1), 0)
        found = pc.match_substring(lower, text).fill_null(field != "model" and text == UNKNOWN)
        return found.to_numpy(zero_copy_only=False)

    def matches(self, pattern: str) -> np.ndarray:
        """Where the model's name matches a checked pattern."""
        found = pc.match_substring_regex(self.lower("model"), pattern, ignore_case=True)
        return found.fill_null(False).to_numpy(zero_copy_only=False)

    def is_one_of(self, path: str, chosen: Iterable[str]) -> np.ndarray:
        """Where a column of text is one of the choices, `unknown` standing for a missing value."""
        values = pd.Series(self.text(path), dtype=object)
        return values.fillna(UNKNOWN).isin(list(chosen)).to_numpy()

    def tally(self, path: str, among: np.ndarray) -> dict[str, int]:
        """How often each value occurs among some rows; values that never occur on the board are left out."""
        values = pd.Series(self.text(path), dtype=object).fillna(UNKNOWN)
        every = values.value_counts()
        return {
            str(value): int(n) for value, n in values[among].value_counts().reindex(every.index, fill_value=0).items()
        }

    def between_days(self, path: str, first: str | None, last: str | None) -> np.ndarray:
        """Where a day is known and lies between two, both included."""
        days = pd.Series(self.text(path), dtype=object)
        known = days.notna()
        days = days.fillna("").astype(str).str[:10]
        return (known & (days >= (first or "")) & (days <= (last or "9999-12-31"))).to_numpy()

    def shown(self, keys: Sequence[str] | None) -> list[Column]:
        """The columns a reader sees, in the board's order; rank and model are always among them."""
        always = ("rank", "model")
        return [
            column
            for column in self.columns
            if column.key in always or (column.shown if keys is None else column.key in keys)
        ]

    def averages(
        self, shown: Sequence[Column] | None = None, how: str | None = None, weights: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """The published average; or, asked otherwise, that of the benchmarks among `shown`, aggregated as `how` says.

        weights: benchmark → times its weight in the suite. NaN where a benchmark that counts is missing, and everywhere
        where the benchmarks cannot be aggregated that way.
        """
        if self.is_published(shown, how, weights):
            return self.score("average")
        counted = self._counted(shown)
        times = [column.weight * (weights or {}).get(column.key, 1.0) for column in counted]
        scores = np.column_stack([self.score(column.path) for column in counted])
        better = [column.better == "higher" for column in counted]
        try:
            return kept(aggregate(scores, how or self.suite.aggregation, times, better))
        except BadInput:
            return np.full(len(self), np.nan)

    def is_published(
        self, shown: Sequence[Column] | None = None, how: str | None = None, weights: Mapping[str, float] | None = None
    ) -> bool:
        """Whether `averages` asked this way are the published ones, to which rank ranges and errors belong."""
        every = len(self._counted(shown)) == len(self._counted())
        return every and how in (None, self.suite.aggregation) and not weights

    def is_upward(self, how: str | None = None) -> bool:
        """Whether a larger average is the better one."""
        better = [column.better == "higher" for column in self.columns if column.weight]
        return not better or self.suite.aggregation == "none" or points_up(how or self.suite.aggregation, better)

    def order(self, sorts: Sequence[tuple[str, bool]], averages: np.ndarray, raw: bool = False) -> np.ndarray:
        """Positions sorted by (column, descending) pairs, missing values last either way, ties in the board's order."""
        keys: list[np.ndarray] = []
        for key, descending in sorts:
            column = self.by_key.get(key)
            if column:
                values = averages if key == "average" else self._sortable(column, raw)
                keys.append(np.where(np.isnan(values), np.inf, -values if descending else values))
        return np.lexsort([self.place, *reversed(keys)]) if keys else self.base

    def find(self, pins: Sequence[str]) -> list[int]:
        """The rows that pins name, in their order: by id, by the original board's id, or by a model's name."""
        found: list[int] = []
        for each in pins:
            named = links.pin(each)
            if each in self.ids:
                found.append(self.ids[each])
            elif named:
                found.extend(self._of_model(*named)[:1])
            else:
                found.extend(self._of_model(each)[:8])
        return list(dict.fromkeys(found))

    def _counted(self, shown: Sequence[Column] | None = None) -> list[Column]:
        every = [column for column in self.columns if column.weight]
        return [column for column in shown or () if column.weight] or every

    def _of_model(self, model: str, precision: str | None = None) -> list[int]:
        same = self.text("model") == model
        if precision:
            same &= self.text("precision") == precision
        return sorted(np.flatnonzero(same).tolist(), key=lambda at: int(self.place[at]))

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
        """Texts as numbers in their order, upper and lower case alike; NaN where missing."""
        codes, _ = pd.factorize(pd.Series(self.lower(path).to_pandas(), dtype=object), sort=True)
        return np.where(codes < 0, np.nan, codes.astype(np.float64))
