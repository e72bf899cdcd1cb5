"""The cells of a stranger's table, read as text, flags and numbers; what cannot be used is unknown, and is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

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
        """Return whether the table has a column of any of these names."""
        return any(name in self.table for name in spellings)

    def column(self, *spellings: str) -> pd.Series:
        """Return the first of the spellings that the table has; a column of unknowns if it has none."""
        found = next((name for name in spellings if name in self.table), None)
        return self.table[found] if found else pd.Series(np.nan, index=self.table.index, dtype=TEXT)

    def text(self, *spellings: str) -> pd.Series:
        """Trimmed text; empty and endless cells are unknown."""
        column = self.column(*spellings)
        if column.dtype == object:
            plain = column.map(_as_text, na_action="ignore")
            if bad := int((column.notna() & plain.isna()).sum()):
                self._note(bad, column, "neither text nor number")
        else:
            plain = column
        text = plain.astype(TEXT).str.strip()
        long = text.str.len() > LONGEST
        if long.any():
            self._note(int(long.sum()), column, f"longer than {LONGEST:,} characters")
        return text.where(~long & (text != ""))

    def flag(self, *spellings: str) -> pd.Series:
        """Return true, false or unknown."""
        column = self.column(*spellings)
        if column.dtype == bool:
            return column.astype("boolean")
        text = self.text(*spellings)
        return text.map({word: FLAGS.get(word.lower()) for word in text.dropna().unique()}).astype("boolean")

    def number(self, *spellings: str, bounds: tuple[float, float] | None = None) -> pd.Series:
        """Finite numbers within `bounds`."""
        column = self.column(*spellings)
        number = _numbers(column)
        usable = pd.Series(np.isfinite(number), index=number.index)
        if bounds:
            usable &= number.between(bounds[0] - 1e-9, bounds[1] + 1e-9)
        if bad := int((column.notna() & ~usable).sum()):
            wanted = f"number from {bounds[0]:g} to {bounds[1]:g}" if bounds else "finite number"
            self._note(bad, column, f"not a {wanted}")
        return number.where(usable)

    def _note(self, count: int, column: pd.Series, why: str) -> None:
        self.notes.append(f"{counted(count, 'cell')} of '{column.name}' read as unknown: {why}.")


def _as_text(value: object) -> str | None:
    if isinstance(value, bool | np.bool_ | int | float | np.number):
        return str(value)
    # half a surrogate pair is a str that no file can hold
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _numbers(column: pd.Series) -> pd.Series:
    if column.dtype == object:
        column = column.map(
            lambda value: (_as_text if isinstance(value, str) else _as_float)(value), na_action="ignore"
        )
    elif column.dtype.kind not in "biufO" and not isinstance(column.dtype, pd.StringDtype):
        return pd.Series(np.nan, index=column.index)  # dates and the like
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _as_float(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | np.number | Decimal) else None
    except OverflowError:
        return None


def each(values: pd.Series, function: Callable[[str], str | None]) -> pd.Series:
    """Apply `function` to every known text, once for each that differs."""
    found: Mapping[str, str | None] = {value: function(value) for value in values.dropna().unique()}
    return values.map(found).astype(TEXT)


def counted(count: int, word: str) -> str:
    """Return a count with its word: `1 row`, `2,000 rows`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def some(values: object, most: int = 8) -> str:
    """Return the first few of many values, for a sentence."""
    shown = [str(value)[:60] for value in list(values)[: most + 1]]  # type: ignore[call-overload]
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")
