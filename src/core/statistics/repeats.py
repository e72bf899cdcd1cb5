"""Answers that are sampled several times: what one try, several tries and every try of an item earn.

avg@k is the mean of all tries. pass@k, Chen et al. (2021), "Evaluating Large Language Models Trained on Code",
arXiv:2107.03374, equation 1. pass^k, Yao et al. (2024), "τ-bench", arXiv:2406.12045, section 3. Errors count items, not
tries, as independent: Miller (2024), arXiv:2411.00640, section 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, isclose

import numpy as np
from scipy import stats

from src.core import exact
from src.core.errors import BadInputError


def pass_at(n: int, right: int, k: int) -> float:
    """Return the chance that of `k` tries drawn from `n` at least one is among the `right` ones: 1 − C(n−c,k)/C(n,k).

    Raise BadInputError unless 1 ≤ k ≤ n and 0 ≤ right ≤ n.
    """
    _check(n, right, k)
    return 1 - comb(n - right, k) / comb(n, k)


def pass_all(n: int, right: int, k: int) -> float:
    """Return the chance that `k` tries drawn from `n` are all among the `right` ones, pass^k: C(c,k)/C(n,k).

    Raise BadInputError unless 1 ≤ k ≤ n and 0 ≤ right ≤ n.
    """
    _check(n, right, k)
    return comb(right, k) / comb(n, k)


def _check(n: int, right: int, k: int) -> None:
    if not (1 <= k <= n and 0 <= right <= n):
        raise BadInputError(f"Of {n} tries, {right} of them right, {k} cannot be drawn.")


@dataclass(frozen=True)
class RepeatedScore:
    """One score over items and tries, in 0..1.

    repeats: tries of an item (the fewest of any); average: avg@k; se: its standard error, by items; low, high: its 95 %
    interval; within: the share of the variance that lies between tries of one item; pass_at, pass_all: k → value, empty
    if grades are not right or wrong; consistency: the chance that two tries of an item are graded alike.
    """

    items: int
    repeats: int
    average: float
    se: float
    low: float
    high: float
    within: float
    pass_at: Mapping[int, float]
    pass_all: Mapping[int, float]
    consistency: float | None


def repeated_score(grades: Sequence[Sequence[float]], level: float = 0.95) -> RepeatedScore | None:
    """Return the score of items, each with the grades (0..1) of its tries; None unless 2 items have 2 tries or more.

    The standard error is that of the items' means: what tries of one item share is counted once.
    """
    tries = [np.asarray(each, float) for each in grades if len(each)]
    fewest = min(map(len, tries), default=0)
    if len(tries) < 2 or fewest < 2:
        return None
    means = np.array([exact.mean(each) for each in tries])
    average, n = exact.mean(means), len(tries)
    se = float(np.std(means, ddof=1) / np.sqrt(n))
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * se
    inside = exact.mean(np.var(each, ddof=1) for each in tries)
    between = max(0.0, float(np.var(means, ddof=1)) - inside / exact.mean(map(len, tries)))
    total = inside + between
    binary = all(isclose(value, round(value), abs_tol=1e-9) for each in tries for value in each)
    counts = [(len(each), round(float(each.sum()))) for each in tries] if binary else []
    steps = [k for k in _steps(fewest) if counts]
    return RepeatedScore(
        items=n,
        repeats=fewest,
        average=average,
        se=se,
        low=max(0.0, average - reach),
        high=min(1.0, average + reach),
        within=inside / total if total else 0.0,
        pass_at={k: exact.mean(pass_at(size, right, k) for size, right in counts) for k in steps},
        pass_all={k: exact.mean(pass_all(size, right, k) for size, right in counts) for k in steps},
        consistency=exact.mean(_alike(*each) for each in counts) if counts else None,
    )


def _steps(most: int) -> list[int]:
    """Return 2, 4, 8, … and the largest k."""
    powers = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return [*powers, most]


def _alike(size: int, right: int) -> float:
    return (comb(right, 2) + comb(size - right, 2)) / comb(size, 2)
