"""A score seen against others: where it falls within its size class, and what was gained over the base model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from src.core.statistics.intervals import Array, Interval, normal_interval, z_value
from src.core.statistics.paired import normal_p


@dataclass(frozen=True)
class Gain:
    """A model against the one it was made from, in points.

    retention: model/base, None where the base is not above 0; retention_interval: None where the base cannot be told
    from 0, since then any ratio is possible.
    """

    value: float
    se: float
    interval: Interval
    p: float
    retention: float | None
    retention_interval: Interval | None


def percentile_within(scores: ArrayLike, groups: ArrayLike) -> Array:
    """Percentile of each score among the models of its group, 0..100.

    The share of others below, plus half of the equals. scores: (n,) or (n, b), NaN where unknown; groups: (n,) labels
    such as size classes. NaN where nobody else is there.
    """
    x = np.asarray(scores, float)
    table = x[:, None] if x.ndim == 1 else x
    result = np.full(table.shape, np.nan)
    _, label = np.unique(np.asarray(groups), return_inverse=True)
    for g in range(label.max() + 1 if len(label) else 0):
        members = np.flatnonzero(label == g)
        for b in range(table.shape[1]):
            known = members[~np.isnan(table[members, b])]
            if len(known) < 2:
                continue
            ordered = np.sort(table[known, b])
            left, right = (np.searchsorted(ordered, table[known, b], side=side) for side in ("left", "right"))
            result[known, b] = 100 * (left + right - 1) / 2 / (len(known) - 1)
    return result[:, 0] if x.ndim == 1 else result


def gain_over_base(
    model: float, model_se: float, base: float, base_se: float, *, covariance: float = 0.0, level: float = 0.95
) -> Gain:
    """Gain with its interval and retention with Fieller's.

    covariance: of both estimates, known where both models' samples are joined (then (s_m² + s_b² − SE_d²)/2); 0
    errs on the wide side. Retention after Fieller (1954), JRSS B 16(2): the roots r of (m − r·b)² = z² Var(m − r·b).
    """
    se = float(np.sqrt(max(model_se**2 + base_se**2 - 2 * covariance, 1e-12)))
    value = model - base
    retention = model / base if base > 0 else None
    return Gain(
        value, se, normal_interval(value, se, level), normal_p(value, se), retention,
        fieller(model, model_se, base, base_se, covariance=covariance, level=level) if base > 0 else None,
    )  # fmt: skip


def fieller(
    top: float, top_se: float, bottom: float, bottom_se: float, *, covariance: float = 0.0, level: float = 0.95
) -> Interval | None:
    """Interval for top/bottom, or None where the bottom cannot be told from 0 and the interval is unbounded."""
    z2 = z_value(level) ** 2
    a = bottom**2 - z2 * bottom_se**2
    if a <= 0:
        return None
    b = top * bottom - z2 * covariance
    c = top**2 - z2 * top_se**2
    root = float(np.sqrt(max(b**2 - a * c, 0)))
    return Interval((b - root) / a, (b + root) / a, "Fieller", level)
