"""All a leaderboard says about its own certainty, in one call over the whole table: computed once a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.aggregate import normalised_weights
from src.core.statistics.approximate import Design, approximate_bounds, approximate_se, unclipped_score
from src.core.statistics.intervals import Array, z_value
from src.core.statistics.ranking.ranks import rank_intervals
from src.core.statistics.ranking.tiers import tiers


@dataclass(frozen=True)
class TableStatistics:
    """Everything in the published unit (points for 0..100 scores), NaN if unknown; n models, b benchmarks.

    se, low, high: (n, b), of the score before clipping at chance. at_chance: (n, b), guessing cannot be ruled out.
    approximate: (n, b), the SE comes from counts, not samples. average…: (n,). is_approximate: (n,), the average rests
    on at least one such SE. rank, rank_low, rank_high: (n,), competition ranks and their range; tied_with_best: (n,);
    tier: (n,), groups of rows that cannot be distinguished from the group's best.
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
    tier: Array
    level: float


def table_statistics(
    scores: ArrayLike,
    *,
    se: ArrayLike | None = None,
    raw: ArrayLike | None = None,
    designs: Sequence[Design | None] | None = None,
    unclipped: ArrayLike | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    average: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    higher_is_better: bool = True,
    level: float = 0.95,
) -> TableStatistics:
    """Intervals, rank ranges and ties for a table of published scores (n, b).

    se: (n, b), from samples, NaN if there were none; raw: (n, b), raw means 0..1; designs: the items behind every
    benchmark, None if unknown. If se is unknown, raw and its design give the approximate one. unclipped: (n, b),
    scores before clipping; if unknown they follow from raw, or else the published score stands in. bounds: lower and
    upper ends of intervals from samples, (n, b) each, NaN if there were none: what they are wider than z·se by stands
    for items that were not graded, and widens average and ranks too. average: (n,), as published, else the weighted
    mean of scores; a model without it has no rank. higher_is_better: which way the average points.
    """
    x = np.asarray(scores, float)
    w = normalised_weights(weights, x.shape[1])
    given = np.full(x.shape, np.nan) if se is None else np.asarray(se, float)
    fractions = np.full(x.shape, np.nan) if raw is None else np.asarray(raw, float)
    if given.shape != x.shape or fractions.shape != x.shape:
        raise BadInputError(
            f"{x.shape} scores came with {given.shape} standard errors and {fractions.shape} raw scores."
        )
    plans = [None] * x.shape[1] if designs is None else list(designs)
    if len(plans) != x.shape[1]:
        raise BadInputError(f"{x.shape[1]} benchmarks came with {len(plans)} designs.")
    guessed = np.column_stack([_approximate(fractions[:, b], plan) for b, plan in enumerate(plans)])
    approximate = np.isnan(given) & ~np.isnan(guessed)
    all_se = np.where(approximate, guessed, given)
    centre = _centres(x, fractions, plans, unclipped)
    low, high = centre - z_value(level) * all_se, centre + z_value(level) * all_se
    for b, plan in enumerate(plans):
        rows = approximate[:, b]
        if plan is not None and plan.is_proportion and rows.any():
            low[rows, b], high[rows, b] = approximate_bounds(fractions[rows, b], plan, level)
    below, above = np.zeros(x.shape), np.zeros(x.shape)
    if bounds is not None:
        for end, given_end, beyond, sign in ((low, bounds[0], below, 1), (high, bounds[1], above, -1)):
            end_of_items = np.asarray(given_end, float)
            known = ~np.isnan(end_of_items) & ~np.isnan(given)
            beyond[known] = np.maximum(sign * (end - end_of_items), 0)[known]
            end[known] = end_of_items[known]
    used = w > 0
    mean = exact.weighted_rows(x[:, used], w[used]) if average is None else np.asarray(average, float)
    mean_se = np.sqrt(exact.weighted_rows(all_se[:, used] ** 2, w[used] ** 2))
    middle = exact.weighted_rows(centre[:, used], w[used])
    fewer, more = (exact.weighted_rows(part[:, used], w[used]) for part in (below, above))
    rank_se = mean_se + np.maximum(fewer, more) / z_value(level)
    upward = mean if higher_is_better else -mean
    ranks = rank_intervals(upward, rank_se, level)
    return TableStatistics(
        se=all_se, low=low, high=high, at_chance=low <= 0, approximate=approximate,
        average=mean, average_se=mean_se,
        average_low=middle - z_value(level) * mean_se - fewer, average_high=middle + z_value(level) * mean_se + more,
        is_approximate=approximate[:, used].any(axis=1),
        rank=ranks.rank, rank_low=ranks.low, rank_high=ranks.high, tied_with_best=ranks.tied_with_best,
        tier=tiers(upward, rank_se, level), level=level,
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
