"""The evaluator's commands need no more than what they do."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evaluator import __main__ as commands
from evaluator import benchmarks
from evaluator.__main__ import main
from evaluator.benchmarks import SOURCES
from evaluator.evaluation import Outcome
from evaluator.preflight import Box
from src.core.errors import BadInput
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore
from src.core.store.grouped import Grouped
from src.core.suites import load
from tests.evaluator.conftest import Run


@pytest.fixture
def nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_: Path, keys: list[str], token: str | None = None) -> None:
        raise BadInput(f"would download {', '.join(keys)}")

    monkeypatch.setattr(benchmarks, "fetch", download)


@pytest.mark.usefixtures("nothing_is_downloaded")
def test_looking_at_the_queue_brings_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--store", str(tmp_path / "board"), "--workspace", str(tmp_path), "--backend", "dummy"]
    assert main(["status", *flags]) == 0
    said = capsys.readouterr().out
    assert "The items of gpqa are missing" in said
    assert "waiting: 0" in said


def test_answers_are_graded_anew_without_torch_and_without_what_is_gated(
    dummy_run: Run, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome, store = dummy_run("musr", "gpqa", limit=2)
    box = tmp_path / "box"  # has neither torch nor GPQA
    shutil.copytree(workspace / "benchmarks", box / "benchmarks")
    shutil.rmtree(box / "benchmarks" / SOURCES["gpqa"].dataset)
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


def test_a_box_claims_anew_after_a_wait_and_spreads_what_one_card_does_not_hold(
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
    assert main(["run", "--store", str(board), "--workspace", str(tmp_path), "--drain"]) == 0
    assert ran == {"org/small": {}, "org/large": {"parallelize": True}}
    assert all(isinstance(store, Grouped) for store in stores)
