"""How many options a model leaves open when it must be right nine times in ten: conformal sets and UAcc.

LAC: Sadinle, Lei, Wasserman (2019), JASA 114(525); on language models: Ye et al. (2024), "Benchmarking LLMs via
Uncertainty Quantification", arXiv:2401.12794.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.core.errors import BadInput
from src.core.statistics.intervals import Array


@dataclass(frozen=True)
class ConformalScore:
    """accuracy, coverage: shares 0..1; set_size: mean options left open; uacc: √|Y|·accuracy/set_size."""

    accuracy: float
    set_size: float
    coverage: float
    uacc: float
    threshold: float


def lac_threshold(probabilities: ArrayLike, answers: ArrayLike, alpha: float = 0.1) -> float:
    """The ⌈(n+1)(1−α)⌉-th smallest of 1 − p(true); ∞ (every option stays open) where n is too small for α.

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
    calibration: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike], alpha: float = 0.1
) -> ConformalScore:
    """Calibrate on one half of a benchmark's questions, (probabilities, answers), and score the other half."""
    threshold = lac_threshold(*calibration, alpha)
    p, right = _checked(*test)
    sets = prediction_sets(p, threshold)
    accuracy, size = float(np.mean(p.argmax(axis=1) == right)), float(sets.sum(axis=1).mean())
    coverage = float(np.mean(sets[np.arange(len(p)), right]))
    return ConformalScore(accuracy, size, coverage, float(uacc(accuracy, size, p.shape[1])), threshold)


def uacc(accuracy: ArrayLike, set_size: ArrayLike, options: float) -> Array:
    """√|Y|·accuracy/set size, in the unit of accuracy (Ye et al. 2024). It may exceed 1."""
    return np.sqrt(options) * np.asarray(accuracy, float) / np.asarray(set_size, float)


def mean_uacc(accuracy: ArrayLike, set_size: ArrayLike, options: float) -> float:
    """Over benchmarks: the mean of ratios, never the ratio of means."""
    return float(np.mean(uacc(accuracy, set_size, options)))


def _checked(probabilities: ArrayLike, answers: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    p, right = np.asarray(probabilities, float), np.asarray(answers, int)
    if p.ndim != 2 or len(p) != len(right) or not len(p):
        raise BadInput(f"{p.shape} option probabilities came with {len(right)} answers.")
    if np.any((right < 0) | (right >= p.shape[1])):
        raise BadInput("An answer names an option that does not exist.")
    return p, right
