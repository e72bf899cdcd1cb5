"""`explain` through the door, as a person runs it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import app
from src.core.records import Result
from src.core.suites import load

V2 = load("open-llm-v2")


def file(folder: Path, share: float = 0.5, without: tuple[str, ...] = (), **more: Any) -> str:
    """A v2 run in a file."""
    tasks = {
        task.name: dict.fromkeys(each.metrics, share)
        for each in V2.benchmarks
        for task in each.tasks
        if task.name not in without
    }
    path = folder / "results_2025-03-01T00-00-00.000000.json"
    path.write_bytes(Result(**{"model": "org/one", "tasks": tasks} | more).write())
    return str(path)


def test_json_is_the_promised_object(tmp_path, capsys):
    assert app.main(["explain", file(tmp_path, without=("leaderboard_bbh_snarks",)), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert set(output) == {"suite", "scorer", "benchmarks", "average"}
    assert (output["suite"], output["scorer"], output["average"]) == ("open-llm-v2", "2025-02", None)
    assert list(output["benchmarks"]) == ["ifeval", "bbh", "math", "gpqa", "musr", "mmlu_pro"]
    assert output["benchmarks"]["ifeval"] == {"raw": 0.5, "score": 50.0, "missing": []}
    assert output["benchmarks"]["bbh"] == {"raw": None, "score": None, "missing": ["leaderboard_bbh_snarks"]}


def test_a_real_run_is_explained_down_to_the_published_average(shared, capsys):
    path = shared("data/results/leaderboard_v2_excerpts/01-ai__Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json")
    assert app.main(["explain", str(path)]) == 0
    output = capsys.readouterr().out
    for line in (
        "01-ai/Yi-1.5-34B   bfloat16 · 4b486f8 · 2024-06-18",
        "Open LLM Leaderboard v2 · scorer 2024-06; scores of today's board are of 2025-02",
        "  raw = mean of 24 tasks' acc_norm; score = mean of 100 × max(0, (acc_norm − chance) / (1 − chance))",
        "  raw = mean of 3 tasks' acc_norm, weighted by items; score = 100 × max(0, (raw − 0.25) / 0.75)",
        "Average   25.43   = (28.41 + 42.75 + 14.05 + 15.44 + 11.22 + 40.73) / 6",
    ):
        assert line in output.splitlines()
    assert "\033" not in output  # no colours into a pipe
    assert max(map(len, output.splitlines())) <= 105
    for task in V2.tasks:
        assert f"  {task.title} " in output or f"  {task.title}…" in output


def test_what_is_missing_is_said_where_it_is_missing(tmp_path, capsys):
    path = file(
        tmp_path, without=("leaderboard_mmlu_pro",), samples={"leaderboard_bbh_snarks": 10},
        shots={"leaderboard_gpqa_main": 5},
    )  # fmt: skip
    app.main(["explain", path])
    output = capsys.readouterr().out
    assert "← only 10 of 178 items" in output
    assert "← 5 examples, not 0" in output
    assert "  no score: 1 of 24 tasks cannot be used" in output
    assert "Average   none: BBH, GPQA, MMLU-PRO missing" in output


def test_the_suite_is_told_by_the_tasks_or_by_name(shared, capsys):
    folder = shared("data/results/leaderboard_v1_excerpts/HenryJJ__Instruct_Mistral-7B-v0.1_Dolly15K")
    path = str(next(folder.iterdir()))
    app.main(["explain", path, "--json"])
    output = json.loads(capsys.readouterr().out)
    assert output["suite"] == "open-llm-v1"
    assert output["average"] == pytest.approx(60.45025727558714, abs=1e-9)
    app.main(["explain", path, "--json", "--suite", "open-llm-v2"])
    assert json.loads(capsys.readouterr().out)["average"] is None


def test_a_packed_file_of_an_unnamed_run_is_explained_too(tmp_path, capsys):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"results": {"leaderboard_mmlu_pro": {"acc,none": 1.0}}}).encode()))
    assert app.main(["explain", str(path)]) == 0
    assert "unknown" in capsys.readouterr().out


def test_text_from_a_file_cannot_steer_the_terminal(tmp_path, capsys):
    app.main(["explain", file(tmp_path, precision="\033[2J\033]0;owned\a\u202e")])
    output = capsys.readouterr().out
    assert "\033" not in output
    assert "\u202e" not in output


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "cannot be read: No such file"),
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b'{"results": {"hellaswagger": {"acc": 1}}}', "No suite has the tasks of this run (hellaswagger)"),
        (b"\x1f\x8bjunk", "not a whole gzip file"),
    ],
)
def test_what_cannot_be_explained_says_why_and_fails(data, complaint, tmp_path, capsys):
    path = tmp_path / "x.json"
    if data is not None:
        path.write_bytes(data)
    assert app.main(["explain", str(path)]) == 1
    assert complaint in capsys.readouterr().err


def test_an_unknown_suite_is_named(tmp_path, capsys):
    assert app.main(["explain", file(tmp_path), "--suite", "nope"]) == 1
    assert "There is no suite 'nope'; choose one of open-llm-v2" in capsys.readouterr().err
