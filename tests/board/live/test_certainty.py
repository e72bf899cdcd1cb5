"""The table says how sure it is: intervals from counts, ranges of ranks, ties with the best, rows at chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from src.board.live.certainty import design, with_certainty
from src.core import suites

SUITE = suites.load()


def frame(raws: list[float | None]) -> pd.DataFrame:
    """Rows whose raw value is the same on every benchmark; None: the row has no MMLU-PRO."""
    table = pd.DataFrame({"model": [f"org/{i}" for i in range(len(raws))]})
    for benchmark in SUITE.benchmarks:
        table[f"{benchmark.key}.raw"] = [0.5 if raw is None else raw for raw in raws]
        table[f"{benchmark.key}.score"] = [100 * (0.5 if raw is None else raw) for raw in raws]
    table["average"] = [None if raw is None else 100 * raw for raw in raws]
    table.loc[table["average"].isna(), ["mmlu_pro.raw", "mmlu_pro.score"]] = None
    return table


def test_designs_follow_the_suite():
    designs = {benchmark.key: design(benchmark) for benchmark in SUITE.benchmarks}
    assert (designs["bbh"].is_macro, len(designs["bbh"].items)) == (True, 24)
    assert (designs["gpqa"].is_macro, sum(designs["gpqa"].items)) == (False, 1192)
    assert designs["gpqa"].effective == pytest.approx(493.4, abs=0.1)  # of 1,192 rows only 546 are different questions
    assert set(designs["math"].chance) == {0.0}
    assert set(designs["mmlu_pro"].chance) == {0.1}


def test_the_interval_of_one_pooled_benchmark_is_wilsons():
    row = with_certainty(frame([0.5]), SUITE).iloc[0]
    half = 1.96 * 0.5 / np.sqrt(12_032 + 1.96**2)  # Wilson's at p = ½ is symmetric: ½ ± z/(2√(n + z²))
    low, high = (100 * ((0.5 + sign * half) - 0.1) / 0.9 for sign in (-1, 1))
    assert (row["mmlu_pro.low"], row["mmlu_pro.high"]) == pytest.approx((low, high), abs=2e-3)
    assert row["mmlu_pro.approximate"]


def test_close_models_share_a_range_of_ranks_and_far_ones_do_not():
    ranked = with_certainty(frame([0.70, 0.699, 0.40]), SUITE)
    assert ranked["rank"].tolist() == [1, 2, 3]
    assert list(zip(ranked["rank.low"], ranked["rank.high"], strict=True)) == [(1, 2), (1, 2), (3, 3)]
    assert ranked["tied"].tolist() == [True, True, False]


def test_a_partial_row_has_no_rank():
    partial = with_certainty(frame([0.7, None]), SUITE).iloc[1]
    assert np.isnan(partial["rank"])
    assert np.isnan(partial["average.se"])
    assert not partial["tied"]


def test_a_row_at_chance_is_marked():
    marked = with_certainty(frame([0.25, 0.7]), SUITE)
    assert marked["gpqa.at_chance"].tolist() == [True, False]


def test_a_suite_without_item_counts_claims_nothing():
    suite = suites.parse(
        {"name": "x", "title": "X", "benchmark": [{"key": "wer", "title": "WER", "higher_is_better": False}]}
    )
    table = pd.DataFrame({"model": ["a/b"], "wer.score": [5.0], "average": [5.0]})
    row = with_certainty(table, suite).iloc[0]
    assert np.isnan(row["wer.se"])
    assert not row["wer.at_chance"]
