"""A model's past: each result file re-scored, broken ones skipped, reports of contamination beside it."""

from __future__ import annotations

import json

import pytest

from src.board.model.past_runs import past_runs
from src.core import suites
from src.core.contamination import PATH, reports
from src.core.store import LocalStore


def dump(correct: float) -> bytes:
    return json.dumps(
        {
            "model_name": "org/m",
            "results": {"leaderboard_mmlu_pro": {"acc,none": correct, "acc_stderr,none": 0.004}},
            "config": {"model_sha": "a" * 40, "model_dtype": "torch.bfloat16"},
        }
    ).encode()


@pytest.fixture
def store(tmp_path) -> LocalStore:
    store = LocalStore(tmp_path)
    store.append(
        {
            "results/org/m/results_2024-06-01T10-00-00.000000.json": dump(0.4),
            "results/org/m/results_2024-07-01T10-00-00.000000.json": dump(0.5),
            "results/org/m/results_2024-08-01T10-00-00.000000.json": b"not json",
        }
    )
    return store


def test_every_run_is_told_newest_first_and_a_broken_file_hides_none(store):
    runs = past_runs(store, suites.load(), "org/m")
    assert [f"{run.when:%Y-%m}" for run in runs] == ["2024-07", "2024-06"]
    assert [run.scored.benchmarks["mmlu_pro"].raw for run in runs] == [0.5, 0.4]
    assert not runs[0].is_whole  # five benchmarks were not run


@pytest.mark.parametrize("model", ["org/other", "../../etc", "org/m/../m"])
def test_a_model_without_files_or_with_no_name_has_no_past(store, model):
    assert past_runs(store, suites.load(), model) == ()


def test_reports_are_told_newest_first_and_lines_that_are_none_are_passed_over(store):
    lines = [
        {"model": "org/m", "tool": "overlap", "score": 0.2, "control": 0.1, "date": "2024-01-01"},
        {"model": "org/m", "tool": "overlap", "score": 0.3, "control": 0.1, "date": "2024-02-01"},
        {"model": "org/other", "tool": "overlap"},
        {"tool": "no model"},
        ["no", "report"],
    ]
    store.append({PATH: b"\n".join([json.dumps(line).encode() for line in lines] + [b"{half"])})
    assert [report.score for report in reports(store, "org/m")] == [0.3, 0.2]


def test_a_board_without_reports_has_none(tmp_path):
    assert reports(LocalStore(tmp_path), "org/m") == ()
