"""A rank as a range: which ranks a model could hold, given how sure its score and everybody else's are.

Mogstad, Romano, Shaikh, Wilhelm (2024), "Inference for Ranks with Applications to Mobility across Neighbourhoods and
Academic Achievement across Countries", Review of Economic Studies 91(1), 476–518. Percentiles of
bootstrapped ranks are no substitute: they cover a tie of 20 in 4 % of runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from src.core.errors import BadInputError
from src.core.statistics.intervals import Array

SE_BINS = 16  # classes of standard errors in the critical value
NODES = 81  # of the integral over the model's own noise
GROUPS = 48  # classes of standard errors in counting
PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class RankIntervals:
    """Competition ranks (1 is best, equals share the better one) and their ranges; NaN for models without a score."""

    rank: Array
    low: Array
    high: Array
    critical: Array

    @property
    def tied_with_best(self) -> NDArray[np.bool_]:
        """True if rank 1 cannot be ruled out."""
        return self.low == 1


def rank_intervals(
    scores: ArrayLike, se: ArrayLike, level: float = 0.95, *, critical: ArrayLike | None = None
) -> RankIntervals:
    """L = 1 + #{k: θ_k − θ_j > z·s_jk}, U = p − #{k: θ_j − θ_k > z·s_jk}, with s_jk = √(s_j² + s_k²).

    scores, se: (p,), any unit, higher is better. critical: z, one or (p,); by default `critical_values`, with which
    each model's own range holds with probability `level`, as one row promises. With `tier_critical_value` all
    ranges hold at once. Scores count as independent, which errs on the wide side for models that answered the same
    items (`rank_intervals_from_covariance` takes that in). Sorted windows instead of all p² pairs.
    """
    theta, s = np.asarray(scores, float), np.asarray(se, float)
    if theta.shape != s.shape or theta.ndim != 1:
        raise BadInputError(f"{theta.shape} scores came with {s.shape} standard errors.")
    known = ~np.isnan(theta) & ~np.isnan(s)
    rank, low, high, used = (np.full(len(theta), np.nan) for _ in range(4))
    rank[~np.isnan(theta)] = competition_rank(theta[~np.isnan(theta)])
    if known.any():
        theta, s = theta[known], s[known]
        if np.any(s <= 0):
            raise BadInputError("A standard error of 0 claims certainty; no benchmark gives that.")
        z = critical_values(s, level) if critical is None else np.broadcast_to(critical, known.shape)[known]
        unknown = np.count_nonzero(~np.isnan(rank)) - len(theta)  # scores without SE could stand anywhere
        low[known] = 1 + _count_beyond(theta, s, z)
        high[known] = len(theta) + unknown - _count_beyond(-theta, s, z)
        used[known] = z
    return RankIntervals(rank, low, high, used)


def rank_intervals_from_covariance(
    scores: ArrayLike, covariance: ArrayLike, level: float = 0.95, *, rng: np.random.Generator, draws: int = 4000
) -> RankIntervals:
    """Return the same ranges, s_jk² = C_jj + C_kk − 2 C_jk, z simulated from N(0, C).

    All pairs, for a few hundred models.
    """
    theta, c = np.asarray(scores, float), np.asarray(covariance, float)
    p = len(theta)
    s = np.sqrt(np.maximum(np.diag(c)[:, None] + np.diag(c)[None, :] - 2 * c, 0))
    s[s < 1e-12] = np.inf  # itself, and models with identical answers: never distinguishable
    noise = rng.multivariate_normal(np.zeros(p), c, size=draws, method="eigh")
    z = np.array([np.quantile(np.max(np.abs(noise[:, [j]] - noise) / s[j], axis=1), level) for j in range(p)])
    above = theta[None, :] - theta[:, None] > z[:, None] * s
    below = theta[:, None] - theta[None, :] > z[:, None] * s
    low, high = 1 + above.sum(axis=1), p - below.sum(axis=1)
    return RankIntervals(competition_rank(theta), low.astype(float), high.astype(float), z)


def competition_rank(scores: ArrayLike) -> Array:
    """1 + the number of strictly better scores; NaN has no rank."""
    x = np.asarray(scores, float)
    ordered = np.sort(x[~np.isnan(x)])
    rank = 1.0 + len(ordered) - np.searchsorted(ordered, x, side="right")
    return np.where(np.isnan(x), np.nan, rank)


def critical_values(se: ArrayLike, level: float = 0.95) -> Array:
    """For every model j the `level` quantile of max_k |Z_k − Z_j|/s_jk over independent noise Z, to about 0.01.

    Given Z_j the others are independent, so it is a one-dimensional integral (Dunnett 1955) instead of a simulation:
    P(max ≤ z) = ∫ φ(t) Π_k [Φ((s_j t + z s_jk)/s_k) − Φ((s_j t − z s_jk)/s_k)] dt. Others enter by 16 classes of SE.
    """
    s = np.asarray(se, float)
    if len(s) < 2:
        return np.zeros(len(s))
    centres, counts, own = se_classes(s)
    t = np.linspace(-8, 8, NODES)
    weight = np.exp(-(t**2) / 2)
    weight /= weight.sum()
    others = counts[None, :] - np.eye(len(centres))  # a model is not compared with itself
    joint = np.sqrt(centres[:, None] ** 2 + centres[None, :] ** 2)
    ratio = (centres[:, None] * t)[:, :, None]

    def probability(z: Array) -> Array:
        reach = (z[:, None] * joint)[:, None, :]
        inside = ndtr((ratio + reach) / centres) - ndtr((ratio - reach) / centres)
        log_all = np.sum(others[:, None, :] * np.log(np.maximum(inside, 1e-300)), axis=2)
        return np.exp(log_all) @ weight

    low, high = np.full(len(centres), 1.0), np.full(len(centres), 9.0)
    for _ in range(15):
        middle = (low + high) / 2
        enough = probability(middle) >= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    z = (low + high) / 2
    if len(centres) <= 1:
        return np.full(len(s), z[0])
    if len(np.unique(s)) == len(centres):
        return z[own]
    return np.interp(s, centres, z)


def se_classes(s: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return centres, sizes and membership of at most 16 classes of SE: the values if few, else equal-sized."""
    values, own, counts = np.unique(s, return_inverse=True, return_counts=True)
    if len(values) <= SE_BINS:
        return values, counts.astype(float), own
    edges = np.quantile(s, np.linspace(0, 1, SE_BINS + 1)[1:-1])
    own = np.searchsorted(edges, s, side="right")
    sizes = np.bincount(own, minlength=SE_BINS)
    total = np.bincount(own, weights=s, minlength=SE_BINS)
    kept = sizes > 0
    renumbered = np.cumsum(kept) - 1
    return total[kept] / sizes[kept], sizes[kept].astype(float), renumbered[own]


