"""Fronts: against the definition, all pairs compared."""

import numpy as np

from src.core.statistics.pareto import pareto_front, undominated


def test_front_is_the_running_best_by_cost():
    front = pareto_front([7, 1, 3, 3, 70], [30, 10, 20, 25, 29])
    assert front.rows.tolist() == [1, 3, 0]


def test_rows_without_a_valid_size_are_left_out_and_counted():
    front = pareto_front([-1, 0, np.nan, 7, 8], [99, 99, 99, 30, np.nan])
    assert (front.rows.tolist(), front.left_out) == ([3], 4)


def test_of_equals_the_first_is_kept():
    assert pareto_front([7, 7, 8], [30, 30, 30]).rows.tolist() == [0]


def test_front_of_cost_and_score_is_that_of_two_benchmarks_but_for_equals():
    rng = np.random.default_rng(0)
    cost, score = rng.uniform(1, 80, 500), rng.uniform(0, 60, 500)
    assert set(pareto_front(cost, score).rows) == set(undominated(np.column_stack([-cost, score])).rows)


def test_undominated_agrees_with_comparing_all_pairs():
    scores = np.random.default_rng(1).integers(0, 12, (400, 3)).astype(float)
    beaten = [np.any(np.all(scores >= x, axis=1) & np.any(scores > x, axis=1)) for x in scores]
    front = undominated(scores)
    assert set(front.rows) == set(np.flatnonzero(~np.array(beaten)))


def test_a_row_with_a_missing_benchmark_is_left_out():
    front = undominated([[1.0, 2.0], [np.nan, 99.0], [0.0, 1.0]])
    assert (front.rows.tolist(), front.left_out) == ([0], 1)


def test_nothing_at_all_gives_an_empty_front():
    assert pareto_front([], []).rows.tolist() == []
