"""How sure one model's score is: standard errors of subtasks, benchmarks and averages, from item scores.

Subtasks are fixed strata, never clusters: the interval says what other questions of the same kinds would have given.
Formulas: Miller (2024), "Adding Error Bars to Evals", arXiv:2411.00640; Wilson (1927), JASA 22.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from src.core import exact
from src.core.errors import BadInputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Where the value lies with probability `level`; `method` says how it was found."""

    low: float
    high: float
    method: str
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class HasClusters(Protocol):
    """Whatever holds scores of items that may hang together."""

    @property
    def clusters(self) -> NDArray | None: ...


@dataclass(frozen=True)
class Stratum:
    """One subtask's item scores.

    scores: (n,) in 0..1; chance: the share right by guessing; clusters: (n,) labels of items that stand or fall
    together (the same question asked twice), or None if items are independent.
    """

    scores: Array
    chance: float = 0.0
    clusters: NDArray | None = None

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or len(self.scores) < 2:
            raise BadInputError(f"A subtask needs two or more item scores in one row, not shape {self.scores.shape}.")
        if not np.all((self.scores >= 0) & (self.scores <= 1)):
            raise BadInputError("Item scores must lie between 0 and 1, with none missing.")
        if self.clusters is not None and len(self.clusters) != len(self.scores):
            raise BadInputError(f"{len(self.scores)} item scores came with {len(self.clusters)} cluster labels.")

    @property
    def scale(self) -> float:
        """Points a full item is worth: 100 / (1 − chance)."""
        return 100 / (1 - self.chance)

    @cached_property
    def mean(self) -> float:
        return exact.mean(self.scores)


@dataclass(frozen=True)
class Estimate:
    """A benchmark's score in points, 0 at chance and 100 at perfect.

    score: as published, clipped at chance; unclipped: what `interval` and `se` are about; items: how many were asked.
    """

    score: float
    unclipped: float
    se: float
    interval: Interval
    items: int
    approximate: bool = False

    @property
    def at_chance(self) -> bool:
        """True if guessing cannot be ruled out."""
        return self.interval.low <= 0


def macro(strata: Sequence[Stratum], level: float = 0.95) -> Estimate:
    """Plain mean of normalised subtasks (BBH, MuSR): Var = (1/k²) Σ a_s² v_s, a_s = 100/(1 − chance)."""
    unclipped = [s.scale * (s.mean - s.chance) for s in strata]
    se = macro_se([(s.scores, s.scale, s.clusters) for s in strata])
    score = exact.mean(max(0.0, u) for u in unclipped)
    return _estimate(score, exact.mean(unclipped), se, _count(strata), level)


def pooled(strata: Sequence[Stratum], level: float = 0.95) -> Estimate:
    """Subtasks weighted by their items and normalised once (MATH, GPQA, MMLU-Pro).

    Without clusters the strata are fixed: Var = Σ (n_s/N)² v_s. With clusters, which may span subtasks (GPQA diamond
    ⊂ main ⊂ extended), all items are centred on the common mean. One stratum of 0/1 scores gets Wilson's interval.
    """
    chances = {s.chance for s in strata}
    if len(chances) != 1:
        raise BadInputError("Subtasks pooled into one score must share one chance level.")
    scores, scale, chance = np.concatenate([s.scores for s in strata]), strata[0].scale, chances.pop()
    n, mean = len(scores), exact.mean(scores)
    unclipped = scale * (mean - chance)
    clusters = common_clusters(strata)
    se = scale * (pooled_se([s.scores for s in strata]) if clusters is None else standard_error(scores, clusters))
    if clusters is None and len(strata) == 1 and is_binary(scores):
        bounds = wilson(exact.total(scores), n, level)
        interval = Interval(scale * (bounds.low - chance), scale * (bounds.high - chance), "Wilson", level)
        return Estimate(max(0.0, unclipped), unclipped, se, interval, n)
    return _estimate(max(0, unclipped), unclipped, se, n, level)


def mean_of_metrics(metrics: Sequence[Stratum], level: float = 0.95) -> Estimate:
    """Mean of several metrics on the same prompts (IFEval: prompt and instruction accuracy), clustered by prompt.

    Every metric names its clusters, the prompts. Linearised: u_g = (1/m) Σ_m Σ_{i∈g} (x_i − x̄_m)/n_m,
    Var = G/(G−1) Σ_g u_g² (Cochran 1977, Sampling Techniques, chapter 6, on ratios).
    """
    if any(m.clusters is None for m in metrics):
        raise BadInputError("Metrics over the same prompts need the prompt of every score as its cluster.")
    value = exact.mean(m.mean for m in metrics)
    labels = np.concatenate([np.asarray(m.clusters) for m in metrics])
    parts = np.concatenate([(m.scores - m.mean) / len(m.scores) for m in metrics]) / len(metrics)
    totals = np.bincount(np.unique(labels, return_inverse=True)[1], weights=parts)
    groups = len(totals)
    se = max(math.sqrt(groups / (groups - 1) * exact.total(totals**2)), least_se(groups))
    return _estimate(100 * value, 100 * value, 100 * se, groups, level)


