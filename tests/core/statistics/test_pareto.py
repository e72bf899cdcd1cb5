"""Fronts: against the definition, all pairs compared."""

import numpy as np

from src.core.statistics.pareto import pareto_front


def test_front_is_the_running_best_by_cost():
    front = pareto_front([7, 1, 3, 3, 70], [30, 10, 20, 25, 29])
    assert front.rows.tolist() == [1, 3, 0]


def test_rows_without_a_valid_size_are_left_out_and_counted():
    front = pareto_front([-1, 0, np.nan, 7, 8], [99, 99, 99, 30, np.nan])
    assert (front.rows.tolist(), front.left_out) == ([3], 4)


def test_of_equals_the_first_is_kept():
    assert pareto_front([7, 7, 8], [30, 30, 30]).rows.tolist() == [0]


def test_the_front_agrees_with_comparing_all_pairs():
    rng = np.random.default_rng(0)
    cost, score = rng.uniform(1, 80, 500), rng.uniform(0, 60, 500)
    beaten = [np.any((cost <= c) & (score > s)) for c, s in zip(cost, score, strict=True)]
    assert set(pareto_front(cost, score).rows) == set(np.flatnonzero(~np.array(beaten)))


def test_nothing_at_all_gives_an_empty_front():
    assert pareto_front([], []).rows.tolist() == []
