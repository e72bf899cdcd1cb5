"""Published numbers do not depend on the order in which a machine adds: the same bits whatever the order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from src.core import exact
from src.core.statistics.aggregate import AGGREGATIONS, aggregate
from src.core.statistics.intervals import Stratum, average, macro, mean_of_metrics, pooled
from src.core.statistics.paired import PairedStratum, macro_difference, pooled_difference
from src.core.statistics.table import table_statistics

RNG = np.random.default_rng(12)
SCORES = RNG.uniform(1, 99, (200, 7))
WEIGHTS = RNG.integers(1, 5, 7)


def strata(order: np.ndarray | None = None) -> list[Stratum]:
    """Return three subtasks of partial credits, their items in another order if `order` is given."""
    scores = np.random.default_rng(5).uniform(0, 1, (3, 997))
    return [Stratum(row if order is None else row[order], chance=0.25) for row in scores]


def test_a_sum_is_the_exact_sum_rounded_once():
    values = RNG.normal(0, 10.0 ** RNG.integers(-12, 12, 5_000))
    assert exact.total(values) == float(sum(map(Fraction, values.tolist())))
    assert exact.mean(values) == exact.total(values) / 5_000
    assert exact.row_sums([[1e16, 1.0, -1e16], [0.1, 0.2, 0.3]]).tolist() == [1.0, 0.6]


def test_what_is_unknown_or_too_large_for_a_float_stays_so():
    assert np.isnan(exact.total([1.0, float("nan")]))
    assert exact.total([1e308, 1e308]) == float("inf")
    assert np.isnan(exact.total([float("inf"), -float("inf")]))
    assert np.isnan(exact.rounded(float("nan")))


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_an_average_does_not_depend_on_the_order_of_the_benchmarks(how):
    expected = aggregate(SCORES, how, WEIGHTS).tolist()
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(7)
        assert aggregate(np.asfortranarray(SCORES[:, order]), how, WEIGHTS[order]).tolist() == expected


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_an_average_does_not_depend_on_the_order_of_the_rows(how):
    expected = aggregate(SCORES, how, WEIGHTS)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(SCORES))
        assert aggregate(SCORES[order], how, WEIGHTS).tolist() == expected[order].tolist()


@pytest.mark.parametrize("estimate", [macro, pooled])
def test_an_error_bar_does_not_depend_on_the_order_of_the_items(estimate):
    expected = estimate(strata())
    for seed in range(20):
        assert estimate(strata(np.random.default_rng(seed).permutation(997))[::-1]) == expected


def test_the_error_of_an_average_does_not_depend_on_the_order_of_the_benchmarks():
    parts = [pooled([each]) for each in strata()]
    assert average(parts) == average(parts[::-1])


def test_an_error_bar_over_metrics_does_not_depend_on_their_order():
    prompts = np.repeat(np.arange(500), 2)
    metrics = [Stratum(RNG.uniform(0, 1, 1_000), clusters=prompts) for _ in range(3)]
    assert mean_of_metrics(metrics).score == mean_of_metrics(metrics[::-1]).score


@pytest.mark.parametrize("difference", [macro_difference, pooled_difference])
def test_a_difference_does_not_depend_on_the_order_of_the_items(difference):
    a, b = RNG.uniform(0, 1, (2, 3, 801))
    expected = difference([PairedStratum(x, y) for x, y in zip(a, b, strict=True)])
    order = RNG.permutation(801)
    shuffled = [PairedStratum(x[order], y[order]) for x, y in zip(a[::-1], b[::-1], strict=True)]
    assert difference(shuffled) == expected


def test_the_tables_averages_and_errors_do_not_depend_on_the_order_of_the_benchmarks():
    se = RNG.uniform(0.1, 2, SCORES.shape)
    expected = table_statistics(SCORES, se=se, weights=WEIGHTS)
    order = RNG.permutation(7)
    found = table_statistics(SCORES[:, order], se=se[:, order], weights=WEIGHTS[order])
    for name in ("average", "average_se", "average_low", "average_high"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
