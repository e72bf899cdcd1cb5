"""Whether a model's confidence is the share of answers it gets right: the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.core.statistics.intervals import Array

BINS = 15
RESAMPLES = 200


@dataclass(frozen=True)
class CalibrationError:
    """value: 0..1, 0 if every confidence is the share right; se: its standard error."""

    value: float
    se: float


def calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = BINS) -> CalibrationError:
    """Return Σ_b (n_b/n) |share right − mean confidence| over equal bins of confidence (Naeini et al. 2015, AAAI).

    confidence: (n,) in 0..1; correct: (n,) right or wrong. The standard error is that of 200 bootstrap resamples of the
    items by a fixed seed.
    """
    p, right = np.asarray(confidence, float), np.asarray(correct, float)
    place = np.minimum((p * bins).astype(int), bins - 1)
    rng = np.random.default_rng(0)
    resampled = [_error(p[at], right[at], place[at], bins) for at in (_draw(rng, len(p)) for _ in range(RESAMPLES))]
    return CalibrationError(_error(p, right, place, bins), float(np.std(resampled, ddof=1)))


def _draw(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    return rng.integers(0, n, n)


def _error(p: Array, right: Array, place: NDArray[np.int64], bins: int) -> float:
    return float(np.abs(np.bincount(place, weights=right - p, minlength=bins)).sum() / len(p))
