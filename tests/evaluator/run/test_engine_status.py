"""The engine is tested before anything is claimed; the outcome is stored and shown to operators and users."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator.__main__ import main
from evaluator.box.preflight import Box
from evaluator.box.tiny_model import make_llama
from evaluator.job import RunFailure
from evaluator.run import engine_status, sandbox
from evaluator.run.engine_status import EngineStatus
from evaluator.run.evaluate import evaluate
from evaluator.settings import RunSettings
from evaluator.terminal import Lines
from evaluator.worker import Worker
from src.board.model.overview import Run
from src.board.model.run import run_detail
from src.core.queue import Queue, QueueEntry
from src.core.records import Request, Result
from src.core.store import LocalStore
from src.core.suites import load
from src.ui.pages.queue.cards import QueueViewer, card
from tests.evaluator.conftest import ITEMS
from tests.evaluator.made_items import shrink

pytestmark = pytest.mark.torch
FORGETFUL = "tests.evaluator.run.forgetful"


def status_of(workspace: Path, **more: Any) -> EngineStatus:
    status = engine_status.look(RunSettings(workspace, device="cpu", **more))
    assert status
    return status


def test_a_plain_llama_is_packed_on_this_machine_and_the_outcome_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = status_of(tmp_path)
    assert (first.scoring, first.generation) == ("packed", "rolling"), first.reason
    assert first.sentence() == "engine: prefix-tree (packed)"
    assert [path.name for path in tmp_path.iterdir()] == [engine_status.KEPT]
    monkeypatch.setattr(sandbox, "run_child", lambda *_, **__: RunFailure("crashed", "It is asked again."))
    assert status_of(tmp_path) == first
    monkeypatch.setattr(engine_status, "installed_versions", lambda: {"torch": "99"})
    assert "It is asked again." in status_of(tmp_path).sentence()


def test_a_damaged_stored_outcome_is_tested_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "run_child", lambda *_, **__: RunFailure("crashed", "It is asked again."))
    for damaged in ("", "[]", json.dumps({engine_status.fingerprint("cpu"): {"colour": "red"}})):
        (tmp_path / engine_status.KEPT).write_text(damaged)
        assert "It is asked again." in status_of(tmp_path).reason


def test_a_self_test_that_does_not_end_proves_nothing_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = RunFailure("crashed", "The evaluation ended with exit code 1.", "Traceback …\nImportError: no torch here")
    monkeypatch.setattr(sandbox, "run_child", lambda *_, **__: failure)
    status = status_of(tmp_path)
    assert status.sentence() == (
        "engine: NOT TESTED, each model is checked as it loads: "
        "The evaluation ended with exit code 1. ImportError: no torch here"
    )
    settings = RunSettings(tmp_path)
    assert engine_status.apply(settings, status) is settings
    assert not list(tmp_path.iterdir())


def test_other_backends_have_no_engine_to_test(tmp_path: Path) -> None:
    assert engine_status.look(RunSettings(tmp_path, backend="dummy")) is None


def test_slower_execution_is_reported() -> None:
    assert EngineStatus("rows", "rolling", "a mask is ignored").sentence() == (
        "engine: prefix-tree (rows), SLOWER than packed: a mask is ignored"
    )
    assert EngineStatus("packed", "stock", "no kernel").sentence() == (
        "engine: prefix-tree (packed); texts are generated the STOCK way: no kernel"
    )


def test_the_command_reports_the_engine_without_importing_torch(tmp_path: Path) -> None:
    (tmp_path / engine_status.KEPT).write_text(
        json.dumps({engine_status.fingerprint(None): {"scoring": "packed", "generation": "rolling", "reason": ""}})
    )
    code = (
        "import sys; from evaluator.__main__ import main; "
        f"main(['status', '--store', {str(tmp_path / 'board')!r}, '--workspace', {str(tmp_path)!r}, '--offline']); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert "engine: prefix-tree (packed)" in lines
    assert lines[-1] == "False"


def test_an_engine_that_cannot_use_a_llamas_cache_is_off_and_four_places_show_it(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_child = sandbox.run_child
    monkeypatch.setattr(
        sandbox, "run_child", lambda *given, **named: run_child(*given, **named | {"module": FORGETFUL})
    )
    assert main(["status", "--store", str(tmp_path / "none"), "--workspace", str(tmp_path), "--device", "cpu"]) == 0
    off = "engine: OFF, every model runs the stock way: its forward takes no past"
    assert off in capsys.readouterr().out

    lines: list[str] = []
    store, suite, model = LocalStore(tmp_path / "board"), shrink(load(), ITEMS), make_llama(tmp_path / "llama")
    queue = Queue(store)
    request = Request(
        model="org/llama", revision="b" * 40, precision="float32", params=0.001, sender="alice",
        suite=suite.name, suite_version=suite.version,
    )  # fmt: skip
    key = queue.submit(request).key
    running: list[QueueEntry] = []

    def here(*given: Any, notice: Callable[..., None], **more: Any) -> Any:
        def heard(what: str, particulars: Any) -> None:
            notice(what, particulars)
            if what == "way":  # bad news does not wait for half of the lease
                end = time.monotonic() + 120
                while not (entry := Queue(store).snapshot()[key]).engine and time.monotonic() < end:
                    time.sleep(0.05)
                running.append(entry)

        return evaluate(*given, folder=model, notice=heard, **more)

    settings = RunSettings(workspace, offline=True, wanted=("musr",), device="cpu")
    settings = engine_status.apply(settings, status_of(tmp_path))
    box = Box("box-1", 24.0, ())
    worker = Worker(store, [suite], box, settings, notice=Lines(lines.append), evaluate=here, queue=queue)
    assert worker.run(wait=None) == 1, lines

    output = "engine OFF, THE STOCK WAY: its forward takes no past"
    assert any(output in line for line in lines), lines  # on the terminal

    reader = QueueViewer(now=store.now())
    for entry in (running[-1], queue.snapshot()[key], Queue(store).snapshot()[key]):  # in the queue
        assert entry.engine == "off, the stock way"
        assert card(entry, reader)["engine"] == "off, the stock way"

    (path,) = queue.results(key)  # in the result
    result = Result.read(store.read(path), path, "org/llama")
    engine = json.loads(store.read(path))["config"]["engine"]
    assert (engine["scoring"], engine["scoring_reason"]) == ("stock", "its forward takes no past")

    settings_shown = run_detail(
        store, suite, Run("", "org/llama", result.precision, result.revision, None, None)
    ).settings
    assert {"Engine": "prefix-tree 2: off, the stock way"}.items() <= {
        (one.title, one.value) for one in settings_shown
    }  # on the model's page
