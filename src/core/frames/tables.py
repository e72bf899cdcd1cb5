"""Table files (parquet, csv, csv.gz) as data frames; what is broken or too large is refused with the reason."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from src.core.errors import BadInputError

LARGEST = 1 << 30  # bytes of a csv once unpacked, or that a parquet file says it holds


def read_table(source: Path | str | bytes, name: str | None = None) -> pd.DataFrame:
    """Return the table in a file or in its bytes; its first bytes show its form, whatever its name.

    Raises BadInputError if the file is cut short, is no table, or would unpack to more than a gigabyte.
    """
    name = name or (Path(source).name if isinstance(source, (str, Path)) else "the table")
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise BadInputError(f"{name} cannot be read: {error.strerror}.") from error
    table = _read_parquet(data, name) if data[:4] == b"PAR1" else _read_csv(data, name)
    if table.columns.has_duplicates:
        twice = ", ".join(sorted({str(column) for column in table.columns[table.columns.duplicated()]}))
        raise BadInputError(f"{name} has two columns called {twice}; give each column one name.")
    table.columns = [str(column).strip() for column in table.columns]
    return table


def write_parquet(table: pd.DataFrame) -> bytes:
    """Return the table as one compressed parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def unpacked(data: bytes, name: str) -> bytes:
    """Return what a gzip file holds.

    Raises BadInputError if it is cut short or would unpack to more than a gigabyte.
    """
    try:
        with gzip.open(io.BytesIO(data)) as file:
            text = file.read(LARGEST + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise BadInputError(f"{name} is not a whole gzip file ({_first_line(error)}). Download it again.") from error
    if len(text) > LARGEST:
        raise BadInputError(f"{name} would unpack to more than {LARGEST >> 30} GB; that is too much.")
    return text


def _read_parquet(data: bytes, name: str) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
        if sum(group.total_byte_size for group in groups) > LARGEST:
            raise BadInputError(f"{name} would unpack to more than {LARGEST >> 30} GB; that is no leaderboard table.")
        return file.read().to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInputError(f"{name} is not a whole parquet file ({_first_line(error)}). Download it again.") from error


def _read_csv(data: bytes, name: str) -> pd.DataFrame:
    if data[:2] == b"\x1f\x8b":
        data = unpacked(data, name)
    if b"\0" in data[:4096]:
        raise BadInputError(f"{name} is neither parquet nor text; give a contents table as .parquet, .csv or .csv.gz.")
    try:
        table = pd.read_csv(io.BytesIO(data), low_memory=False)
    except pd.errors.EmptyDataError as error:
        raise BadInputError(f"{name} is empty.") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise BadInputError(f"{name} cannot be read as csv in UTF-8 ({_first_line(error)}).") from error
    return table.loc[:, [column for column in table.columns if not str(column).startswith("Unnamed: ")]]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(".")
