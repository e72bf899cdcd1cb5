r"""What the browser gets of a snapshot: columns as compact JSON, named by their bytes so that they may be cached.

A column is one of `{"lines": "a\nb"}` (names), `{"values": [...], "codes": [...]}` (words; -1 unknown),
`{"numbers": [...]}` (null unknown), `{"days": [...]}` (since 1970-01-01) or `{"flags": "10-"}` (- unknown); rows come
in the board's own order.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pandas as pd
from cachetools import LRUCache

from src.board.audit import touched
from src.board.table.columns import DIGITS_KEPT, HIDES, OLD_SIZES, PRECISION_SHORT, SIZES, TYPES, Column
from src.board.table.query import Query, Selection
from src.board.table.rows import kept, rows_of
from src.core import suites
from src.core.model.memory import run_gb_at

LONGEST_TEXT = 300
"""Characters of one cell; a longer one is cut, since somebody may write megabytes into a licence."""

MOST_WRITTEN = 5_000
"""Rows whose HTML is kept, of about 1.5 kB each."""

CERTAINTY = ("average.se", "rank.low", "rank.high", "tied")
"""What is known of a row's certainty and belongs to the first screen, if the frame has it."""


@dataclass(frozen=True)
class File:
    """One answer: its bytes, and a name that changes when they do."""

    body: bytes

    @cached_property
    def name(self) -> str:
        """A hash of the bytes."""
        return hashlib.sha256(self.body).hexdigest()[:16]

    @cached_property
    def brotli(self) -> bytes:
        """The bytes, compressed for a browser that takes brotli."""
        import brotli

        # beyond this the finer search costs seconds and gains a few per cent
        return brotli.compress(self.body, quality=9 if len(self.body) < 3_000_000 else 5)

    @cached_property
    def gzip(self) -> bytes:
        """The bytes, compressed for any other browser."""
        import gzip

        return gzip.compress(self.body, compresslevel=6, mtime=0)


