"""Errors from counts alone: against samples that have those counts."""

import numpy as np
import pytest

from src.core.errors import BadInputError
from src.core.statistics.approximate import (
    Design,
    approximate_bounds,
    approximate_se,
    effective_items,
    unclipped_score,
)
from src.core.statistics.intervals import Stratum, macro, pooled, wilson

MUSR = Design(items=(250, 256, 250), chance=(1 / 2, 1 / 5, 1 / 3), is_macro=True)


def musr_error(*shares):
    rows = zip(MUSR.items, MUSR.chance, shares, strict=True)
    return macro([Stratum(np.repeat([1.0, 0], [round(n * p), n - round(n * p)]), c) for n, c, p in rows]).se


def test_gpqa_questions_asked_up_to_three_times_are_worth_493():
    repeats = np.repeat([3, 2, 1], [198, 250, 98])
    assert repeats.sum() == 1192
    assert effective_items(repeats) == pytest.approx(1192**2 / (198 * 9 + 250 * 4 + 98))
    assert round(effective_items(repeats)) == 493


def test_pooled_error_from_counts_is_that_of_the_samples():
    scores = np.repeat([1.0, 0], [300, 1024])
    from_samples = pooled([Stratum(scores)]).se
    assert approximate_se(300 / 1324, Design((1324,), (0.0,))) == pytest.approx(from_samples, rel=1e-3)


def test_macro_error_from_counts_is_that_of_samples_with_equal_subtasks():
    assert approximate_se(0.4, MUSR) == pytest.approx(musr_error(0.4, 0.4, 0.4), rel=0.01)


def test_macro_error_from_counts_errs_on_the_wide_side_where_subtasks_differ():
    assert musr_error(0.6, 0.2, 0.4) < approximate_se(0.4, MUSR) < 1.2 * musr_error(0.6, 0.2, 0.4)


def test_nothing_right_and_everything_right_are_not_certain_and_unknown_stays_unknown():
    errors = approximate_se([0.0, 1.0, np.nan], Design((541,), (0.0,)))
    assert np.all(errors[:2] > 0.3)
    assert np.isnan(errors[2])


def test_unclipped_score_of_a_pooled_benchmark_may_fall_below_chance():
    assert unclipped_score([0.25, 0.2], Design((448,), (0.25,))) == pytest.approx([0, 100 * -0.05 / 0.75])
    assert unclipped_score([0.3], MUSR) is None


def test_bounds_of_a_pooled_benchmark_are_wilsons_on_its_scale():
    low, high = approximate_bounds([0.3], Design((1000,), (0.1,)))
    expected = wilson(300, 1000)
    assert (low[0], high[0]) == pytest.approx((100 * (expected.low - 0.1) / 0.9, 100 * (expected.high - 0.1) / 0.9))


def test_percentages_in_place_of_shares_are_refused():
    with pytest.raises(BadInputError, match="between 0 and 1"):
        approximate_se([30.0], MUSR)
    with pytest.raises(BadInputError, match="one chance level"):
        Design((10, 10), (0.2, 0.5))
