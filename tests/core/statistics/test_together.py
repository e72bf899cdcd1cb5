"""Several models on the same items: covariances against one and two models' own formulas."""

import numpy as np
import pytest

from src.core.statistics.intervals import macro_se, pooled_se
from src.core.statistics.paired import ItemScores, PairedStratum, UnmatchedError, macro_difference
from src.core.statistics.ranking.ranks import rank_intervals, rank_intervals_from_covariance
from src.core.statistics.ranking.together import score_covariance, shared_scores
from tests.core.statistics.acceptance import item_matrix


def drawn(models, items, seed=0):
    rng = np.random.default_rng(seed)
    hard = rng.random(items)
    return (rng.random((models, items)) < 0.3 + 0.5 * hard).astype(float)


def test_the_variance_of_a_model_and_of_a_difference_are_those_of_the_plain_formulas():
    tasks = [(drawn(3, 250, seed), scale) for seed, scale in enumerate((200.0, 125.0))]
    covariance = score_covariance(tasks, is_macro=True)
    assert np.sqrt(covariance[0, 0]) == pytest.approx(macro_se([(x[0], scale, None) for x, scale in tasks]))
    difference = macro_difference([PairedStratum(x[0], x[1], scale) for x, scale in tasks])
    assert covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1] == pytest.approx(difference.se**2)


def test_pooled_tasks_count_by_their_items():
    parts = [drawn(2, 300, 1), drawn(2, 100, 2)]
    covariance = score_covariance([(x, 100.0) for x in parts], is_macro=False)
    assert np.sqrt(covariance[1, 1]) == pytest.approx(100 * pooled_se([x[1] for x in parts]))


def test_items_are_matched_by_what_they_ask_and_not_by_their_place():
    scores = drawn(2, 50)
    names = np.array([f"q{at}" for at in range(50)])
    order = np.random.default_rng(3).permutation(50)
    one = ItemScores(np.full(50, "t"), names, scores[0])
    other = ItemScores(np.full(50, "t"), names[order], scores[1][order])
    shared = shared_scores([one, other]).scores
    assert np.mean(shared[0] * shared[1]) == pytest.approx(np.mean(scores[0] * scores[1]))
    with pytest.raises(UnmatchedError, match="Only 25 of 50"):
        shared_scores([one, ItemScores(np.full(25, "t"), names[:25], scores[1][:25])])


def test_shared_items_narrow_the_ranges_of_ranks_on_real_answers(shared):
    """MuSR of 448 models: what models share (hard questions are hard for all) is no reason to doubt their order."""
    scores = item_matrix(shared("stats/v2_musr_acc_norm_448x756.parquet"))[:150]
    scores = np.unique(scores, axis=0)
    covariance = score_covariance([(scores, 100.0)], is_macro=False)
    means = 100 * scores.mean(axis=1)
    paired = rank_intervals_from_covariance(means, covariance, rng=np.random.default_rng(0), draws=1000)
    apart = rank_intervals(means, np.sqrt(np.diag(covariance)))
    widths = [np.median(each.high - each.low) for each in (paired, apart)]
    assert widths[0] <= 0.9 * widths[1]
