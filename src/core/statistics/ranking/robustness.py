"""How far a rank depends on the weights: what happens to it when the weights are drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from src.core.errors import BadInputError
from src.core.statistics.intervals import Array

CELLS_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class WeightRobustness:
    """Over random weights: 5th, 50th and 95th percentile of each model's rank and its chance to be first, all (n,)."""

    low: Array
    median: Array
    high: Array
    first: Array
    concentration: float
    draws: int


def weight_robustness(
    scores: ArrayLike,
    rng: np.random.Generator,
    *,
    concentration: float = 1.0,
    draws: int = 1000,
    rows: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> WeightRobustness:
    """Ranks of the weighted mean under weights ~ Dirichlet(concentration · b · weights).

    Dirichlet(1) takes any weights as equally likely, Dirichlet(10) stays near the given ones (equal if None).
    scores: (n, b), higher is better; models with a missing score have no rank (NaN). rows: which models to follow,
    None for all; following a few among 100,000 takes no sorting of the rest. A tie for first counts for each.
    """
    x = np.asarray(scores, float)
    n, b = x.shape
    if concentration <= 0:
        raise BadInputError("The concentration of random weights is a number above 0.")
    centre = np.full(b, 1 / b) if weights is None else np.asarray(weights, float) / np.sum(weights)
    known = ~np.isnan(x).any(axis=1)
    followed = np.arange(n) if rows is None else np.asarray(rows, int)
    ranked = followed[known[followed]]
    position = np.cumsum(known) - 1
    random_weights = rng.dirichlet(concentration * b * np.maximum(centre, 1e-9), size=draws)
    ranks = np.empty((len(ranked), draws), dtype=np.int32)
    for block in np.array_split(np.arange(draws), 1 + draws * n // CELLS_AT_ONCE):
        drawn = random_weights[block] @ x[known].T
        mine = drawn[:, position[ranked]]
        drawn.sort(axis=1)
        for i, draw in enumerate(block):
            ranks[:, draw] = 1 + drawn.shape[1] - np.searchsorted(drawn[i], mine[i], side="right")
    low, median, high, first = (np.full(n, np.nan) for _ in range(4))
    if len(ranked):
        low[ranked], median[ranked], high[ranked] = np.quantile(ranks, [0.05, 0.5, 0.95], axis=1, method="nearest")
        first[ranked] = np.mean(ranks == 1, axis=1)
    return WeightRobustness(low[followed], median[followed], high[followed], first[followed], concentration, draws)
