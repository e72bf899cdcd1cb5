"""How firm a place is: what it would be with other weights, other aggregations, or without a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from src.board.model.robustness import RankRobustness, firmness
from src.core import suites

SUITE = suites.load()


def frame(*rows: Sequence[float | None]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=[f"{benchmark.key}.score" for benchmark in SUITE.benchmarks], dtype=float)
    table["id"] = [f"org/{'abc'[i]}" for i in range(len(rows))]
    return table.assign(average=table.drop(columns="id").mean(axis=1, skipna=False))


def firm_of(row: str, *rows: Sequence[float | None]) -> RankRobustness:
    firm = firmness(frame(*rows), SUITE, row)
    assert firm
    assert firm.any_weights
    assert firm.near_weights
    return firm


ALL_ROUND = [50.0] * 6
LOPSIDED = [100.0, 100.0, 50.0, 25.0, 25.0, 6.0]  # average 51
LAST = [10.0] * 6


def test_a_model_that_lives_off_two_benchmarks_falls_without_them():
    firm = firm_of("org/a", LOPSIDED, ALL_ROUND, LAST)
    assert firm.rank == 1
    assert dict(firm.without)["IFEval"] == 2
    assert dict(firm.aggregated)["Median"] == 2  # 37.5 against 50
    assert dict(firm.aggregated)["Geometric"] == 2


def test_a_model_behind_everywhere_is_last_whatever_the_weights():
    firm = firm_of("org/c", LOPSIDED, ALL_ROUND, [*LAST[:5], 5.0])
    assert (firm.any_weights.low, firm.any_weights.high, firm.any_weights.first) == (3, 3, 0.0)


def test_weights_near_the_boards_move_a_rank_less_than_any_weights():
    firm = firm_of("org/a", LOPSIDED, ALL_ROUND, LAST)
    assert firm.any_weights.first < 1
    assert firm.near_weights.high - firm.near_weights.low <= firm.any_weights.high - firm.any_weights.low


def test_averages_that_the_table_shows_alike_share_a_place():
    table = frame(ALL_ROUND, ALL_ROUND, LAST)
    table["average"] = [50.00001, 50.00004, 10.0]
    assert [firmness(table, SUITE, f"org/{name}").rank for name in "abc"] == [1, 1, 3]
    table["average"] = [50.00004, 50.00006, 10.0]  # 50.0000 and 50.0001
    assert [firmness(table, SUITE, f"org/{name}").rank for name in "abc"] == [2, 1, 3]


def test_a_partial_row_has_no_place():
    assert firmness(frame(LOPSIDED, [None, *ALL_ROUND[1:]]), SUITE, "org/b") is None
    assert firmness(frame(LOPSIDED), SUITE, "org/nobody") is None
