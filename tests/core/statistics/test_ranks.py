"""Rank ranges: against all pairs spelled out, a simulation, and the tables of the studentised range."""

import numpy as np
import pytest

from src.core.errors import BadInputError
from src.core.statistics.ranking.ranks import (
    competition_rank,
    critical_values,
    rank_intervals,
    rank_intervals_from_covariance,
)


def test_clear_gaps_leave_one_rank_and_a_tie_shares_its_range():
    found = rank_intervals([50, 30, 29.9, 29.8, 5], [0.5] * 5)
    assert found.rank.tolist() == [1, 2, 3, 4, 5]
    assert found.low.tolist() == [1, 2, 2, 2, 5]
    assert found.high.tolist() == [1, 4, 4, 4, 5]
    assert found.tied_with_best.tolist() == [True, False, False, False, False]


def test_windows_count_exactly_what_all_pairs_count():
    rng = np.random.default_rng(0)
    scores, se = 60 * rng.beta(2, 4, 900), rng.gamma(3, 0.25, 900) + 0.02
    scores[:50] = scores[50:100]  # exact ties
    found = rank_intervals(scores, se)
    joint = found.critical[:, None] * np.hypot(se[:, None], se[None, :])
    assert np.array_equal(found.low, 1 + np.sum(scores[None, :] - scores[:, None] > joint, axis=1))
    assert np.array_equal(found.high, 900 - np.sum(scores[:, None] - scores[None, :] > joint, axis=1))


@pytest.mark.parametrize(("models", "expected"), [(40, 3.10), (400, 3.57), (4576, 4.03)])
def test_critical_values_are_the_known_ones(models, expected):
    assert critical_values(np.full(models, 0.7))[0] == pytest.approx(expected, abs=0.03)


def test_critical_values_of_unequal_errors_agree_with_simulation():
    rng = np.random.default_rng(1)
    se = rng.uniform(0.3, 1.2, 200)
    computed = critical_values(se)
    noise = rng.standard_normal((20_000, 200)) * se
    for j in (int(se.argmin()), 17, int(se.argmax())):
        studentised = np.abs(np.delete(noise - noise[:, [j]], j, axis=1)) / np.hypot(np.delete(se, j), se[j])
        assert computed[j] == pytest.approx(np.quantile(studentised.max(axis=1), 0.95), abs=0.03)


def test_ranges_hold_the_rank_itself():
    rng = np.random.default_rng(3)
    found = rank_intervals(rng.normal(30, 3, 500), rng.uniform(0.4, 0.9, 500))
    assert np.all((found.low <= found.rank) & (found.rank <= found.high))


def test_percentiles_of_bootstrapped_ranks_do_not_cover_a_tie():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(100):
        scores = rng.standard_normal(20)
        drawn = scores + rng.standard_normal((400, 20))
        ranks = 20 - drawn.argsort(axis=1).argsort(axis=1)
        low, high = np.quantile(ranks, [0.025, 0.975], axis=0)
        covered += bool(np.all(low <= 1) and np.all(high >= 20))
    assert covered <= 10


def test_models_without_a_score_have_no_rank_and_take_nobodys():
    found = rank_intervals([3, np.nan, 1], [0.1, 0.1, 0.1])
    assert found.rank.tolist()[::2] == [1, 2]
    assert np.isnan(found.rank[1])
    assert np.isnan(found.low[1])


def test_a_model_without_an_error_could_stand_anywhere_below_others_worst():
    found = rank_intervals([30, 20, 10], [0.1, np.nan, 0.1])
    assert found.rank.tolist() == [1, 2, 3]
    assert found.high.tolist()[::2] == [2, 3]


def test_shared_questions_narrow_the_ranges():
    shared, own = 1.0, 0.05
    covariance = shared + own * np.eye(6)
    scores = np.array([6.0, 5, 4, 3, 2, 1])
    joined = rank_intervals_from_covariance(scores, covariance, rng=np.random.default_rng(5))
    apart = rank_intervals(scores, np.sqrt(np.diag(covariance)))
    assert joined.low.tolist() == joined.rank.tolist() == joined.high.tolist()
    assert np.all(apart.low <= joined.low)
    assert np.all(apart.high >= joined.high)
    assert apart.low[1] == 1


def test_covariance_without_correlation_gives_the_same_ranges():
    scores, se = np.linspace(0, 10, 30), np.full(30, 0.8)
    joined = rank_intervals_from_covariance(scores, np.diag(se**2), rng=np.random.default_rng(6), draws=20_000)
    assert joined.critical.mean() == pytest.approx(critical_values(se)[0], abs=0.03)


def test_copies_of_one_model_are_never_told_apart():
    covariance = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    found = rank_intervals_from_covariance([5.0, 5, 50], covariance, rng=np.random.default_rng(7))
    assert (found.low.tolist(), found.high.tolist()) == ([2, 2, 1], [3, 3, 1])


def test_equal_scores_share_the_better_rank():
    assert competition_rank([7, 9, 9, 1]).tolist() == [3, 1, 1, 4]


def test_certainty_is_refused():
    with pytest.raises(BadInputError, match="certainty"):
        rank_intervals([1.0, 2.0], [0.0, 1.0])
