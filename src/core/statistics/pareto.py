"""The front of score against cost: size, carbon or price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Front:
    """rows: indices on the front, by rising cost; left_out: rows without a valid cost or score."""

    rows: NDArray[np.intp]
    left_out: int


def pareto_front(cost: ArrayLike, score: ArrayLike) -> Front:
    """Return the running best by cost: rows that score strictly higher than everything at most as costly.

    cost: (n,), lower is better, valid if above 0 and finite; score: (n,), higher is better. Of equals the first
    row is kept.
    """
    c, s = np.asarray(cost, float), np.asarray(score, float)
    valid = np.flatnonzero(np.isfinite(c) & (c > 0) & np.isfinite(s))
    order = valid[np.lexsort((-s[valid], c[valid]))]
    best_before = np.maximum.accumulate(np.r_[-np.inf, s[order]])[:-1]
    return Front(order[s[order] > best_before], len(c) - len(valid))
