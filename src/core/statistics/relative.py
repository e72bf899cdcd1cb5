"""What a model gained over its base model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.core.statistics.intervals import Interval, normal_interval, z_value
from src.core.statistics.paired import normal_p


@dataclass(frozen=True)
class Gain:
    """A model against the one it was made from, in points.

    retention: model/base, None if the base is not above 0; retention_interval: None if the base is not
    distinguishable from 0, since then any ratio is possible.
    """

    value: float
    se: float
    interval: Interval
    p: float
    retention: float | None
    retention_interval: Interval | None


def gain_over_base(
    model: float, model_se: float, base: float, base_se: float, *, covariance: float = 0.0, level: float = 0.95
) -> Gain:
    """Gain with its interval and retention with Fieller's.

    covariance: of both estimates, known if both models' samples are joined (then (s_m² + s_b² − SE_d²)/2); 0
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
    """Interval for top/bottom, or None if the bottom is not distinguishable from 0 and the interval is unbounded."""
    z2 = z_value(level) ** 2
    a = bottom**2 - z2 * bottom_se**2
    if a <= 0:
        return None
    b = top * bottom - z2 * covariance
    c = top**2 - z2 * top_se**2
    root = float(np.sqrt(max(b**2 - a * c, 0)))
    return Interval((b - root) / a, (b + root) / a, "Fieller", level)
