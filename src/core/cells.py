"""The cells of a stranger's table, read as text, flags and numbers; what cannot be used is unknown, and is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

TEXT = pd.StringDtype(na_value=np.nan)
LONGEST = 1_000  # characters of a cell; a longer one is no name, licence or date
FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


class Cells:
    """A table whose columns are asked for by any of their spellings; `notes` gathers what had to be left out."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table.reset_index(drop=True)
        self.notes: list[str] = []

    def has(self, *spellings: str) -> bool:
        """Whether the table has a column of any of these names."""
        return any(name in self.table for name in spellings)

    def column(self, *spellings: str) -> pd.Series:
        """The first of the spellings that the table has; a column of unknowns where it has none."""
        found = next((name for name in spellings if name in self.table), None)
        return self.table[found] if found else pd.Series(np.nan, index=self.table.index, dtype=TEXT)

    def text(self, *spellings: str) -> pd.Series:
        """Trimmed text; empty and endless cells are unknown."""
        column = self.column(*spellings)
        text = column.astype(TEXT).str.strip()
        long = text.str.len() > LONGEST
        if long.any():
            self._note(int(long.sum()), column, f"longer than {LONGEST:,} characters")
        return text.where(~long & (text != ""))

    def flag(self, *spellings: str) -> pd.Series:
        """True, false or unknown."""
        column = self.column(*spellings)
        if column.dtype == bool:
            return column.astype("boolean")
        known = {value: FLAGS.get(str(value)[:9].lower()) for value in column.dropna().unique()}
        return column.map(known).astype("boolean")

    def number(self, *spellings: str, bounds: tuple[float, float] | None = None) -> pd.Series:
        """Finite numbers within `bounds`."""
        column = self.column(*spellings)
        number = pd.to_numeric(column, errors="coerce").astype("float64")
        usable = pd.Series(np.isfinite(number), index=number.index)
        if bounds:
            usable &= number.between(bounds[0] - 1e-9, bounds[1] + 1e-9)
        if bad := int((column.notna() & ~usable).sum()):
            self._note(
                bad, column, f"no numbers from {bounds[0]:g} to {bounds[1]:g}" if bounds else "no finite numbers"
            )
        return number.where(usable)

    def _note(self, count: int, column: pd.Series, what: str) -> None:
        self.notes.append(f"{count:,} cells of '{column.name}' are {what}; they are read as unknown.")


def each(values: pd.Series, function: Callable[[str], str | None]) -> pd.Series:
    """`function` of every known text, called once for each that differs."""
    found: Mapping[str, str | None] = {value: function(value) for value in values.dropna().unique()}
    return values.map(found).astype(TEXT)


def some(values: object, most: int = 8) -> str:
    """The first few of many values, for a sentence."""
    shown = [str(value)[:60] for value in list(values)[: most + 1]]  # type: ignore[call-overload]
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")
