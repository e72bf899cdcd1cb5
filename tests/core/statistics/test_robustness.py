"""Ranks under random weights: against a loop over the same weights, and where the answer is known."""

import numpy as np
import pytest

from src.core.errors import BadInputError
from src.core.statistics.ranking.ranks import competition_rank
from src.core.statistics.ranking.robustness import weight_robustness

TABLE = np.random.default_rng(0).uniform(0, 100, (60, 4))


def test_ranks_are_those_of_the_weighted_means():
    found = weight_robustness(TABLE, np.random.default_rng(1), draws=501)
    weights = np.random.default_rng(1).dirichlet([1] * 4, size=501)
    ranks = np.array([competition_rank(TABLE @ w) for w in weights])
    assert np.array_equal(found.low, np.quantile(ranks, 0.05, axis=0, method="nearest"))
    assert np.array_equal(found.median, np.quantile(ranks, 0.5, axis=0, method="nearest"))
    assert np.array_equal(found.high, np.quantile(ranks, 0.95, axis=0, method="nearest"))
    assert found.first == pytest.approx(np.mean(ranks == 1, axis=0))


def test_a_model_best_everywhere_is_first_under_any_weights():
    found = weight_robustness(np.vstack([TABLE, TABLE.max(axis=0) + 1]), np.random.default_rng(2), draws=200)
    assert (found.low[-1], found.high[-1], found.first[-1]) == (1, 1, 1)


def test_two_models_that_swap_two_benchmarks_are_first_half_of_the_time():
    found = weight_robustness([[90.0, 10.0], [10.0, 90.0]], np.random.default_rng(3), draws=4000)
    assert found.first == pytest.approx([0.5, 0.5], abs=0.03)


def test_weights_near_the_given_ones_move_ranks_less():
    near = weight_robustness(TABLE, np.random.default_rng(4), concentration=10)
    far = weight_robustness(TABLE, np.random.default_rng(4), concentration=1)
    assert np.mean(near.high - near.low) < 0.6 * np.mean(far.high - far.low)


def test_following_a_few_rows_gives_what_following_all_gives():
    everyone = weight_robustness(TABLE, np.random.default_rng(5), draws=300)
    few = weight_robustness(TABLE, np.random.default_rng(5), draws=300, rows=[7, 3])
    assert few.low.tolist() == everyone.low[[7, 3]].tolist()
    assert few.first.tolist() == everyone.first[[7, 3]].tolist()


def test_a_model_with_a_missing_score_has_no_rank_and_takes_nobodys():
    table = np.vstack([[99, 99, 99, np.nan], TABLE])
    found = weight_robustness(table, np.random.default_rng(6), draws=100)
    assert np.isnan(found.low[0])
    assert np.array_equal(found.low[1:], weight_robustness(TABLE, np.random.default_rng(6), draws=100).low)


def test_a_concentration_of_zero_is_refused():
    with pytest.raises(BadInputError, match="above 0"):
        weight_robustness(TABLE, np.random.default_rng(7), concentration=0)
