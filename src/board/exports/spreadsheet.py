"""Cells that a spreadsheet cannot mistake for formulas."""

from __future__ import annotations

import re

FORMULA = re.compile("[\\s\u200b\u200e\u200f\u2060\ufeff]*[=+\\-@|%\uff1d\uff0b\uff0d\uff20]|[\\t\\r\\n]")
"""How a cell begins that a spreadsheet would run; leading blanks do not stop it."""


def safe_cell(value: object) -> object:
    """Return the value; text that begins like a formula, with a quote before it.

    Numbers stay numbers, minus sign and all.
    """
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
