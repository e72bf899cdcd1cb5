"""Tables: published contents of every age, and what people keep in spreadsheets."""

from __future__ import annotations

import re
from pathlib import Path

from src.board.importing.formats.spreadsheets import check_scale, read_spreadsheet, with_known_columns
from src.board.importing.reader import FormatReader, Hints, ImportBatch, SourceFile
from src.core.errors import BadInputError
from src.core.frames.frame import from_contents, read_table, suite_of
from src.core.suites import load

PARQUET = b"PAR1"


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the rows of a table; without a suite in `hints`, its columns say which suite it belongs to."""
    name = source.path.name
    known = load(hints.suite) if hints.suite else None
    if source.data[:4] == PARQUET:
        written = table = read_table(source.data, name)
    else:
        written = read_spreadsheet(source.data, name)
        table = with_known_columns(written, known)
    try:
        suite = known or suite_of(table)
    except BadInputError:
        suite = suite_of(written)  # raises with the column names that the person knows
    table = check_scale(table, suite, hints.scale)
    if hints.precision and "Precision" not in table:
        table["Precision"] = hints.precision
    return ImportBatch(tables=[from_contents(table, suite)])


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read: the tables of a contents dataset, and no other parquet files."""
    return re.fullmatch(r"train-\d+-of-\d+\.parquet", path.name) is not None


READER = FormatReader("tables (.parquet, .csv, .tsv, .xlsx, .jsonl, also .gz)", lambda source: True, read, collects)
