"""How many options a model leaves open when it must be right nine times in ten: conformal sets and UAcc.

LAC: Sadinle, Lei, Wasserman (2019), JASA 114(525); on language models: Ye et al. (2024), "Benchmarking LLMs via
Uncertainty Quantification", arXiv:2401.12794.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.intervals import Array

SPLITS = 10
"""How many halvings of the items are averaged, each by a fixed seed: one alone moves the size of sets by its luck."""


@dataclass(frozen=True)
class ConformalScore:
    """accuracy, coverage: shares 0..1; set_size: mean options left open; uacc: √|Y|·accuracy/set_size."""

    accuracy: float
    set_size: float
    coverage: float
    uacc: float


def lac_threshold(probabilities: ArrayLike, answers: ArrayLike, alpha: float = 0.1) -> float:
    """Return the ⌈(n+1)(1−α)⌉-th smallest of 1 − p(true); ∞ (every option stays open) if n is too small for α.

    probabilities: (n, options); answers: (n,) indices of the right option.
    """
    p, right = _checked(probabilities, answers)
    nonconformity = np.sort(1 - p[np.arange(len(p)), right])
    position = int(np.ceil((len(p) + 1) * (1 - alpha) - 1e-9))
    return float(nonconformity[position - 1]) if position <= len(p) else float("inf")


def prediction_sets(probabilities: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """(n, options): options whose 1 − p does not exceed the threshold."""
    return 1 - np.asarray(probabilities, float) <= threshold


def conformal_score(
    probabilities: ArrayLike, answers: ArrayLike, options: ArrayLike | None = None, alpha: float = 0.1
) -> ConformalScore:
    """Calibrate on one half of the items and measure the sets of the other, averaged over `SPLITS` halvings.

    probabilities: (n, most options); answers: (n,) indices of the right option; options: (n,) how many an item offers
    (all columns by default), so that a column beyond them is never in a set.
    """
    p, right = _checked(probabilities, answers)
    offered = np.full(len(p), p.shape[1]) if options is None else np.asarray(options, int)
    exists = np.arange(p.shape[1]) < offered[:, None]
    hits = p.argmax(axis=1) == right
    parts = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(p))
        calibration, test = order[: len(p) // 2], order[len(p) // 2 :]
        sets = prediction_sets(p[test], lac_threshold(p[calibration], right[calibration], alpha)) & exists[test]
        accuracy, size = float(hits[test].mean()), float(sets.sum(axis=1).mean())
        covered = float(np.mean(sets[np.arange(len(test)), right[test]]))
        parts.append((size, covered, float(uacc(accuracy, max(size, 1e-9), float(offered[test].mean())))))
    size, coverage, adjusted = (exact.mean(column) for column in zip(*parts, strict=True))
    return ConformalScore(float(hits.mean()), size, coverage, adjusted)


def uacc(accuracy: ArrayLike, set_size: ArrayLike, options: float) -> Array:
    """√|Y|·accuracy/set size, in the unit of accuracy (Ye et al. 2024). It may exceed 1."""
    return np.sqrt(options) * np.asarray(accuracy, float) / np.asarray(set_size, float)


def _checked(probabilities: ArrayLike, answers: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    p, right = np.asarray(probabilities, float), np.asarray(answers, int)
    if p.ndim != 2 or len(p) != len(right) or not len(p):
        raise BadInputError(f"{p.shape} option probabilities came with {len(right)} answers.")
    if np.any((right < 0) | (right >= p.shape[1])):
        raise BadInputError("An answer names an option that does not exist.")
    return p, right
