"""Any task of the harness runs: a suite names tasks, and what the harness knows of them is asked of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluator.job import benchmarks_of
from evaluator.run.asking import ask, facts_of
from evaluator.run.evaluate import Outcome, evaluate
from evaluator.settings import RunSettings
from evaluator.task_facts import expanded
from src.core import suites
from src.core.errors import BadInputError
from src.core.records import Request, Result
from src.core.scoring import score
from src.core.store import LocalStore
from tests.evaluator.conftest import SHA
from tests.evaluator.standins import ITEMS, basque, put

pytestmark = pytest.mark.torch


def run(suite: suites.Suite, settings: RunSettings, store: LocalStore) -> Outcome:
    return evaluate(Request(model="org/dummy", revision=SHA, suite=suite.name), suite, store, settings)


def test_a_shipped_suite_of_foreign_benchmarks_runs_and_is_scored(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path / "box", backend="dummy", offline=True)
    basque(settings.benchmarks)
    suite, store = suites.load("basque"), LocalStore(tmp_path / "board")
    outcome = run(suite, settings, store)
    assert outcome.failure is None
    assert outcome.result is not None
    result = Result.read(store.read(outcome.result))
    assert {task.name for task in suite.tasks} == set(result.tasks)
    assert result.settings["config"]["datasets"]["facebook/belebele"] is None  # put there by hand
    subtask = score(result, suite).benchmarks["proficiency"].subtasks[0]
    assert (subtask.shots, subtask.problem) == (5, "only 6 of 5,169 items")


def test_what_the_harness_knows_of_a_task_is_asked_of_it_once(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, backend="dummy")
    facts = ask(["eus_reading", "wikitext", "humaneval"], settings)
    reading, wikitext, code = (facts.tasks[name] for name in ("eus_reading", "wikitext", "humaneval"))
    assert (reading.folder, reading.dataset, reading.output_type) == (
        "eus_reading",
        "HiTZ/EusReading",
        "multiple_choice",
    )
    assert wikitext.aggregations["word_perplexity,none"] == "weighted_perplexity"
    assert (code.runs_code, code.metrics) == (
        True, {"pass_at_k,create_test": {"higher_is_better": True, "aggregation": "mean"}},
    )  # fmt: skip
    (kept,) = (tmp_path / "asked").iterdir()
    assert "HiTZ/EusReading" in kept.read_text()


def a_suite(*tasks: str, metric: str = "acc", **fields: Any) -> suites.Suite:
    benchmark = {"key": "all", "title": "All", "metrics": [metric], "tasks": list(tasks), **fields}
    return suites.parse({"name": "mine", "title": "Mine", "benchmark": [benchmark]})


def test_a_group_of_the_harness_is_expanded_to_run_and_to_score(tmp_path: Path) -> None:
    suite = a_suite("mmlu_stem")
    facts = facts_of(suite, RunSettings(tmp_path, backend="dummy"))
    ((_, tasks),) = benchmarks_of(expanded(suite, facts))
    assert len(tasks) == 19
    assert "mmlu_anatomy" in tasks
    members = {task: {"acc,none": i / 19} for i, task in enumerate(tasks)}
    dump = {"results": {**members, "mmlu_stem": {"acc,none": 0.9}}, "group_subtasks": {"mmlu_stem": list(tasks)},
            "model_name": "org/m", "config": {}}  # fmt: skip
    assert score(Result.read(dump), suite).benchmarks["all"].score == pytest.approx(100 * 9 / 19)


def test_a_task_that_the_harness_does_not_have_is_named(tmp_path: Path) -> None:
    suite = a_suite("no_such_task")
    outcome = run(suite, RunSettings(tmp_path, backend="dummy", offline=True), LocalStore(tmp_path / "board"))
    assert outcome.failure is not None
    assert "has no task no_such_task" in outcome.failure.message


def test_a_task_that_executes_answers_needs_leave(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, backend="dummy", offline=True)
    outcome = run(a_suite("humaneval", metric="pass_at_k,create_test"), settings, LocalStore(tmp_path / "board"))
    assert outcome.failure is not None
    assert "--allow-code" in outcome.failure.message
    assert "openai/openai_humaneval" in outcome.failure.message


OWN = """
task: exam
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: [a, b]
doc_to_target: answer
metric_list: [{{metric: acc}}]
"""


def own_tasks(folder: Path, file: str = "items.jsonl") -> RunSettings:
    tasks = folder / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "exam.yaml").write_text(OWN.format(file=file))
    rows = [{"question": f"SECRET {i}?", "answer": i % 2} for i in range(ITEMS)]
    (tasks / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return RunSettings(folder / "box", backend="dummy", offline=True, own_tasks=tasks)


@pytest.mark.parametrize("withheld", ["", "gated", "private"])
def test_a_boards_own_task_runs_with_items_beside_it_and_withheld_ones_stay_on_the_box(
    tmp_path: Path, withheld: str
) -> None:
    store = LocalStore(tmp_path / "board")
    outcome = run(a_suite("exam", **({withheld: True} if withheld else {})), own_tasks(tmp_path), store)
    assert outcome.failure is None
    published = b"".join(path.read_bytes() for path in (tmp_path / "board").rglob("*") if path.is_file())
    assert (b"SECRET" in published) == (not withheld)


@pytest.mark.parametrize("file", ["../secret.jsonl", "/etc/passwd", "https://example.org/items.jsonl"])
def test_items_outside_the_boards_tasks_are_refused(tmp_path: Path, file: str) -> None:
    outcome = run(a_suite("exam"), own_tasks(tmp_path, file), LocalStore(tmp_path / "board"))
    assert outcome.failure is not None
    assert "exam cannot be run: its items" in outcome.failure.message


def test_python_beside_a_boards_own_task_needs_leave(tmp_path: Path) -> None:
    settings = own_tasks(tmp_path)
    file = tmp_path / "tasks" / "exam.yaml"
    file.write_text(file.read_text().replace("doc_to_target: answer", "doc_to_target: !function helper.target"))
    (tmp_path / "tasks" / "helper.py").write_text("def target(doc):\n    return doc['answer']\n")
    suite, store = a_suite("exam"), LocalStore(tmp_path / "board")
    refused = run(suite, settings, store)
    assert refused.failure is not None
    assert "--trust-tasks" in refused.failure.message
    assert run(suite, RunSettings(**{**vars(settings), "trust_tasks": True}), store).failure is None


def test_perplexity_is_checked_against_its_items_and_scored_as_no_share(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path / "box", backend="dummy", offline=True)
    pages = [{"page": f"Some words about thing {i}."} for i in range(ITEMS)]
    put(settings.benchmarks, "EleutherAI/wikitext_document_level", "wikitext-2-raw-v1",
        {"train": pages, "validation": pages, "test": pages})  # fmt: skip
    suite, store = a_suite("wikitext", metric="word_perplexity"), LocalStore(tmp_path / "board")
    outcome = run(suite, settings, store)
    assert outcome.failure is None, outcome.failure
    assert outcome.result is not None
    scored = score(Result.read(store.read(outcome.result)), suite).benchmarks["all"]
    assert scored.score is not None
    assert scored.score == scored.raw


def test_a_suite_without_tasks_has_nothing_to_run() -> None:
    with pytest.raises(BadInputError, match="names no task of the harness"):
        benchmarks_of(suites.load("open-asr"))
