"""Whether a benchmark still tells models apart: reliability, floor, ties, items, and what benchmarks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from src.core.errors import BadInputError
from src.core.statistics.intervals import Array


@dataclass(frozen=True)
class BenchmarkHealth:
    """One benchmark over a table of models; None if it cannot be known.

    reliability: share of the spread between models that is not sampling noise; floor: share of models at chance;
    ties_with_best: models not distinguishable from the best (the best included).
    """

    models: int
    reliability: float | None
    floor: float
    ties_with_best: int | None
    best: float
    median: float


@dataclass(frozen=True)
class ItemStatistics:
    """Per question: share of models right, and the correlation of being right with the score on all other questions."""

    difficulty: Array
    point_biserial: Array


@dataclass(frozen=True)
class SharedSignal:
    """What benchmarks measure in common.

    correlation: (b, b), Pearson; first_component: share of its trace in the largest eigenvalue; loadings: (b,) of that
    component, pointing up; participation: (Σλ)²/Σλ², how many independent things b benchmarks amount to.
    """

    correlation: Array
    first_component: float
    loadings: Array
    participation: float
    models: int


def benchmark_health(
    scores: ArrayLike, se: ArrayLike | None = None, at_chance: NDArray[np.bool_] | None = None, level: float = 0.95
) -> BenchmarkHealth:
    """scores, se: (n,) in one unit, NaN if unknown; at_chance: (n,), else a score of 0 or less counts as floor.

    Reliability = 1 − mean SE²/Var (classical test theory: Lord & Novick 1968), not below 0. Ties: models whose
    difference to the best is under z·√(s² + s_best²), z two-sided.
    """
    x = np.asarray(scores, float)
    known = ~np.isnan(x)
    if not known.any():
        raise BadInputError("No model has a score on this benchmark.")
    floor = x[known] <= 0 if at_chance is None else np.asarray(at_chance)[known]
    reliability = ties = None
    if se is not None:
        s = np.asarray(se, float)
        both = known & ~np.isnan(s)
        spread = np.var(x[both], ddof=1) if both.sum() > 1 else 0
        if spread > 0:
            reliability = float(max(0.0, 1 - np.mean(s[both] ** 2) / spread))
        if both.any():
            top = np.argmax(np.where(both, x, -np.inf))
            z = ndtri((1 + level) / 2)
            ties = int(np.sum(x[top] - x[both] <= z * np.hypot(s[both], s[top])))
    return BenchmarkHealth(
        int(known.sum()), reliability, float(floor.mean()), ties, float(x[known].max()), float(np.median(x[known]))
    )


def item_statistics(correct: ArrayLike) -> ItemStatistics:
    """correct: (models, items), 0..1. An item is left out of the score it is held against.

    Point-biserial correlation after Henrysson (1963), Psychometrika 28, 211–218; NaN if all models agree.
    """
    x = np.asarray(correct, float)
    rest = x.sum(axis=1, keepdims=True) - x
    dx, dr = x - x.mean(axis=0), rest - rest.mean(axis=0)
    spread = np.sqrt((dx**2).sum(axis=0) * (dr**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return ItemStatistics(x.mean(axis=0), np.where(spread > 1e-12, (dx * dr).sum(axis=0) / spread, np.nan))


def shared_signal(scores: ArrayLike) -> SharedSignal:
    """scores: (n, b); models with a missing score are left out. Needs three models and some spread everywhere."""
    x = np.asarray(scores, float)
    x = x[~np.isnan(x).any(axis=1)]
    if len(x) < 3 or np.any(x.std(axis=0) == 0):
        raise BadInputError("Correlations need three models with all scores, and scores that differ between them.")
    correlation = np.corrcoef(x.T)
    values, vectors = np.linalg.eigh(correlation)
    first = vectors[:, -1] * np.sign(vectors[:, -1].sum())
    trace = values.sum()
    return SharedSignal(correlation, float(values[-1] / trace), first, float(trace**2 / (values @ values)), len(x))