def _count_beyond(theta: Array, s: Array, z: Array) -> NDArray[np.int64]:
    """#{k: θ_k − θ_j > z_j √(s_j² + s_k²)} for every j, exactly.

    Within a class of similar s_k, sorted by θ, all beyond the widest threshold count and none short of the narrowest;
    only those between are compared one by one.
    """
    order = np.argsort(theta, kind="stable")  # neighbouring thresholds make the searches quick
    theta, s, z = theta[order], s[order], z[order]
    count = np.zeros(len(theta), dtype=np.int64)
    by_se = np.argsort(s, kind="stable")
    for members in np.array_split(by_se, min(GROUPS, len(s))):
        narrow, wide = s[members[0]], s[members[-1]]
        group = np.sort(members)  # sorted by θ, as θ itself is
        far = np.searchsorted(theta[group], theta + z * np.hypot(s, wide), side="right")
        count += len(group) - far
        if wide > narrow:
            near = np.searchsorted(theta[group], theta + z * np.hypot(s, narrow), side="right")
            count += _count_within(theta, s, z, _Window(group, near, far))
    result = np.empty_like(count)
    result[order] = count
    return result


@dataclass(frozen=True)
class _Window:
    """For every model j, members of one class of SE whose order against j the class alone does not settle."""

    group: NDArray[np.intp]
    near: NDArray[np.intp]
    far: NDArray[np.intp]


def _count_within(theta: Array, s: Array, z: Array, window: _Window) -> NDArray[np.int64]:
    count = np.zeros(len(theta), dtype=np.int64)
    open_pairs = window.far - window.near
    for rows in np.array_split(np.arange(len(theta)), 1 + int(open_pairs.sum()) // PAIRS_AT_ONCE):
        sizes = open_pairs[rows]
        j = np.repeat(rows, sizes)
        step = np.arange(len(j)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        k = window.group[np.repeat(window.near[rows], sizes) + step]
        beyond = theta[k] - theta[j] > z[j] * np.hypot(s[j], s[k])
        count += np.bincount(j[beyond], minlength=len(theta))
    return count
