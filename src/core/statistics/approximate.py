"""How sure a published number is when only item counts are known, no samples: p(1 − p)/n, always marked approximate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.intervals import Array, least_se, wilson_bounds


@dataclass(frozen=True)
class Design:
    """The items behind one benchmark's published score, as plain numbers out of the suite.

    items, chance: one entry a subtask; is_macro: True for a plain mean of normalised subtasks (BBH, MuSR), False for
    items pooled and normalised once (MATH, GPQA, MMLU-Pro), which then share one chance level. independent: how many
    independent items the pooled ones are worth where questions repeat (`effective_items`), None if none does.
    """

    items: tuple[int, ...]
    chance: tuple[float, ...]
    is_macro: bool = False
    independent: float | None = None

    def __post_init__(self) -> None:
        if not self.items or len(self.items) != len(self.chance):
            raise BadInputError(f"{len(self.items)} subtasks came with {len(self.chance)} chance levels.")
        if not self.is_macro and len(set(self.chance)) != 1:
            raise BadInputError("Subtasks pooled into one score must share one chance level.")

    @property
    def is_proportion(self) -> bool:
        """True if the raw score is one share of right answers, so that Wilson's interval applies."""
        return not self.is_macro

    @property
    def effective(self) -> float:
        """The n such that Var(score) = a² p(1 − p)/n in points, with a = `scale`."""
        if not self.is_macro:
            return float(self.independent or sum(self.items))
        n, scales = np.array(self.items, float), 100 / (1 - np.array(self.chance))
        return self.scale**2 * len(n) ** 2 / exact.total(scales**2 / n)

    @property
    def scale(self) -> float:
        """Points a full item is worth, averaged over subtasks."""
        return exact.mean(100 / (1 - np.array(self.chance)))


def effective_items(repeats: ArrayLike) -> float:
    """Independent items that questions asked `repeats` times are worth at most: (Σ r)²/Σ r² (Kish 1965).

    Holds if a model answers a repeated question always alike, so it errs on the wide side. GPQA: 198 questions
    asked three times, 250 twice, 98 once are worth 493 of 1,192.
    """
    r = np.asarray(repeats, float)
    return exact.total(r) ** 2 / exact.total(r**2)


def approximate_se(raw: ArrayLike, design: Design) -> Array:
    """SE in points of published scores whose raw means are `raw` (any shape, 0..1, NaN if unknown), never 0.

    Pooled: a √(p(1 − p)/n). Macro: √((1/k²) Σ a_s² p(1 − p)/n_s) with the mean p for each subtask, which errs on the
    wide side, since p(1 − p) is concave.
    """
    p = np.asarray(raw, float)
    if np.any((p < 0) | (p > 1)):
        raise BadInputError("Raw scores are shares between 0 and 1.")
    n = design.effective
    return design.scale * np.maximum(np.sqrt(p * (1 - p) / n), least_se(n))


def unclipped_score(raw: ArrayLike, design: Design) -> Array | None:
    """100·(raw − chance)/(1 − chance) before clipping; None if it takes the subtasks' own scores."""
    if len(set(design.chance)) != 1:
        return None
    return design.scale * (np.asarray(raw, float) - design.chance[0])


def approximate_bounds(raw: ArrayLike, design: Design, level: float = 0.95) -> tuple[Array, Array]:
    """Wilson's interval for a pooled benchmark's unclipped score, in points."""
    low, high = wilson_bounds(raw, design.effective, level)
    return design.scale * (low - design.chance[0]), design.scale * (high - design.chance[0])
