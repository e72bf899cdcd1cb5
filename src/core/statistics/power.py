"""How many items a benchmark needs: for an interval of a given width, or to tell two models apart."""

from __future__ import annotations

from scipy.special import ndtri

from src.core.statistics.intervals import z_value


def items_for_width(half_width: float, variance: float, level: float = 0.95) -> int:
    """Return the items for which a mean is known to ± `half_width`: z²·σ²/w² (Cochran 1977, chapter 4), rounded up.

    half_width in the unit of an item's score; variance: of one item's score, p(1 − p) if it is right or wrong.
    """
    return _whole(variance * (z_value(level) / half_width) ** 2)


def items_for_difference(difference: float, variance: float, level: float = 0.95, power: float = 0.8) -> int:
    """Return the items that show a true difference with probability `power`: (z_{1−α/2} + z_{power})²·σ_d²/δ².

    variance: of one item's difference between two models: on the same items v_a + v_b − 2·cov, else v_a + v_b.
    """
    return _whole(variance * ((z_value(level) + float(ndtri(power))) / difference) ** 2)


def paired_variance(share: float, correlation: float) -> float:
    """Return the variance of one item's difference between two models that are right on `share` of the items."""
    return 2 * share * (1 - share) * (1 - correlation)


def _whole(items: float) -> int:
    return max(2, -int(-items // 1))