def average(estimates: Sequence[Estimate], weights: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """Mean over benchmarks: SE = √(Σ w_b² Var_b), w_b = 1/k unless given; weights are scaled to sum 1."""
    w = np.full(len(estimates), 1 / len(estimates)) if weights is None else np.asarray(weights, float)
    w = w / exact.total(w)
    score, unclipped = (exact.dot(w, [getattr(e, name) for e in estimates]) for name in ("score", "unclipped"))
    se = math.sqrt(exact.total((w * [e.se for e in estimates]) ** 2))
    whole = _estimate(score, unclipped, se, sum(e.items for e in estimates), level)
    return replace(whole, approximate=any(e.approximate for e in estimates))


def standard_error(scores: ArrayLike, clusters: ArrayLike | None = None) -> float:
    """SE of a mean of item scores, never 0: kept above `least_se` of the number of independent items.

    Var = Σ(x − x̄)²/(n(n−1)); with clusters G/(G−1) Σ_g (Σ_{i∈g} (x_i − x̄))²/n² (Miller 2024, with the usual
    small-sample factor).
    """
    variance, independent = _variance(np.asarray(scores, float), clusters)
    return max(math.sqrt(variance), least_se(independent))


def macro_se(parts: Sequence[tuple[Array, float, NDArray | None]]) -> float:
    """SE in points of (1/k) Σ a_s x̄_s over parts (scores, points a full item is worth, clusters), never 0."""
    known = [(scale, *_variance(scores, clusters)) for scores, scale, clusters in parts]
    variance = exact.total(scale**2 * v for scale, v, _ in known)
    floor = exact.total(scale**2 / independent for scale, _, independent in known)
    mean_scale = exact.mean(scale for scale, _, _ in known)
    effective = (mean_scale * len(parts)) ** 2 / floor
    return max(math.sqrt(variance) / len(parts), mean_scale * least_se(effective))


def pooled_se(parts: Sequence[Array]) -> float:
    """SE of the mean over all items of fixed strata, √(Σ (n_s/N)² v_s), never 0."""
    n = sum(len(scores) for scores in parts)
    variance = exact.total((len(scores) / n) ** 2 * _variance(scores, None)[0] for scores in parts)
    return max(math.sqrt(variance), least_se(n))


def least_se(items: float) -> float:
    """Return the smallest SE that n items allow: z/(n + z²), whose interval at 0 % ends where Wilson's does."""
    z = z_value(0.95)
    return z / (items + z**2)


def wilson(successes: float, items: float, level: float = 0.95) -> Interval:
    """Wilson's score interval for one proportion (Wilson 1927), as shares in 0..1."""
    low, high = wilson_bounds(successes / items, items, level)
    return Interval(float(low), float(high), "Wilson", level)


def wilson_bounds(share: ArrayLike, items: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Wilson's bounds for arrays of shares; `items` may be an effective, fractional number."""
    p, n, z2 = np.asarray(share, float), np.asarray(items, float), z_value(level) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def z_value(level: float) -> float:
    """1.96 for 0.95: the two-sided normal quantile."""
    return float(ndtri((1 + level) / 2))


def normal_interval(value: float, se: float, level: float = 0.95) -> Interval:
    """Return `value` ± z·`se`."""
    half = z_value(level) * se
    return Interval(float(value - half), float(value + half), "normal", level)


def is_binary(scores: Array) -> bool:
    """Return true if every score is right or wrong, nothing between."""
    return bool(np.all((scores == 0) | (scores == 1)))


def common_clusters(strata: Sequence[HasClusters]) -> NDArray | None:
    """Return the clusters of all strata in one row, or None if none has any.

    Raises BadInputError if only some have.
    """
    named = [s.clusters for s in strata if s.clusters is not None]
    if named and len(named) != len(strata):
        raise BadInputError("Either every pooled subtask names its clusters, or none does.")
    return np.concatenate(named) if named else None


def _variance(x: Array, clusters: ArrayLike | None) -> tuple[float, int]:
    """Variance of the mean of x, and the number of independent items behind it."""
    n, off = len(x), x - exact.mean(x)
    if clusters is None:
        return exact.total(off**2) / (n * (n - 1)), n
    totals = np.bincount(np.unique(np.asarray(clusters), return_inverse=True)[1], weights=off)
    groups = len(totals)
    if groups < 2:
        raise BadInputError("All items share one cluster; nothing tells how they would vary.")
    return groups / (groups - 1) * exact.total(totals**2) / n**2, groups


def _estimate(score: float, unclipped: float, se: float, items: int, level: float) -> Estimate:
    return Estimate(float(score), float(unclipped), float(se), normal_interval(unclipped, se, level), items)


def _count(strata: Sequence[Stratum]) -> int:
    return sum(len(s.scores) for s in strata)
