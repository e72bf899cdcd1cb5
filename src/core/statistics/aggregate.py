"""Ways to make one number of several benchmarks, as a table the page offers; unknown cells leave the row unknown.

Every way takes scores (n, b), weights (b,) that sum to 1, and better (b,), +1 if higher is better and −1 if
lower is, and returns (n,). `points_up` tells which way the result points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.intervals import Array
from src.core.statistics.ranking.ranks import competition_rank

Way = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Aggregation:
    """One way to aggregate. keeps_direction: its result is lower-is-better if the benchmarks are."""

    name: str
    label: str
    help: str
    compute: Way
    keeps_direction: bool = True


def mean(scores: Array, weights: Array, better: Array) -> Array:
    """Σ w_b x_b."""
    return exact.weighted_rows(scores, weights)


def win_rate(scores: Array, weights: Array, better: Array) -> Array:
    """Σ w_b times the share of other models beaten on b, ties ½, 0..100 (Liang et al. 2022, HELM, arXiv:2211.09110)."""
    known = ~np.isnan(scores).any(axis=1)
    rates = np.full(scores.shape, np.nan)
    for b in range(scores.shape[1]):
        x = better[b] * scores[known, b]
        ordered = np.sort(x)
        beaten = (np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right") - 1) / 2
        rates[known, b] = beaten / max(len(x) - 1, 1)
    return exact.weighted_rows(100 * rates, weights)


def z_mean(scores: Array, weights: Array, better: Array) -> Array:
    """Σ w_b (x_b − mean_b)/sd_b over the models of the table (population sd); a benchmark without spread counts 0."""
    known = scores[~np.isnan(scores).any(axis=1)]
    if not len(known):
        return np.full(len(scores), np.nan)
    middle = exact.column_means(known)
    spread = np.sqrt(exact.column_means((known - middle) ** 2))
    standardised = better * (scores - middle) / np.where(spread > 0, spread, 1)
    return exact.weighted_rows(standardised, weights)


def geometric(scores: Array, weights: Array, better: Array) -> Array:
    """exp(Σ w_b ln x_b) (Fleming & Wallace 1986, CACM 29(3)); 0 if any score is 0, so one blank spoils all."""
    if np.any(scores < 0):
        raise BadInputError("A geometric mean needs scores of at least 0; take the mean or the median for this suite.")
    with np.errstate(divide="ignore"):
        means = np.exp(exact.weighted_rows(np.log(scores), weights))
    return np.array([exact.rounded(value) for value in means])  # processors differ in the last digits of ln and exp


def median(scores: Array, weights: Array, better: Array) -> Array:
    """Weighted median: half the weight lies below; the mean of both neighbours if it splits evenly."""
    order = np.argsort(scores, axis=1)
    x, w = np.take_along_axis(scores, order, axis=1), np.cumsum(weights[order], axis=1)
    lower = np.argmax(w >= 0.5 - 1e-12, axis=1)
    upper = np.argmax(w > 0.5 + 1e-12, axis=1)
    rows = np.arange(len(scores))
    result = (x[rows, lower] + x[rows, upper]) / 2
    return np.where(np.isnan(scores).any(axis=1), np.nan, result)


def distance_to_optimum(scores: Array, weights: Array, better: Array) -> Array:
    """100 − √(Σ w_b (optimum_b − x_b)²), the optimum 100 if higher is better and 0 if lower is.

    Rewards balance: far from the corner on one axis is far.
    """
    optimum = np.where(better > 0, 100.0, 0.0)
    return 100 - np.sqrt(exact.weighted_rows((optimum - scores) ** 2, weights))


AGGREGATIONS: dict[str, Aggregation] = {
    a.name: a
    for a in (
        Aggregation("mean", "Mean", "Plain average of the benchmarks.", mean),
        Aggregation("win_rate", "Win rate", "Share of other models beaten, averaged over benchmarks.", win_rate, False),
        Aggregation("z_mean", "z-mean", "Average distance from the typical model, in SD.", z_mean, False),
        Aggregation("geometric", "Geometric", "Geometric mean: 0 if any benchmark is at chance.", geometric),
        Aggregation("median", "Median", "The middle benchmark; one outlier changes nothing.", median),
        Aggregation("distance", "Distance to optimum", "Closeness to 100 everywhere.", distance_to_optimum, False),
    )
}


def aggregate(
    scores: ArrayLike,
    how: str = "mean",
    weights: ArrayLike | None = None,
    higher_is_better: Sequence[bool] | None = None,
) -> Array:
    """Return one number a model: scores (n, b) → (n,), NaN if a benchmark that counts is missing.

    weights: (b,), not negative, scaled to sum 1; a benchmark of weight 0 does not count and may be missing.
    Mean, median and geometric mean need all benchmarks to point one way and keep it; the others always point upwards.
    """
    x = np.asarray(scores, float)
    w = normalised_weights(weights, x.shape[1])
    better = np.ones(x.shape[1]) if higher_is_better is None else np.where(higher_is_better, 1.0, -1.0)
    if how not in AGGREGATIONS:
        raise BadInputError(f"There is no aggregation called {how!r}; choose one of {', '.join(AGGREGATIONS)}.")
    used = w > 0
    way = AGGREGATIONS[how]
    if way.keeps_direction and len(set(better[used])) > 1:
        raise BadInputError(
            f"{way.label} cannot mix benchmarks whose higher values are better with those whose lower values are; "
            "take win rate, z-mean or distance to optimum."
        )
    return way.compute(x[:, used], w[used], better[used])


def points_up(how: str, higher_is_better: Sequence[bool] | None = None, weights: ArrayLike | None = None) -> bool:
    """Return true where a larger aggregate is the better one.

    Always, except for means of benchmarks whose lower values are better.
    """
    if higher_is_better is None or not AGGREGATIONS[how].keeps_direction:
        return True
    return bool(np.any(np.asarray(higher_is_better)[normalised_weights(weights, len(higher_is_better)) > 0]))


def leave_one_out(
    scores: ArrayLike,
    how: str = "mean",
    weights: ArrayLike | None = None,
    higher_is_better: Sequence[bool] | None = None,
) -> Array:
    """Rank of every model with each benchmark left out in turn: (n, b)."""
    x = np.asarray(scores, float)
    w = normalised_weights(weights, x.shape[1])
    sign = 1 if points_up(how, higher_is_better, w) else -1
    without = []
    for b in range(x.shape[1]):
        rest = np.where(np.arange(x.shape[1]) == b, 0, w)
        if not rest.any():
            raise BadInputError("Leaving out the only benchmark that counts leaves nothing to rank by.")
        without.append(competition_rank(sign * aggregate(x, how, rest, higher_is_better)))
    return np.column_stack(without)


def normalised_weights(weights: ArrayLike | None, benchmarks: int) -> Array:
    """Weights that sum to 1; equal ones if none are given."""
    if weights is None:
        return np.full(benchmarks, 1 / benchmarks)
    w = np.asarray(weights, float)
    if w.shape != (benchmarks,):
        raise BadInputError(f"{benchmarks} benchmarks came with {w.size} weights.")
    if not np.all(np.isfinite(w)) or np.any(w < 0) or not w.any():
        raise BadInputError("Weights are numbers of at least 0, and at least one is above 0.")
    return w / exact.total(w)
