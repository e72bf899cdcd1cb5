"""Two models: joined on the question, tested by enumeration, other libraries and simulation."""

from math import comb

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from src.core.errors import BadInputError
from src.core.statistics.paired import (
    ItemScores,
    PairedStratum,
    UnmatchedError,
    holm,
    join,
    macro_difference,
    mcnemar_mid_p,
    pooled_difference,
)


def answers(scores, tasks=None, hashes=None):
    n = len(scores)
    tasks = np.repeat(["algebra", "geometry"], [n // 2, n - n // 2]) if tasks is None else np.array(tasks)
    hashes = np.array([f"h{i % 70}" for i in range(n)]) if hashes is None else np.array(hashes)
    return ItemScores(tasks, hashes, np.asarray(scores, float))


def shuffled(given, rng):
    order = rng.permutation(len(given.scores))
    return ItemScores(given.tasks[order], given.doc_hashes[order], given.scores[order])


def difference_of(pair):
    strata = [PairedStratum(pair.a[pair.tasks == t], pair.b[pair.tasks == t]) for t in np.unique(pair.tasks)]
    return pooled_difference(strata, unmatched=pair.unmatched)


def test_shuffling_one_models_rows_changes_nothing():
    rng = np.random.default_rng(0)
    a, b = answers(rng.random(300) < 0.6), answers(rng.random(300) < 0.5)  # some hashes come twice in a task
    assert difference_of(join(a, b)) == difference_of(join(a, shuffled(b, rng)))
    assert difference_of(join(a, b)) == difference_of(join(shuffled(a, rng), b))


def test_the_same_hash_in_two_tasks_is_two_questions():
    pair = join(answers([1, 0], ["x", "y"], ["h", "h"]), answers([0, 1], ["y", "x"], ["h", "h"]))
    assert pair.a.tolist() == pair.b.tolist() == [1, 0]
    assert pair.rows_a.tolist() == [0, 1]
    assert pair.rows_b.tolist() == [1, 0]


def test_more_than_one_question_in_a_hundred_unmatched_is_refused():
    hashes = [f"h{i}" for i in range(200)]
    one_off, many_off = [*hashes[:-1], "other"], [*hashes[:-3], "other", "yet", "more"]
    a = answers(np.ones(200), ["t"] * 200, hashes)
    assert join(a, answers(np.ones(200), ["t"] * 200, one_off)).unmatched == pytest.approx(2 / 201)
    with pytest.raises(UnmatchedError, match="Compare runs of one version"):
        join(a, answers(np.ones(200), ["t"] * 200, many_off))


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 5), (1, 9), (12, 3)])
def test_mid_p_counts_half_of_the_equally_likely_outcomes(wins, losses):
    n, fewer = wins + losses, min(wins, losses)
    outcomes = {k: comb(n, k) / 2**n for k in range(n + 1)}
    more_extreme = sum(p for k, p in outcomes.items() if min(k, n - k) < fewer)
    equal = sum(p for k, p in outcomes.items() if min(k, n - k) == fewer)
    expected = 1.0 if wins == losses else more_extreme + equal / 2
    assert mcnemar_mid_p(wins, losses) == pytest.approx(expected)


def test_mid_p_lies_just_under_the_exact_one():
    exact = mcnemar([[0, 40], [22, 0]], exact=True).pvalue
    assert 0.7 * exact < mcnemar_mid_p(40, 22) < exact


def test_difference_has_the_error_of_item_differences():
    rng = np.random.default_rng(1)
    a, b = (rng.random((2, 400)) < 0.5).astype(float)
    d = 100 * (a - b)
    found = pooled_difference([PairedStratum(a, b)])
    assert found.value == pytest.approx(d.mean())
    assert found.se == pytest.approx(d.std(ddof=1) / 20)
    assert found.smallest_detectable == pytest.approx(2.8 * found.se)
    assert (found.wins, found.losses, found.ties) == (np.sum(d > 0), np.sum(d < 0), np.sum(d == 0))
    assert found.method == "McNemar mid-p"


def test_macro_difference_weighs_subtasks_alike_and_by_their_scale():
    a, b = np.repeat([1.0, 0], [30, 20]), np.repeat([1.0, 0], [20, 30])
    strata = [PairedStratum(a, b, scale=200), PairedStratum(a[::2], b[::2], scale=125)]
    found = macro_difference(strata)
    assert found.value == pytest.approx((200 * 0.2 + 125 * 0.2) / 2)
    parts = [(100 * s.scale / 100 * (s.a - s.b)).std(ddof=1) / np.sqrt(len(s.a)) for s in strata]
    assert found.se == pytest.approx(np.hypot(*parts) / 2)
    assert found.method == "normal"


def test_two_copies_of_one_model_do_not_differ_and_are_not_certain():
    same = np.repeat([1.0, 0], 100)
    found = pooled_difference([PairedStratum(same, same)])
    assert (found.value, found.p) == (0, 1)
    assert found.se > 0


def test_clustered_differences_use_the_questions_not_the_rows():
    rng = np.random.default_rng(2)
    a, b = (rng.random((2, 150)) < 0.5).astype(float)
    questions = np.tile(np.arange(150), 3)
    thrice = pooled_difference([PairedStratum(np.tile(a, 3), np.tile(b, 3), clusters=questions)])
    assert thrice.se == pytest.approx(pooled_difference([PairedStratum(a, b)]).se, rel=0.01)
    assert thrice.method == "normal"


def test_holm_agrees_with_statsmodels_in_any_order():
    for p in ([0.02, 0.001, 0.9], [0.04, 0.04, 0.001, 0.02], np.random.default_rng(3).random(9) ** 4):
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_clusters_on_some_subtasks_only_are_refused():
    x = np.array([1.0, 0, 1])
    with pytest.raises(BadInputError, match="or none does"):
        pooled_difference([PairedStratum(x, x, clusters=np.arange(3)), PairedStratum(x, x)])


def test_pooling_different_scales_is_refused():
    x = np.array([1.0, 0, 1])
    with pytest.raises(BadInputError, match="one chance level"):
        pooled_difference([PairedStratum(x, x, 100), PairedStratum(x, x, 200)])
