"""What is shown, as a file: CSV that a spreadsheet cannot mistake for formulas, or parquet."""

from __future__ import annotations

import io

import pandas as pd

from src.board.columns import Column
from src.board.query import Query, run
from src.board.rows import Rows
from src.board.spreadsheet import safe_cell


def shown(rows: Rows, query: Query) -> pd.DataFrame:
    """The rows and columns that a reader of `query` sees, in that order; scores unrounded, unknown missing.

    Raises ValueError with a sentence where the search cannot be read.
    """
    selection = run(rows, query)
    if selection.problem:
        raise ValueError(selection.problem)
    frame = rows.frame.iloc[selection.rows]
    table: dict[str, object] = {}
    for column in rows.shown(query.columns):
        if column.key == "rank":
            table[column.title] = pd.array(selection.ranks, dtype="Int64")
        elif column.key == "average":
            table[column.title] = selection.averages
        elif (path := _path(column, query, rows)) in frame:
            table[column.title] = frame[path].to_numpy() * 100 if path.endswith(".raw") else frame[path].array
        if column.key == "model" and not (query.columns and "precision" in query.columns):
            table["Precision"] = frame["precision"].array  # a model's name alone does not say which run
    return pd.DataFrame(table, index=range(len(frame)))


def to_csv(table: pd.DataFrame) -> bytes:
    """CSV in UTF-8, with the mark by which spreadsheets know it; texts that look like formulas begin with `'`."""
    safe = table.apply(lambda values: values if pd.api.types.is_numeric_dtype(values) else values.map(safe_cell))
    safe.columns = [safe_cell(title) for title in safe.columns]
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig", errors="replace")


def to_parquet(table: pd.DataFrame) -> bytes:
    """Parquet, texts as they are."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _path(column: Column, query: Query, rows: Rows) -> str:
    raw = f"{column.key}.raw"
    return raw if query.score == "raw" and raw in rows.by_key else column.path
