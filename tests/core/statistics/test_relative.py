"""Against others: percentiles against scipy, retention against simulation."""

import numpy as np
import pytest
from scipy.stats import percentileofscore

from src.core.statistics.relative import fieller, gain_over_base, percentile_within


def test_percentile_counts_others_of_the_same_class():
    found = percentile_within([10, 20, 30, 30, 5], ["7B", "7B", "7B", "7B", "70B"])
    assert found[:4] == pytest.approx([0, 100 / 3, 250 / 3, 250 / 3])
    assert np.isnan(found[4])


def test_percentile_agrees_with_scipy_over_everybody_else():
    scores = np.random.default_rng(0).integers(0, 20, 50).astype(float)
    found = percentile_within(scores, np.zeros(50))
    expected = [percentileofscore(np.delete(scores, i), x, kind="mean") for i, x in enumerate(scores)]
    assert found == pytest.approx(expected)


def test_percentiles_of_a_table_are_those_of_its_columns_and_skip_missing_scores():
    table = np.array([[1, 9], [2, np.nan], [3, 7.0]])
    found = percentile_within(table, ["a"] * 3)
    assert found[:, 0].tolist() == [0, 50, 100]
    assert found[[0, 2], 1].tolist() == [100, 0]
    assert np.isnan(found[1, 1])


def test_gain_and_retention_of_a_fine_tune():
    found = gain_over_base(30, 0.7, 40, 0.7)
    assert (found.value, found.retention) == (-10, 0.75)
    assert found.se == pytest.approx(0.7 * np.sqrt(2))
    assert found.interval.high < 0
    assert found.p < 1e-10


def test_retention_interval_covers_the_true_ratio():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        interval = fieller(30 + 1.5 * rng.standard_normal(), 1.5, 20 + 1.5 * rng.standard_normal(), 1.5)
        assert interval is not None
        inside += 1.5 in interval
    assert 0.94 <= inside / 2000 <= 0.96


def test_shared_questions_narrow_the_gain():
    apart, together = gain_over_base(41, 0.7, 40, 0.7), gain_over_base(41, 0.7, 40, 0.7, covariance=0.4)
    assert together.se == pytest.approx(np.sqrt(2 * 0.49 - 0.8))
    assert together.se < apart.se


def test_a_base_at_chance_has_no_retention():
    assert gain_over_base(5, 1, 0, 1).retention is None
    near = gain_over_base(5, 1, 1, 1)
    assert near.retention == 5
    assert near.retention_interval is None
