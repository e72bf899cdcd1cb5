"""Ways to aggregate: each against its definition spelled out on a table one can read."""

import numpy as np
import pytest
from scipy.stats import gmean, zscore

from src.core.errors import BadInputError
from src.core.statistics.aggregate import AGGREGATIONS, aggregate, leave_one_out, points_up

TABLE = np.array([[80.0, 20, 50], [60, 60, 60], [10, 90, 50], [80, 10, 10]])


def test_mean_is_the_published_average():
    assert aggregate(TABLE) == pytest.approx([50, 60, 50, 100 / 3])


def test_win_rate_counts_models_beaten_with_ties_as_half():
    rates = [
        [np.mean([(x > y) + (x == y) / 2 for k, y in enumerate(column) if k != j]) for j, x in enumerate(column)]
        for column in TABLE.T
    ]
    assert aggregate(TABLE, "win_rate") == pytest.approx(100 * np.mean(rates, axis=0))


def test_z_mean_is_the_mean_of_z_scores():
    assert aggregate(TABLE, "z_mean") == pytest.approx(zscore(TABLE).mean(axis=1))


def test_geometric_mean_is_scipys_and_zero_at_a_zero():
    assert aggregate(TABLE, "geometric") == pytest.approx(gmean(TABLE, axis=1))
    assert aggregate([[0.0, 90]], "geometric").tolist() == [0]


def test_median_is_numpys_for_odd_and_even_numbers_of_benchmarks():
    assert aggregate(TABLE, "median") == pytest.approx(np.median(TABLE, axis=1))
    assert aggregate(TABLE[:, :2], "median") == pytest.approx(np.median(TABLE[:, :2], axis=1))


def test_weighted_median_repeats_a_benchmark_as_often_as_its_weight_says():
    repeated = np.repeat(TABLE, [3, 1, 1], axis=1)
    assert aggregate(TABLE, "median", [3, 1, 1]) == pytest.approx(np.median(repeated, axis=1))


def test_distance_to_optimum_is_what_is_left_to_the_corner():
    assert aggregate(TABLE, "distance") == pytest.approx(100 - np.sqrt(np.mean((100 - TABLE) ** 2, axis=1)))


def test_error_rates_count_downwards():
    errors = np.array([[5.0, 70], [10, 90]])  # word error rate, and a score
    directions = [False, True]
    assert aggregate(errors, "win_rate", higher_is_better=directions) == pytest.approx([50, 50])
    assert aggregate(errors, "z_mean", higher_is_better=directions) == pytest.approx([0, 0])
    expected = 100 - np.sqrt([(25 + 900) / 2, (100 + 100) / 2])
    assert aggregate(errors, "distance", higher_is_better=directions) == pytest.approx(expected)
    with pytest.raises(BadInputError, match="cannot mix"):
        aggregate(errors, "mean", higher_is_better=directions)


def test_a_board_of_error_rates_alone_may_be_averaged_and_then_points_down():
    assert aggregate([[5.0, 7]], higher_is_better=[False, False]).tolist() == [6]
    assert not points_up("mean", [False, False])
    assert not points_up("mean", [False, True], weights=[1, 0])
    assert points_up("win_rate", [False, False])
    assert leave_one_out([[5.0, 7.0], [6.0, 6.0]], higher_is_better=[False, False]).tolist() == [[2, 1], [1, 2]]


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_missing_benchmark_leaves_the_aggregate_unknown_unless_it_does_not_count(how):
    table = np.vstack([TABLE, [70, np.nan, 70]])
    complete = aggregate(table, how)
    assert np.isnan(complete[-1])
    assert complete[:-1] == pytest.approx(aggregate(TABLE, how))
    assert np.isfinite(aggregate(table, how, [1, 0, 1])).all()


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_weights_need_only_their_proportions(how):
    assert aggregate(TABLE, how, [2, 1, 1]) == pytest.approx(aggregate(TABLE, how, [50, 25, 25]))


def test_leaving_one_benchmark_out_ranks_by_the_others():
    assert leave_one_out(TABLE)[:, 0].tolist() == [3, 2, 1, 4]
    assert leave_one_out(TABLE)[:, 1].tolist() == [1, 2, 4, 3]


def test_nonsense_is_refused_in_words():
    with pytest.raises(BadInputError, match="no aggregation called 'sum'"):
        aggregate(TABLE, "sum")
    with pytest.raises(BadInputError, match="at least one is above 0"):
        aggregate(TABLE, weights=[0, 0, 0])
    with pytest.raises(BadInputError, match="3 benchmarks came with 2 weights"):
        aggregate(TABLE, weights=[1, 1])
