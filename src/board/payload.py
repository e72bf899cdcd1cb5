"""What the browser gets of a snapshot: columns as compact JSON, named by their bytes so that they may be kept for ever.

A column is one of `{"lines": "a\\nb"}` (names), `{"values": [...], "codes": [...]}` (words; -1 unknown),
`{"numbers": [...]}` (null unknown), `{"days": [...]}` (since 1970-01-01) or `{"flags": "10-"}` (- unknown); rows come
in the board's own order.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import pandas as pd

from src.board.audit import touched
from src.board.columns import DIGITS_KEPT, HIDES, SIZES, TYPES, Column
from src.board.query import Query, Selection, run
from src.board.rows import Rows, kept
from src.core import suites

FIRST_ROWS = 40
"""Rows that travel with the first answer: a screen of them."""
LONGEST_TEXT = 300
"""Characters of one cell; a longer one is cut, since somebody may write megabytes into a licence."""

CERTAINTY = ("average.se", "rank.low", "rank.high", "tied")
"""What is known of a row's certainty and belongs to the first screen, where the frame has it."""


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
        self.rows = Rows(frame)
        present = set(frame.columns)
        self.columns = [column for column in self.rows.columns if column.kind == "rank" or column.path in present]

    @cached_property
    def core(self) -> File:
        """The columns that the first screen, search and filters need."""
        columns = {column.key: self._column(column) for column in self.columns if column.core and column.kind != "rank"}
        columns.update(self._certainty(CERTAINTY))
        columns["audit"] = self._audit(self.rows.base)
        return File(_json({"n": len(self.rows), **self._identity(), "columns": columns}))

    @cached_property
    def extra(self) -> File:
        """The other columns, fetched when one is shown."""
        columns = {column.key: self._column(column) for column in self.columns if not column.core}
        return File(_json({"n": len(self.rows), "columns": columns}))

    @cached_property
    def certainty(self) -> File | None:
        """How sure each score is, fetched when all else is on screen; None where the frame does not say."""
        keys = [column.key for column in self.columns if column.kind == "score" and column.group == "scores"]
        columns = self._certainty([f"{key}.{what}" for key in keys for what in ("se", "at_chance", "approximate")])
        return File(_json({"n": len(self.rows), "columns": columns})) if columns else None

    def first(self, query: Query, about: Mapping[str, Any]) -> dict[str, Any]:
        """The first screen of `query`: what the columns are, where the rest lies, and the rows in view.

        `about` is passed on: where the files lie.
        """
        selection = run(self.rows, query)
        at = selection.rows[:FIRST_ROWS]
        shown = {column.key for column in self.rows.shown(query.columns)}
        needed = [
            column
            for column in self.columns
            if column.kind != "rank" and (column.core or column.key in shown or _is_raw_of(column, shown, query))
        ]
        columns = {column.key: self._column(column, at) for column in needed}
        columns["average"] = {"numbers": _numbers(selection.averages[:FIRST_ROWS])}
        columns.update(self._certainty(CERTAINTY, at))
        columns["audit"] = self._audit(at)
        return {
            **about,
            "suite": self.suite.name,
            "aggregation": self.suite.aggregation,
            "columns": [asdict(column) for column in self.columns],
            "types": [{"key": key, **words._asdict()} for key, words in TYPES.items()],
            "sizes": [asdict(size) for size in SIZES],
            "hides": [asdict(hide) for hide in HIDES],
            "scales": self.scales,
            "total": len(self.rows),
            "matches": selection.matches,
            "shown": len(selection.rows),
            "pinned": selection.pinned,
            "problem": selection.problem,
            "rows": {
                "n": len(at),
                **self._identity(at),
                "ranks": _numbers(selection.ranks[:FIRST_ROWS]),
                "columns": columns,
            },
        }

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

    def _audit(self, at: np.ndarray) -> dict[str, Any]:
        """The rows that the audit has a question about."""
        asked = touched(self.rows.frame, self.suite.name)
        return {"flags": "".join("1" if each in asked else "0" for each in self.rows.frame["id"].iloc[at])}

    @cached_property
    def _repeated(self) -> np.ndarray:
        """Rows whose model has another row: its name alone does not say which run is meant."""
        return self.rows.frame["model"].duplicated(keep=False).to_numpy()

    def _identity(self, at: np.ndarray | None = None) -> dict[str, Any]:
        """Ids that are not simply model~precision, and the rows whose models repeat."""
        at = self.rows.base if at is None else at
        frame = self.rows.frame[["id", "model", "precision"]].iloc[at]
        plain = frame["model"].astype(str) + "~" + frame["precision"].fillna("").astype(str)
        odd = np.flatnonzero((frame["id"] != plain).to_numpy())
        return {
            "ids": {int(row): _clean(frame["id"].iloc[row]) for row in odd},
            "repeated": np.flatnonzero(self._repeated[at]).tolist(),
        }

    def _column(self, column: Column, at: np.ndarray | None = None) -> dict[str, Any]:
        at = self.rows.base if at is None else at
        if column.kind == "model":
            return {"lines": "\n".join(_clean(text) for text in self.rows.text(column.path, at))}
        if column.kind in ("text", "type"):
            return _words(self.rows.text(column.path, at), shorten=7 if column.key == "revision" else LONGEST_TEXT)
        if column.kind == "flag":
            known = {when: self.rows.flag(column.path, when, at) for when in (True, False)}
            return {"flags": "".join(np.where(known[True], "1", np.where(known[False], "0", "-")).tolist())}
        if column.kind == "date":
            return _days(self.rows.text(column.path, at))
        if column.kind == "score":
            return {"numbers": _numbers(self.rows.score(column.path, at))}
        return {"numbers": _numbers(kept(self.rows.number(column.path, at)))}

    def _certainty(self, paths: Iterable[str], at: np.ndarray | None = None) -> dict[str, dict[str, Any]]:
        at = self.rows.base if at is None else at
        columns: dict[str, dict[str, Any]] = {}
        for path in paths:
            if path not in self.rows.frame:
                continue
            if pd.api.types.is_bool_dtype(self.rows.frame[path]):
                columns[path] = {"flags": "".join(np.where(self.rows.flag(path, True, at), "1", "0").tolist())}
            else:
                columns[path] = {"numbers": _numbers(np.round(self.rows.number(path, at), 2))}
        return columns


def encode(value: Any) -> File:
    """Any JSON as an answer."""
    return File(_json(value))


_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def _clean(text: object) -> str:
    """One line of text, at a bearable length."""
    return _CONTROL.sub("\ufffd", str(text)[:LONGEST_TEXT])


def _is_raw_of(column: Column, shown: Iterable[str], query: Query) -> bool:
    return query.score == "raw" and column.group == "raw scores" and column.key.removesuffix(".raw") in shown


def _words(texts: np.ndarray, shorten: int) -> dict[str, Any]:
    codes, values = pd.factorize(
        np.array([None if text is None else _clean(text)[:shorten] for text in texts], dtype=object)
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


__all__ = ["File", "Payload", "Selection", "encode"]
