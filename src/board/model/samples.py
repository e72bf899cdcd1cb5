"""Every answer a model gave, one screen at a time: reads only the rows and columns that are shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Outcome = Literal["all", "right", "wrong", "changed"]

LISTED = ["doc_id", "doc_hash", "score", "question", "target", "answer"]
SEARCHED = ["question", "target", "answer"]
WHOLE = [*LISTED, "prompt", "choices", "metrics", "doc"]


@dataclass(frozen=True)
class Sample:
    """One item and what the model made of it. Texts are None if the benchmark is gated: only hashes are shown."""

    row: int  # position in the file
    doc_id: int
    doc_hash: str | None
    score: float | None
    question: str | None
    target: str | None
    answer: str | None


@dataclass(frozen=True)
class SampleAnswer:
    """Everything there is about one sample, loaded when it is opened."""

    sample: Sample
    prompt: str | None
    choices: tuple[tuple[str, float | None], ...]  # option text, log-likelihood
    metrics: Mapping[str, float | None]
    doc: Mapping[str, Any]


class SampleFile:
    """The answers of one model on one task, over a seekable file (a local one, or HTTP ranges of the Hub)."""

    def __init__(self, file: IO[bytes]) -> None:
        self._parquet = pq.ParquetFile(file, pre_buffer=False)
        self._one_at_a_time = threading.Lock()  # readers share the file's position
        rows = [self._parquet.metadata.row_group(i).num_rows for i in range(self._parquet.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(rows)]).astype(int)  # first row of each group, and the end

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def scores(self) -> np.ndarray:
        """The score of every row, shape (n,), NaN if there is none; reads that column only."""
        return np.array(self._column("score"), dtype=float)  # None becomes NaN

    @cached_property
    def hashes(self) -> list[str | None]:
        """The document hash of every row: what two models are joined on, since row order differs between runs."""
        return self._column("doc_hash")

    @cached_property
    def questions(self) -> list[str | None]:
        """What tells apart the questions, if several subtasks ask the same one."""
        return self._column("question_hash")

    def rows(self, outcome: Outcome = "all", other: SampleFile | None = None) -> np.ndarray:
        """Return positions of the rows with this outcome.

        `changed`: those `other` scored differently, joined on hashes.
        """
        if outcome == "all":
            return np.arange(len(self))
        if outcome == "changed":
            if other is None:
                return np.array([], dtype=int)
            theirs = dict(zip(other.hashes, other.scores, strict=True))
            mine = zip(self.hashes, self.scores, strict=True)
            # NaN, "no score", differs from nothing
            return np.flatnonzero([abs(theirs.get(hash_, np.nan) - score) > 0 for hash_, score in mine])
        right = self.scores >= 0.5  # NaN is neither
        return np.flatnonzero(right if outcome == "right" else self.scores < 0.5)

    def search(self, text: str, rows: np.ndarray) -> Iterator[int]:
        """Yield those of `rows` whose question, target or answer contains `text`, found one row group at a time."""
        needle = text.casefold()
        for group, wanted in self._by_group(rows):
            table = self._group(group, SEARCHED)
            columns = [table.column(name).to_pylist() for name in SEARCHED]
            for row in wanted:
                at = row - int(self._starts[group])
                if any(column[at] and needle in column[at].casefold() for column in columns):
                    yield row

    def page(self, rows: np.ndarray) -> list[Sample]:
        """Return the samples at these positions, in this order; reads only the row groups they lie in."""
        found = {row: Sample(row=row, **values) for row, values in self._read(rows, LISTED)}
        return [found[int(row)] for row in rows]

    def open(self, row: int) -> SampleAnswer:
        """Return all of one sample: prompt as sent, options with their log-likelihoods, metrics, the item itself."""
        ((_, values),) = self._read(np.array([row]), WHOLE)
        return _answer(row, values)

    def answers(self) -> Iterator[SampleAnswer]:
        """Yield all of every sample in the file's order, reading one row group at a time."""
        for row, values in self._read(np.arange(len(self)), WHOLE):
            yield _answer(row, values)

    def find(self, doc_hash: str) -> int | None:
        """Return the row of a permanent link: the document whose hash starts with `doc_hash`."""
        if not doc_hash:
            return None
        return next((row for row, hash_ in enumerate(self.hashes) if hash_ and hash_.startswith(doc_hash)), None)

    def _column(self, name: str) -> list[Any]:
        with self._one_at_a_time:
            return self._parquet.read(columns=[name]).column(name).to_pylist()

    def _group(self, group: int, columns: list[str]) -> pa.Table:
        with self._one_at_a_time:
            return self._parquet.read_row_group(group, columns=columns)

    def _read(self, rows: np.ndarray, columns: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        for group, wanted in self._by_group(rows):
            table = self._group(group, columns)
            at = [row - int(self._starts[group]) for row in wanted]
            yield from zip(wanted, table.take(at).to_pylist(), strict=True)

    def _by_group(self, rows: np.ndarray) -> Iterator[tuple[int, list[int]]]:
        groups = np.searchsorted(self._starts, rows, side="right") - 1
        for group in dict.fromkeys(groups.tolist()):
            yield group, [int(row) for row in np.asarray(rows)[groups == group]]


def _answer(row: int, values: Mapping[str, Any]) -> SampleAnswer:
    return SampleAnswer(
        Sample(row=row, **{name: values[name] for name in LISTED}),
        values["prompt"],
        tuple((text, value) for text, value in json.loads(values["choices"] or "[]")),
        json.loads(values["metrics"] or "{}"),
        json.loads(values["doc"] or "{}"),
    )
