"""What every reader of a format provides, and what it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pandas as pd

from src.board.importing.measurements import Measurement
from src.core.frames.tables import unpacked
from src.core.items.blocks import SampleLines
from src.core.records import Result

GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Hints:
    """What the person says because the files do not.

    `scale` is the value of a perfect score in the files: 1 for fractions, 100 for percentages.
    """

    suite: str | None = None
    model: str | None = None
    precision: str | None = None
    scale: float | None = None


@dataclass(frozen=True)
class SourceFile:
    """One file: where it was, and its bytes, unpacked if they are a gzip file."""

    path: Path
    data: bytes

    @classmethod
    def open(cls, path: Path) -> SourceFile:
        """Read a file. Raises BadInputError if it is a broken gzip file."""
        data = path.read_bytes()
        return cls(path, unpacked(data, path.name) if data[:2] == GZIP else data)


@dataclass(frozen=True)
class FoundResult:
    """One run: its record, the bytes to keep, when it was, and the answers that its own file holds by task."""

    result: Result
    data: bytes
    when: datetime
    samples: Mapping[str, SampleLines] = field(default_factory=dict)


@dataclass(frozen=True)
class LooseSamples:
    """The answers of one task in a file of their own, for the result of the same task and time."""

    path: Path
    task: str
    stamp: str  # as the file's name has it: a time, or only a day
    lines: SampleLines


@dataclass(frozen=True)
class RowAnswers:
    """The answers of a row that has no result file: its model, the time, and the task as its source calls it."""

    model: str
    when: datetime
    task: str
    lines: SampleLines


@dataclass
class ImportBatch:
    """What a file contains: results, rows of tables, answers that belong to a result elsewhere, and notes.

    `records` become rows when all files are read; `answers` are those of such rows.
    """

    results: list[FoundResult] = field(default_factory=list)
    tables: list[pd.DataFrame] = field(default_factory=list)
    samples: list[LooseSamples] = field(default_factory=list)
    records: list[Measurement] = field(default_factory=list)
    answers: list[RowAnswers] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def nothing(path: Path) -> bool:
    """Return False: the format has no such files."""
    return False


@dataclass(frozen=True)
class FormatReader:
    """One format.

    The first reader that `recognises` a file, by its name or bytes, reads it; `read(source, hints)` raises
    BadInputError if the file is not what it should be. In a folder only files that some reader `collects`, by the path
    alone, are read, and none that `is_part` of a run that another file stands for.
    """

    title: str
    recognises: Callable[[SourceFile], bool]
    read: Callable[[SourceFile, Hints], ImportBatch]
    collects: Callable[[Path], bool]
    is_part: Callable[[Path], bool] = nothing


def first(readers: Iterable[FormatReader], source: SourceFile) -> FormatReader:
    """Return the first of `readers` that recognises `source`; the last one recognises everything."""
    return next(reader for reader in readers if reader.recognises(source))
