"""Stored answers are graded again without the model, as MATH needed twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator.run.rescore import rescore
from src.core.errors import BadInputError
from src.core.store import LocalStore
from src.core.suites import load
from tests.evaluator.conftest import Run

TASK = "leaderboard_math_algebra_hard"


def test_the_same_scorer_gives_the_same_scores(dummy_run: Run, workspace: Path, tmp_path: Path) -> None:
    outcome, store = dummy_run("math", "musr", "gpqa", model="org/same")
    path, changed = rescore(store, "org/same", load(), tmp_path, workspace / "benchmarks")
    assert changed == {}
    old, new = (json.loads(store.read(each)) for each in (outcome.result or "", path))
    assert new["rescored_from"] == outcome.result
    assert path != outcome.result
    for key in ("results", "task_hashes", "n-samples", "versions", "chat_template", "total_evaluation_time_seconds"):
        assert new[key] == old[key], key


@pytest.mark.slow
def test_answers_that_an_old_scorer_marked_wrong_become_right(dummy_run: Run, workspace: Path, tmp_path: Path) -> None:
    outcome, store = dummy_run("math", model="org/misjudged")
    _as_if_answered_right_and_graded_wrong(store, outcome.result or "")
    path, changed = rescore(store, "org/misjudged", load(), tmp_path, workspace / "benchmarks", wanted=[TASK])
    assert changed == {f"{TASK}/exact_match,none": (0.0, 1.0)}
    new = json.loads(store.read(path))
    assert new["results"][TASK]["exact_match,none"] == 1.0
    assert new["results"]["leaderboard_math_geometry_hard"]["exact_match,none"] == 0.0  # copied
    assert new["config"]["scorer"] == load().scorer
    lines = [e.path for e in store.list("org__misjudged-details") if f"samples_{TASK}" in e.path and "jsonl" in e.path]
    grades = {
        path: [json.loads(line)["exact_match"] for line in store.read(path).splitlines()] for path in sorted(lines)
    }
    assert list(grades.values()) == [[0, 0, 0, 0], [1, 1, 1, 1]]


def test_without_answers_there_is_nothing_to_grade(dummy_run: Run, workspace: Path, tmp_path: Path) -> None:
    _, store = dummy_run("musr", model="org/other")
    with pytest.raises(BadInputError, match="no result"):
        rescore(store, "org/never", load(), tmp_path, workspace / "benchmarks")
    with pytest.raises(BadInputError, match="nothing can be graded again"):
        rescore(store, "org/other", load(), tmp_path, workspace / "benchmarks", wanted=["gpqa"])


def _as_if_answered_right_and_graded_wrong(store: LocalStore, result: str) -> None:
    """Put right answers into the stored samples, with the grades of a scorer that did not understand them."""
    dataset = "org__misjudged-details"
    (path,) = [e.path for e in store.list(dataset) if f"samples_{TASK}" in e.path and e.path.endswith("jsonl")]
    lines = [json.loads(line) for line in store.read(path).splitlines()]
    for line in lines:
        right = f"So it is $\\boxed{{{line['doc']['answer']}.0}}$."
        line.update(resps=[[right]], filtered_resps=[right], exact_match=0, exact_match_original=0)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    store.replace({path: text.encode()}, store.head(dataset))
    assert json.loads(store.read(result))["results"][TASK]["exact_match,none"] == 0.0
