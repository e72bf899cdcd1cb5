"""All a leaderboard says about its own certainty, in one call over the whole table: computed once a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.core.errors import BadInput
from src.core.statistics.aggregate import normalised_weights
from src.core.statistics.approximate import Design, approximate_bounds, approximate_se, unclipped_score
from src.core.statistics.intervals import Array, z_value
from src.core.statistics.ranks import rank_intervals


@dataclass(frozen=True)
class TableStatistics:
    """Everything in the published unit (points for 0..100 scores), NaN where unknown; n models, b benchmarks.

    se, low, high: (n, b), of the score before clipping at chance. at_chance: (n, b), guessing cannot be ruled out.
    approximate: (n, b), the SE comes from counts, not samples. average…: (n,). is_approximate: (n,), the average rests
    on at least one such SE. rank, rank_low, rank_high: (n,), competition ranks and their range; tied_with_best: (n,).
    """

    se: Array
    low: Array
    high: Array
    at_chance: NDArray[np.bool_]
    approximate: NDArray[np.bool_]
    average: Array
    average_se: Array
    average_low: Array
    average_high: Array
    is_approximate: NDArray[np.bool_]
    rank: Array
    rank_low: Array
    rank_high: Array
    tied_with_best: NDArray[np.bool_]
    level: float


def table_statistics(
    scores: ArrayLike,
    *,
    se: ArrayLike | None = None,
    raw: ArrayLike | None = None,
    designs: Sequence[Design | None] | None = None,
    unclipped: ArrayLike | None = None,
    average: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    higher_is_better: bool = True,
    level: float = 0.95,
) -> TableStatistics:
    """Intervals, rank ranges and ties for a table of published scores (n, b).

    se: (n, b), from samples, NaN where there were none; raw: (n, b), raw means 0..1; designs: the items behind every
    benchmark, None where unknown. Where se is unknown, raw and its design give the approximate one. unclipped: (n, b),
    scores before clipping; where unknown they follow from raw, or else the published score stands in. average: (n,),
    as published, else the weighted mean of scores; a model without it has no rank. higher_is_better: which way the
    average points.
    """
    x = np.asarray(scores, float)
    w = normalised_weights(weights, x.shape[1])
    given = np.full(x.shape, np.nan) if se is None else np.asarray(se, float)
    fractions = np.full(x.shape, np.nan) if raw is None else np.asarray(raw, float)
    if given.shape != x.shape or fractions.shape != x.shape:
        raise BadInput(f"{x.shape} scores came with {given.shape} standard errors and {fractions.shape} raw scores.")
    plans = [None] * x.shape[1] if designs is None else list(designs)
    if len(plans) != x.shape[1]:
        raise BadInput(f"{x.shape[1]} benchmarks came with {len(plans)} designs.")
    guessed = np.column_stack([_approximate(fractions[:, b], plan) for b, plan in enumerate(plans)])
    approximate = np.isnan(given) & ~np.isnan(guessed)
    all_se = np.where(approximate, guessed, given)
    centre = _centres(x, fractions, plans, unclipped)
    low, high = centre - z_value(level) * all_se, centre + z_value(level) * all_se
    for b, plan in enumerate(plans):
        rows = approximate[:, b]
        if plan is not None and plan.is_proportion and rows.any():
            low[rows, b], high[rows, b] = approximate_bounds(fractions[rows, b], plan, level)
    used = w > 0
    mean = x[:, used] @ w[used] if average is None else np.asarray(average, float)
    mean_se = np.sqrt(all_se[:, used] ** 2 @ w[used] ** 2)
    middle = centre[:, used] @ w[used]
    ranks = rank_intervals(mean if higher_is_better else -mean, mean_se, level)
    return TableStatistics(
        se=all_se, low=low, high=high, at_chance=low <= 0, approximate=approximate,
        average=mean, average_se=mean_se,
        average_low=middle - z_value(level) * mean_se, average_high=middle + z_value(level) * mean_se,
        is_approximate=approximate[:, used].any(axis=1),
        rank=ranks.rank, rank_low=ranks.low, rank_high=ranks.high, tied_with_best=ranks.tied_with_best, level=level,
    )  # fmt: skip


def _approximate(raw: Array, design: Design | None) -> Array:
    return np.full(len(raw), np.nan) if design is None else approximate_se(raw, design)


def _centres(x: Array, raw: Array, designs: Sequence[Design | None], unclipped: ArrayLike | None) -> Array:
    known = np.full(x.shape, np.nan) if unclipped is None else np.asarray(unclipped, float)
    centre = np.where(np.isnan(known), x, known)
    for b, design in enumerate(designs):
        computed = None if design is None else unclipped_score(raw[:, b], design)
        if computed is not None:
            fill = np.isnan(known[:, b]) & ~np.isnan(computed)
            centre[fill, b] = computed[fill]
    return centre
