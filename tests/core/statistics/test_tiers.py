"""Groups of rows that cannot be distinguished from their best."""

import numpy as np
import pytest
from scipy.stats import studentized_range

from src.core.errors import BadInputError
from src.core.statistics.ranking.tiers import tier_critical_value, tiers


@pytest.mark.parametrize("rows", [2, 5, 20])
def test_the_critical_value_of_equal_errors_is_the_studentised_range(rows):
    expected = studentized_range.ppf(0.95, rows, np.inf) / np.sqrt(2)
    assert tier_critical_value(np.full(rows, 0.7)) == pytest.approx(expected, abs=2e-3)


def test_a_tie_of_twenty_is_one_group_in_nineteen_of_twenty_runs():
    rng = np.random.default_rng(0)
    se = rng.uniform(0.4, 1.0, 20)
    whole = [np.all(tiers(50 + se * rng.standard_normal(20), se) == 1) for _ in range(1000)]
    assert 0.93 <= np.mean(whole) <= 0.98


def test_neighbours_each_tied_with_the_next_do_not_become_one_group():
    slope = np.arange(0.0, 30.0, 1.0)  # one point apart, with errors of one point
    found = tiers(slope, np.ones(30))
    z = tier_critical_value(np.ones(30))
    assert found.max() >= 4
    for tier in np.unique(found):
        of_tier = slope[found == tier]
        assert of_tier.max() - of_tier.min() <= z * np.sqrt(2)


def test_a_tier_begins_with_the_best_row_that_is_in_none_above():
    found = tiers([10.0, 90.0, 89.0, np.nan, 50.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    assert found[[1, 2, 4, 0]].tolist() == [1, 1, 2, 3]
    assert np.isnan(found[3])


def test_rows_without_an_error_have_no_tier():
    assert np.isnan(tiers([1.0, 2.0], [np.nan, np.nan])).all()
    with pytest.raises(BadInputError, match="came with"):
        tiers([1.0], [1.0, 2.0])
