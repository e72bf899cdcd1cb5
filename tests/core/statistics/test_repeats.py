"""Sampled answers: pass@k as its paper has it, errors by items and not by tries."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from src.core.errors import BadInputError
from src.core.statistics.repeats import pass_all, pass_at, repeated_score


@pytest.mark.parametrize("right", range(7))
@pytest.mark.parametrize("k", range(1, 7))
def test_pass_at_k_counts_the_draws_that_hold_a_right_try(right: int, k: int) -> None:
    tries = [True] * right + [False] * (6 - right)
    draws = list(combinations(tries, k))
    assert pass_at(6, right, k) == pytest.approx(sum(map(any, draws)) / len(draws), abs=1e-15)
    assert pass_all(6, right, k) == pytest.approx(sum(map(all, draws)) / len(draws), abs=1e-15)


def test_pass_at_k_is_the_papers_product() -> None:
    """Chen et al. (2021), figure 3: 1 − Π (1 − k/i) for i from n − c + 1 to n."""
    for n, right, k in ((200, 13, 100), (200, 190, 10), (10, 0, 5), (10, 10, 1), (8, 7, 4)):
        paper = 1.0 if n - right < k else 1.0 - float(np.prod(1.0 - k / np.arange(n - right + 1, n + 1)))
        assert pass_at(n, right, k) == pytest.approx(paper, abs=1e-12)


@pytest.mark.parametrize(("n", "right", "k"), [(4, 1, 5), (4, 5, 1), (4, 1, 0), (4, -1, 2)])
def test_more_tries_than_there_are_cannot_be_drawn(n: int, right: int, k: int) -> None:
    with pytest.raises(BadInputError, match="cannot be drawn"):
        pass_at(n, right, k)


def simulated(rng: np.random.Generator, items: int = 30, tries: int = 8) -> np.ndarray:
    """Items whose chance of a right try is Beta(0.9, 0.9), so that tries of one item correlate by 1/2.8 = 0.36."""
    chances = rng.beta(0.9, 0.9, items)
    return (rng.random((items, tries)) < chances[:, None]).astype(float)


def test_an_interval_by_items_covers_where_one_by_tries_does_not() -> None:
    rng = np.random.default_rng(20261201)
    covered, pooled, runs = 0, 0, 4000
    for _ in range(runs):
        grades = simulated(rng)
        found = repeated_score(grades.tolist())
        assert found is not None
        covered += found.low <= 0.5 <= found.high
        each = grades.ravel()
        pooled += abs(each.mean() - 0.5) <= 1.96 * each.std(ddof=1) / np.sqrt(each.size)
    assert 0.93 <= covered / runs <= 0.97
    assert pooled / runs < 0.80


def test_the_share_within_items_is_that_of_the_simulation() -> None:
    rng = np.random.default_rng(7)
    found = repeated_score(simulated(rng, 4000).tolist())
    assert found is not None
    assert found.within == pytest.approx(1 - 1 / 2.8, abs=0.03)


def test_what_tries_earn_together_is_told_for_right_and_wrong_alone() -> None:
    found = repeated_score([[1, 1, 0, 0], [1, 1, 1, 1]])
    assert found is not None
    assert (found.items, found.repeats, found.average) == (2, 4, 0.75)
    assert found.pass_at == {2: (5 / 6 + 1) / 2, 4: 1.0}
    assert found.pass_all == {2: (1 / 6 + 1) / 2, 4: 0.5}
    assert found.consistency == pytest.approx((1 / 3 + 1) / 2)
    parts = repeated_score([[0.5, 1.0], [0.25, 0.5]])
    assert parts is not None
    assert (parts.pass_at, parts.consistency) == ({}, None)


@pytest.mark.parametrize("grades", [[], [[1, 0]], [[1], [0]], [[1, 0], [1]]])
def test_one_item_or_one_try_tells_nothing(grades: list[list[float]]) -> None:
    assert repeated_score(grades) is None
