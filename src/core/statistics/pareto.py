"""Who is best at its cost: the front of score against size, carbon or price, and of several benchmarks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.core.statistics.intervals import Array


@dataclass(frozen=True)
class Front:
    """rows: indices on the front, by rising cost; left_out: rows without a valid cost or score."""

    rows: NDArray[np.intp]
    left_out: int


def pareto_front(cost: ArrayLike, score: ArrayLike) -> Front:
    """Running best by cost: rows that score strictly higher than everything at most as costly.

    cost: (n,), lower is better, valid where above 0 and finite; score: (n,), higher is better. Of equals the first
    row is kept.
    """
    c, s = np.asarray(cost, float), np.asarray(score, float)
    valid = np.flatnonzero(np.isfinite(c) & (c > 0) & np.isfinite(s))
    order = valid[np.lexsort((-s[valid], c[valid]))]
    best_before = np.maximum.accumulate(np.r_[-np.inf, s[order]])[:-1]
    return Front(order[s[order] > best_before], len(c) - len(valid))


def undominated(scores: ArrayLike) -> Front:
    """Rows no other row matches everywhere and beats somewhere: scores (n, b), higher is better; equal rows all stay.

    Sorted by sum, a row can only be dominated by an earlier one, and then by one already on the front (Kung, Luccio,
    Preparata 1975, JACM 22(4), for the problem; sort-filter-skyline, Chomicki et al. 2003, for the way).
    """
    x = np.asarray(scores, float)
    valid = np.flatnonzero(np.isfinite(x).all(axis=1))
    order = valid[np.argsort(-x[valid].sum(axis=1), kind="stable")]
    front: list[int] = []
    held: Array = np.empty((0, x.shape[1]))
    for i in order:
        if not np.any(np.all(held >= x[i], axis=1) & np.any(held > x[i], axis=1)):
            front.append(int(i))
            held = np.vstack([held, x[i]])
    return Front(np.array(front, dtype=np.intp), len(x) - len(valid))
