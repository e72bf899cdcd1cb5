"""Rows in groups, as charts draw and name them; rows whose group is unknown are a group too."""

from __future__ import annotations

import pandas as pd

from src.board.table.columns import TYPES

UNKNOWN = "unknown"


def kind_title(name: str) -> str:
    """Return a type in the words of the table; any other group as it is called."""
    return TYPES[name].title if name in TYPES else name


def parts_of(rows: pd.DataFrame, column: str, most: int) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows by value of `column`, the most frequent first; what does not fit into `most` is "other"."""
    if column not in rows:
        return [(UNKNOWN, rows)]
    values = rows[column].astype("string").fillna(UNKNOWN)
    common = values.value_counts().index.tolist()
    kept = common if len(common) <= most else common[: most - 1]
    parts = [(str(value), rows[values == value]) for value in kept]
    if len(kept) < len(common):
        parts.append(("other", rows[~values.isin(kept)]))
    return parts
