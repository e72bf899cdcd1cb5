"""The whole table at once: against one model at a time."""

import numpy as np
import pytest

from src.core.errors import BadInputError
from src.core.statistics.approximate import Design, approximate_se
from src.core.statistics.intervals import wilson
from src.core.statistics.table import table_statistics

DESIGNS = [
    Design((541,), (0.0,)),
    Design((250, 256, 250), (1 / 2, 1 / 5, 1 / 3), is_macro=True),
    Design((448,), (0.25,)),
]
RAW = np.array([[0.8, 0.6, 0.5], [0.4, 0.4, 0.24], [0.41, 0.41, 0.26]])
SCORES = np.column_stack([100 * RAW[:, 0], [38.0, 12, 13], 100 * np.maximum(0, (RAW[:, 2] - 0.25) / 0.75)])


def test_without_samples_errors_come_from_counts_and_are_marked_approximate():
    found = table_statistics(SCORES, raw=RAW, designs=DESIGNS)
    assert found.approximate.all()
    assert found.is_approximate.all()
    expected = np.column_stack([approximate_se(RAW[:, b], design) for b, design in enumerate(DESIGNS)])
    assert found.se == pytest.approx(expected)
    assert found.average_se == pytest.approx(np.sqrt((expected**2).sum(axis=1)) / 3)


def test_errors_from_samples_win_over_counts():
    se = np.array([[1.0, 1.0, 1.0], [np.nan] * 3, [1.0, np.nan, 1.0]])
    found = table_statistics(SCORES, se=se, raw=RAW, designs=DESIGNS)
    assert found.approximate.tolist() == [[False] * 3, [True] * 3, [False, True, False]]
    assert found.is_approximate.tolist() == [False, True, True]
    assert found.average_se[0] == pytest.approx(np.sqrt(3) / 3)


def test_intervals_are_of_the_score_before_clipping_and_rows_at_chance_are_marked():
    found = table_statistics(SCORES, raw=RAW, designs=DESIGNS)
    expected = wilson(0.24 * 448, 448)
    assert (found.low[1, 2], found.high[1, 2]) == pytest.approx(
        (100 * (expected.low - 0.25) / 0.75, 100 * (expected.high - 0.25) / 0.75)
    )
    assert found.at_chance.tolist() == [[False, False, False], [False, False, True], [False, False, True]]


def test_rank_ranges_hold_the_published_rank_and_mark_ties_with_the_best():
    found = table_statistics(SCORES, raw=RAW, designs=DESIGNS)
    assert found.rank.tolist() == [1, 3, 2]
    assert found.rank_low.tolist() == [1, 2, 2]
    assert found.rank_high.tolist() == [1, 3, 3]
    assert found.tied_with_best.tolist() == [True, False, False]


def test_a_table_without_errors_has_ranks_but_no_ranges():
    found = table_statistics(SCORES)
    assert found.rank.tolist() == [1, 3, 2]
    assert np.isnan(found.rank_low).all()
    assert not found.tied_with_best.any()


def test_a_row_with_a_missing_score_has_no_average_and_no_rank():
    scores = np.vstack([SCORES, [99, np.nan, 99]])
    found = table_statistics(scores, se=np.full((4, 3), 1.0))
    assert np.isnan(found.average[3])
    assert np.isnan(found.rank[3])
    assert found.rank[:3].tolist() == [1, 3, 2]


def test_a_benchmark_without_weight_does_not_count():
    found = table_statistics(SCORES, raw=RAW, designs=DESIGNS, weights=[1, 0, 1])
    assert found.average == pytest.approx(SCORES[:, [0, 2]].mean(axis=1))
    assert found.average_se == pytest.approx(np.sqrt(found.se[:, 0] ** 2 + found.se[:, 2] ** 2) / 2)


def test_a_board_of_error_rates_ranks_the_lowest_first():
    found = table_statistics([[5.0], [7.0], [5.1]], se=np.full((3, 1), 0.2), higher_is_better=False)
    assert found.rank.tolist() == [1, 3, 2]
    assert found.tied_with_best.tolist() == [True, False, True]


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(BadInputError, match="2 designs"):
        table_statistics(SCORES, raw=RAW, designs=DESIGNS[:2])
    with pytest.raises(BadInputError, match="standard errors"):
        table_statistics(SCORES, se=np.ones((2, 3)))
