"""Rows in groups that cannot be distinguished from the group's best: ties that do not chain.

The first group's anchor is the best row; the group holds every row whose difference from it could be noise. The next
anchor is the best of the rest. A row is held against anchors only, so a long slope of neighbours, each tied with the
next, does not become one tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from src.core.errors import BadInputError
from src.core.statistics.intervals import Array
from src.core.statistics.ranking.ranks import se_classes

NODES = 121  # of the integral over the best row's noise
STEPS = 18


def tiers(scores: ArrayLike, se: ArrayLike, level: float = 0.95) -> Array:
    """Return each row's group, 1 for the best; NaN without a score or a standard error.

    scores, se: (n,), one unit, higher is better. Rows k with θ_a − θ_k ≤ z·√(s_a² + s_k²) join the anchor a, with z by
    `tier_critical_value` of all rows: all rows of equal ability fall into one group with probability `level`.
    """
    theta, s = np.asarray(scores, float), np.asarray(se, float)
    if theta.shape != s.shape or theta.ndim != 1:
        raise BadInputError(f"{theta.shape} scores came with {s.shape} standard errors.")
    result = np.full(len(theta), np.nan)
    known = np.flatnonzero(~np.isnan(theta) & ~np.isnan(s))
    left = known[np.argsort(-theta[known], kind="stable")]
    z = tier_critical_value(s[known], level)
    tier = 0
    while len(left):
        tier += 1
        anchor = left[0]
        tied = theta[anchor] - theta[left] <= z * np.hypot(s[anchor], s[left])
        result[left[tied]] = tier
        left = left[~tied]
    return result


def tier_critical_value(se: ArrayLike, level: float = 0.95) -> float:
    """Return z such that the best of equal rows is within z·s_jk of every other one with probability `level`.

    P(z) = Σ_j ∫ φ(t) Π_{k≠j} [Φ(s_j t/s_k) − Φ((s_j t − z s_jk)/s_k)] dt: row j is the best at s_j t and the others
    lie below it, no further than z·s_jk. For equal errors it is the studentised range (Tukey 1953) over √2.
    """
    s = np.asarray(se, float)
    if len(s) < 2:
        return 0.0
    centres, counts, _ = se_classes(s)
    t = np.linspace(-8, 8, NODES)
    weight = np.exp(-(t**2) / 2)
    weight /= weight.sum()
    others = counts[None, :] - np.eye(len(centres))
    joint = np.sqrt(centres[:, None] ** 2 + centres[None, :] ** 2)
    place = (centres[:, None] * t)[:, :, None]

    def probability(z: float) -> float:
        inside = ndtr(place / centres) - ndtr((place - z * joint[:, None, :]) / centres)
        each = np.exp(np.sum(others[:, None, :] * np.log(np.maximum(inside, 1e-300)), axis=2)) @ weight
        return float(counts @ each)

    low, high = 0.5, 9.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if probability(middle) >= level else (middle, high)
    return (low + high) / 2
