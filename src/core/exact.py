"""Sums that are the same on every machine: the exact sum, rounded once.

A floating-point sum depends on its order, and numpy, BLAS and even Python choose the order by processor and version:
two machines would publish averages that differ in the last digit, and rewrite each other's rows for ever. Whatever is
published or stored is summed here (Shewchuk 1997, "Adaptive Precision Floating-Point Arithmetic", as `math.fsum`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

DIGITS = 10  # significant digits of what an iterative fit gives: more depend on the processor


def total(values: Iterable[float]) -> float:
    """Return the correctly rounded sum; NaN if one value is NaN, infinite if the sum is too large for a float."""
    numbers = values.tolist() if isinstance(values, np.ndarray) else list(values)
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):  # beyond the largest float, or ∞ − ∞
        return sum(numbers, 0.0)


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean of one or more numbers."""
    numbers = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return total(numbers) / len(numbers)


def dot(values: Iterable[float], weights: Iterable[float]) -> float:
    """Return Σ w x, every product rounded, their sum exact."""
    return total(map(mul, values, weights))


def weighted_mean(values: Iterable[float], weights: Iterable[float]) -> float:
    """Return Σ w x / Σ w."""
    known = list(weights)
    return dot(values, known) / total(known)


def row_sums(table: ArrayLike) -> Array:
    """Return the sum of every row: (n, k) → (n,)."""
    rows = np.asarray(table, float).tolist()
    try:
        return np.array(list(map(math.fsum, rows)), dtype=float)
    except (OverflowError, ValueError):  # some row is too large: those without trouble stay exact
        return np.array(list(map(total, rows)), dtype=float)


def weighted_rows(table: ArrayLike, weights: ArrayLike) -> Array:
    """Return `table @ weights`, (n, k) and (k,) → (n,), the same on every machine."""
    return row_sums(np.asarray(table, float) * np.asarray(weights, float))


def column_means(table: ArrayLike) -> Array:
    """Return the mean of every column: (n, k) → (k,)."""
    columns = np.asarray(table, float).T
    return row_sums(columns) / columns.shape[1]


def rounded(value: float, digits: int = DIGITS) -> float:
    """Return a fitted number with as many significant digits as every machine agrees on."""
    return float(f"{value:.{digits}g}")


def rounded_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `fields` with every float rounded as by `rounded`."""
    return {name: rounded(value) if isinstance(value, float) else value for name, value in fields.items()}
