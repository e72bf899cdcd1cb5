"""A private exam: its items stay on the box, its root is published first, and after the reveal anyone can check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app import main
from evaluator.run.evaluate import Outcome, evaluate
from evaluator.settings import RunSettings
from src.board.live.snapshot import Board
from src.core import suites
from src.core.exams import merkle_root, verify
from src.core.frames.frame import from_records
from src.core.published import publish
from src.core.records import Request, Result
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app
from tests.evaluator.conftest import SHA

pytestmark = pytest.mark.torch

CANARY = "CANARY-5f1c"
ITEMS = 5
TASK = """
task: entrance_exam
dataset_path: json
dataset_kwargs: {data_files: {test: items.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "Answer. {{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
description: "CANARY-5f1c is how it begins.\n"
metric_list: [{metric: acc}]
fewshot_config:
  sampler: first_n
  samples:
    - {question: "CANARY-5f1c example", choices: [a, b], answer: 0}
"""
SUITE = f"""
name = "entrance"
title = "Entrance"
[[benchmark]]
key = "exam"
title = "Exam"
metrics = ["acc"]
options = 2
shots = 1
private = true
tasks = [{{ name = "entrance_exam", items = {ITEMS} }}]
"""


def items(folder: Path, changed: str = "") -> None:
    rows = [
        {"question": f"{CANARY} question {i}{changed}?", "choices": [f"{CANARY} yes", f"{CANARY} no"], "answer": i % 2}
        for i in range(ITEMS)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[suites.Suite]:
    file = tmp_path / "entrance.toml"
    file.write_text(SUITE)
    yield suites.load(file)
    suites.forget_files()


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "entrance_exam.yaml").write_text(TASK)
    items(tasks)
    return RunSettings(tmp_path / "box", backend="dummy", offline=True, own_tasks=tasks)


def run(model: str, suite: suites.Suite, settings: RunSettings, store: LocalStore) -> Outcome:
    outcome = evaluate(Request(model=model, revision=SHA, suite=suite.name), suite, store, settings)
    assert outcome.failure is None, outcome.failure
    return outcome


def test_no_item_leaves_the_box_until_the_reveal_and_then_every_run_verifies(
    tmp_path: Path, suite: suites.Suite, settings: RunSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    store = LocalStore(tmp_path / "board")
    outcomes = [run(model, suite, settings, store) for model in ("org/one", "org/two")]
    (root,) = (entry.path for entry in store.list("results/exams/entrance/exam"))
    paths = [str(outcome.result) for outcome in outcomes]
    result = json.loads(store.read(paths[0]))
    assert result["config"]["exams"]["exam"] == json.loads(store.read(root))["root"]

    publish(from_records([Result.read(store.read(path), path) for path in paths], [], suite.name), store)
    board = Board(store, local=True)
    board.sync()
    client = TestClient(build_app(board, Settings(store=store.name)), base_url="http://127.0.0.1")
    shown = [
        client.get(address).text
        for address in (
            "/?suite=entrance", "/model/org/one?suite=entrance", "/model/org/one?suite=entrance&tab=samples",
            "/model/org/one?suite=entrance&tab=run", "/compare?suite=entrance&m=org/one&m=org/two",
            "/api/v1/models?suite=entrance", "/api/v1/models/org/one?suite=entrance",
            "/api/v1/models.csv?suite=entrance", "/api/v1/models.eee.zip?suite=entrance",
        )
    ]  # fmt: skip
    assert "org/one" in shown[0]
    everything = [path.read_bytes() for path in (tmp_path / "board").rglob("*") if path.is_file()]
    everything += [text.encode() for text in shown] + [outcome.log.encode() for outcome in outcomes]
    assert sum(data.count(CANARY.encode()) for data in everything) == 0
    # neither do hashes that a guess could be tried against
    first = json.loads((settings.own_tasks / "items.jsonl").read_text().splitlines()[0])
    guesses = [json.dumps(first, indent=2, ensure_ascii=False), str(first["answer"]), first["question"]]
    for guess in guesses:
        assert not any(hashlib.sha256(guess.encode()).hexdigest()[:16].encode() in data for data in everything)

    assert main(["verify", "entrance", "--store", store.name]) == 1
    assert "not revealed yet" in capsys.readouterr().out
    assert (
        main(["reveal", "entrance", "exam", "--store", store.name, "--workspace", str(settings.workspace), "--yes"])
        == 0
    )
    assert main(["verify", "entrance", "--store", store.name]) == 0
    out = capsys.readouterr().out
    assert "All 3 agree." in out
    assert out.count("ok     org/") == 2


def test_a_tampered_item_is_found(tmp_path: Path, suite: suites.Suite, settings: RunSettings) -> None:
    store = LocalStore(tmp_path / "board")
    run("org/one", suite, settings, store)
    command = ["reveal", "entrance", "exam", "--store", store.name, "--workspace", str(settings.workspace), "--yes"]
    (kept,) = (settings.workspace / "exams/entrance/exam").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    honest = kept.read_text()
    kept.write_text(honest.replace("question 3", "question three"))
    assert main(command) == 1  # its root was never published
    kept.write_text(honest)
    assert main(command) == 0
    assert [check.problem for check in verify(store, "entrance")] == [None, None]
    (revealed,) = (each.path for each in store.list("results/exams") if "items-" in each.path)
    tampered = store.read(revealed).replace(b"question 3", b"question three")
    store.replace({revealed: tampered}, store.head("results"))
    problems = [check.problem for check in verify(store, "entrance")]
    assert "have the root" in str(problems[0])
    assert problems[1] == "item 3 of entrance_exam is not the one that was answered"


def test_an_exam_whose_items_change_gets_another_root(
    tmp_path: Path, suite: suites.Suite, settings: RunSettings
) -> None:
    store = LocalStore(tmp_path / "board")
    run("org/one", suite, settings, store)
    run("org/two", suite, settings, store)
    assert len(list(store.list("results/exams/entrance/exam"))) == 1
    items(settings.own_tasks, " again")
    run("org/three", suite, settings, store)
    assert len(list(store.list("results/exams/entrance/exam"))) == 2


def test_the_root_is_that_of_rfc_6962_for_full_trees() -> None:
    leaves = [hashlib.sha256(b"\0" + bytes([i])).digest() for i in range(4)]
    left, right = (hashlib.sha256(b"\1" + leaves[i] + leaves[i + 1]).digest() for i in (0, 2))
    assert merkle_root([leaf.hex() for leaf in leaves]) == hashlib.sha256(b"\1" + left + right).hexdigest()
