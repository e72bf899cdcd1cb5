"""The widths of the first screen's columns, by the custom properties of `assets/table/table.css`.

`assets/table/layout.js` lays out every later view with the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from src.board.table.columns import Column

FIXED = ("rank", "model", "type")
"""Columns that do not stand among the numbers on a narrow screen."""


def style(columns: Sequence[Column], sorted_by: str, rows: int) -> str:
    """Return the rules that lay out these columns and give the body the height of all its rows."""
    narrow = sorted(
        (column for column in columns if column.key not in FIXED),
        key=lambda column: 1 if column.key == "average" else 2 if column.key == sorted_by else 3,
    )
    properties = {
        "--lt-columns": " ".join(map(_track, columns)),
        "--lt-least": _sum([_least(column) for column in columns]),
        "--lt-columns-narrow": " ".join(_track(column, "n") for column in narrow),
        "--lt-least-narrow": _sum(["20px", *(_least(column, "n") for column in narrow)]),
    }
    declared = ";".join(f"{name}:{value}" for name, value in properties.items())
    return f".lt-scroll{{{declared}}}.lt-rows{{height:calc(var(--lt-row)*{rows})}}"


def css(key: str) -> str:
    """Return a key as a part of a class or of a property's name."""
    return re.sub("[^A-Za-z0-9]", "-", key)


def _least(column: Column, narrow: str = "") -> str:
    return f"var(--w{narrow}-{css(column.key)}, var(--w{narrow}-{column.kind}))"


def _track(column: Column, narrow: str = "") -> str:
    share = f"var(--f{narrow}-{css(column.key)}, var(--f{narrow}-{column.kind}))"
    return f"minmax({_least(column, narrow)}, {share})"


def _sum(lengths: Sequence[str]) -> str:
    return f"calc({' + '.join(lengths)})"
