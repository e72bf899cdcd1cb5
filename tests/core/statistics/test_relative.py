"""Against others: retention against simulation."""

import numpy as np
import pytest

from src.core.statistics.relative import fieller, gain_over_base


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
