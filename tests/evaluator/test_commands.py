"""The evaluator's commands need no more than what they do."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evaluator import commands
from evaluator.__main__ import main
from evaluator.box import datasets
from evaluator.box.preflight import Box
from evaluator.run.engine_status import EngineStatus
from evaluator.run.evaluate import Outcome
from evaluator.task_facts import TaskFacts
from src.core.errors import BadInputError
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore
from src.core.store.group_commit import GroupCommitStore
from src.core.suites import load
from tests.evaluator.conftest import Run


@pytest.fixture
def nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_: Path, tasks: list[TaskFacts], token: str | None = None) -> None:
        raise BadInputError(f"would download {', '.join(task.name for task in tasks)}")

    monkeypatch.setattr(datasets, "fetch", download)


@pytest.mark.usefixtures("nothing_is_downloaded")
def test_status_downloads_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--store", str(tmp_path / "board"), "--workspace", str(tmp_path), "--backend", "dummy"]
    assert main(["status", *flags]) == 0
    output = capsys.readouterr().out
    assert "put the dataset Idavidrein/gpqa into" in output
    assert "pending: 0" in output


def test_answers_are_graded_again_without_torch_and_without_gated_data(
    dummy_run: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome, store = dummy_run("musr", "gpqa", limit=2)
    assert outcome.failure is None, outcome.failure
    box = tmp_path / "box"  # has neither torch nor GPQA
    shutil.copytree(workspace / "benchmarks", box / "benchmarks")
    shutil.rmtree(box / "benchmarks" / "Idavidrein/gpqa")
    version = importlib.metadata.version

    def without_torch(package: str) -> str:
        if package in ("torch", "transformers"):
            raise importlib.metadata.PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(importlib.metadata, "version", without_torch)
    flags = ["--store", str(tmp_path / "board"), "--workspace", str(box), "--offline"]
    assert main(["rescore", "org/dummy", *flags]) == 0, capsys.readouterr().err
    found = sorted(entry.path for entry in store.list("results/org/dummy"))
    assert len(found) == 2
    new = json.loads(store.read(found[-1]))
    assert new["rescored_from"] == outcome.result
    assert main(["rescore", "org/dummy", *flags, "--tasks", "gpqa"]) == 1
    assert "gated benchmark" in capsys.readouterr().err


def test_a_box_selects_again_after_a_wait_and_spreads_a_model_over_several_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, board = load(), tmp_path / "board"
    for name, params in (("small", 8.0), ("large", 50.0)):
        request = Request(model=f"org/{name}", revision="b" * 40, params=params, suite=suite.name,
                          suite_version=suite.version, sender="alice")  # fmt: skip
        Queue(LocalStore(board)).submit(request)
    ran: dict[str, dict[str, Any]] = {}
    stores: list[object] = []

    def evaluate(request: Request, suite: object, store: object, settings: Any, **_: object) -> Outcome:
        ran[request.model] = settings.backend_args
        stores.append(store)
        return Outcome("results/x.json")

    monkeypatch.setattr(commands, "evaluate", evaluate)
    monkeypatch.setattr(commands.preflight, "describe_box", lambda *_, **__: Box("b", 144.0, ("H100", "H100")))
    monkeypatch.setattr(commands.terminal, "stop_on_signals", lambda _: None)
    monkeypatch.setattr("evaluator.worker.ready", lambda *_: None)
    monkeypatch.setattr("evaluator.worker.room_for", lambda *_: 1e15)
    monkeypatch.setattr(commands, "ready", lambda *_: None)
    monkeypatch.setattr(commands.box_trial, "require", lambda settings, _: settings)
    monkeypatch.setattr(commands.engine_status, "look", lambda _: EngineStatus("packed", "rolling"))
    assert main(["run", "--store", str(board), "--workspace", str(tmp_path), "--drain"]) == 0
    assert ran == {"org/small": {}, "org/large": {"parallelize": True}}
    assert all(isinstance(store, GroupCommitStore) for store in stores)
