"""What is shown, as a file: CSV that a spreadsheet cannot mistake for formulas, or parquet."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from src.board.exports.spreadsheet import safe_cell
from src.board.table.columns import Column
from src.board.table.query import Query, Selection, run
from src.board.table.query import shown as shown_columns
from src.board.table.rows import Rows

NORMAL_95 = 1.96  # standard errors on either side of a score


def shown(rows: Rows, query: Query) -> pd.DataFrame:
    """Return the rows and columns that a reader of `query` sees, in that order; scores unrounded, unknown missing.

    Raises ValueError with a sentence if the search cannot be read.
    """
    selection = run(rows, query)
    if selection.problem:
        raise ValueError(selection.problem)
    frame = rows.frame.iloc[selection.rows]
    alike = frame.duplicated(["model", "precision"], keep=False).any()  # then only the revision tells runs apart
    table: dict[str, object] = {}
    for column in shown_columns(rows, query, selection):
        if column.key == "rank":
            table[column.title] = pd.array(selection.ranks, dtype="Int64")
        elif column.key == "average":
            table[column.title] = selection.averages
        elif (path := _path(column, query, rows)) in frame:
            table[column.title] = frame[path].to_numpy() * 100 if path.endswith(".raw") else frame[path].array
        if column.key == "model" and not (query.columns and "precision" in query.columns):
            table["Precision"] = frame["precision"].array  # a model's name alone does not say which run
        if column.key == "model" and alike and not (query.columns and "revision" in query.columns):
            table["Revision"] = frame["revision"].array
        if path_of_error := _error(column, query, selection, frame):
            table[f"{column.title} ±"] = NORMAL_95 * frame[path_of_error].to_numpy(dtype=float, na_value=np.nan)
    return pd.DataFrame(table, index=range(len(frame)))


def _error(column: Column, query: Query, selection: Selection, frame: pd.DataFrame) -> str | None:
    """Return the standard error that belongs to a shown score; None if it is of another number, or unknown."""
    if column.kind != "score" or column.group != "scores" or (query.score == "raw" and column.key != "average"):
        return None
    path = f"{column.key}.se"
    is_own = column.key == "average" and not selection.is_published
    return path if path in frame and not is_own and frame[path].notna().any() else None


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