class Payload:
    """One snapshot as the browser gets it: what the first screen, search and filters need, and the rest on demand."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.suite = suites.load(frame.attrs.get("suite", suites.DEFAULT))
        self.rows = rows_of(frame)
        present = set(frame.columns)
        self.written: LRUCache[Hashable, Any] = LRUCache(MOST_WRITTEN)  # what a page made of single rows
        self.columns = [column for column in self.rows.columns if column.kind == "rank" or column.path in present]

    @cached_property
    def core(self) -> File:
        """The columns that the first screen, search and filters need."""
        columns = {column.key: self._column(column) for column in self.columns if column.core and column.kind != "rank"}
        columns.update(self._certainty(CERTAINTY))
        ids = self.rows.frame["id"].iloc[self.rows.base]
        columns["audit"] = {"flags": "".join("1" if each in self.audited else "0" for each in ids)}
        return File(_json({"n": len(self.rows), **self._identity(), "columns": columns}))

    @cached_property
    def extra(self) -> File:
        """The other columns, fetched when one is shown."""
        columns = {column.key: self._column(column) for column in self.columns if not column.core}
        return File(_json({"n": len(self.rows), "columns": columns}))

    @cached_property
    def certainty(self) -> File | None:
        """How sure each score is, fetched when all else is on screen; None if the frame does not say."""
        keys = [column.key for column in self.columns if column.kind == "score" and column.group == "scores"]
        columns = self._certainty([f"{key}.{what}" for key in keys for what in ("se", "at_chance", "approximate")])
        return File(_json({"n": len(self.rows), "columns": columns})) if columns else None

    def about(self, query: Query, selection: Selection) -> dict[str, Any]:
        """Describe the board and the view of `query` to the page's script, which has no table of its own of these."""
        return self._described | {"query": {**asdict(query), "pinned": self._pinned(query, selection)}}

    @cached_property
    def _described(self) -> dict[str, Any]:
        return {
            "suite": self.suite.name,
            "aggregation": self.suite.aggregation,
            "columns": [_described(column) for column in self.columns],
            "types": [{"key": key, **words._asdict()} for key, words in TYPES.items()],
            "sizes": [asdict(size) for size in SIZES] + [asdict(size) | {"old": True} for size in OLD_SIZES],
            "flagged": int(self.rows.flag("flagged", True).sum()),
            "gb": {str(bits): run_gb_at(1.0, bits) for bits in (4, 8, 16)},
            "hides": [asdict(hide) for hide in HIDES],
            "precisions": PRECISION_SHORT,
            "scales": self.scales,
            "total": len(self.rows),
        }

    def _pinned(self, query: Query, selection: Selection) -> list[str]:
        """Return the pins as ids of rows, those that name no row as they are."""
        ids = self.rows.frame["id"]
        found = [ids.iloc[row] for row in selection.rows[: selection.pinned]]
        return [*found, *(pin for pin in query.pinned if not self.rows.find([pin]))]

    @cached_property
    def scales(self) -> dict[str, list[float]]:
        """The ends of each score's tint: what the lower twentieth and the best reach."""
        scales = {}
        for column in self.columns:
            values = self.rows.score(column.path) if column.kind == "score" else np.array([])
            if (values := values[~np.isnan(values)]).size:
                ends = (np.quantile(values, 0.05), values.max())
                if column.better == "lower":
                    ends = (np.quantile(values, 0.95), values.min())
                scales[column.key] = [float(end) for end in ends]
        return scales

    @cached_property
    def audited(self) -> frozenset[str]:
        """Ids of the rows that the audit has a question about."""
        return frozenset(touched(self.rows.frame, self.suite.name))

    @cached_property
    def repeated(self) -> np.ndarray:
        """Whether each row's model has another row: then its name alone does not say which run is meant."""
        return self.rows.frame["model"].duplicated(keep=False).to_numpy()

    def _identity(self) -> dict[str, Any]:
        """Ids that are not simply model~precision, and the rows whose models repeat."""
        frame = self.rows.frame[["id", "model", "precision"]].iloc[self.rows.base]
        plain = frame["model"].astype(str) + "~" + frame["precision"].fillna("").astype(str)
        odd = np.flatnonzero((frame["id"] != plain).to_numpy())
        return {
            "ids": {int(row): clean(frame["id"].iloc[row]) for row in odd},
            "repeated": np.flatnonzero(self.repeated[self.rows.base]).tolist(),
        }

    def _column(self, column: Column) -> dict[str, Any]:
        at = self.rows.base
        if column.kind == "model":
            return {"lines": "\n".join(clean(text) for text in self.rows.text(column.path, at))}
        if column.kind in ("text", "type"):
            return _words(self.rows.text(column.path, at), shorten=longest(column))
        if column.kind == "flag":
            known = {when: self.rows.flag(column.path, when, at) for when in (True, False)}
            return {"flags": "".join(np.where(known[True], "1", np.where(known[False], "0", "-")).tolist())}
        if column.kind == "date":
            return _days(self.rows.text(column.path, at))
        if column.kind == "score":
            return {"numbers": _numbers(self.rows.score(column.path, at))}
        return {"numbers": _numbers(kept(self.rows.number(column.path, at)))}

    def _certainty(self, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
        at = self.rows.base
        columns: dict[str, dict[str, Any]] = {}
        for path in paths:
            if path not in self.rows.frame:
                continue
            if pd.api.types.is_bool_dtype(self.rows.frame[path]):
                columns[path] = {"flags": "".join(np.where(self.rows.flag(path, True, at), "1", "0").tolist())}
            else:
                columns[path] = {"numbers": _numbers(np.round(self.rows.number(path, at), 2))}
        return columns


def longest(column: Column) -> int:
    """Return how many characters of a column's texts travel."""
    return 7 if column.key == "revision" else LONGEST_TEXT


def encode(value: Any) -> File:
    """Any JSON as an answer."""
    return File(_json(value))


_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def clean(text: object) -> str:
    """Return a text as one line of bounded length."""
    return _CONTROL.sub("\ufffd", str(text)[:LONGEST_TEXT])


def _described(column: Column) -> dict[str, Any]:
    described = asdict(column)
    return {name: described[name] for name in described if name not in ("path", "core")}


def _words(texts: np.ndarray, shorten: int) -> dict[str, Any]:
    codes, values = pd.factorize(
        np.array([None if text is None else clean(text)[:shorten] for text in texts], dtype=object)
    )
    return {"values": list(values), "codes": codes.tolist()}


def _days(texts: np.ndarray) -> dict[str, Any]:
    days = pd.to_datetime(pd.Series(texts, dtype=object).astype("string").str[:10], errors="coerce", format="%Y-%m-%d")
    since = (days - pd.Timestamp("1970-01-01")).dt.days
    return {"days": [None if np.isnan(day) else int(day) for day in since]}


def _numbers(values: np.ndarray) -> list[float | int | None]:
    """JSON numbers, whole ones without their point: half the bytes of a column of ranks."""
    return [
        None if math.isnan(value) else int(value) if value.is_integer() else round(value, DIGITS_KEPT)
        for value in values.tolist()
    ]


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
