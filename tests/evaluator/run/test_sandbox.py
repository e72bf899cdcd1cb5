"""The child that runs a model: what it cannot see, where it cannot go, and that it always ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluator.job import RESULTS, WORK, RunFailure
from evaluator.run import sandbox
from evaluator.settings import ChildLimits
from tests.evaluator.conftest import Run

TOKEN = "hf_CanaryCanaryCanaryCanary"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a token where people keep theirs: in the environment and in a file of the home folder."""
    file = tmp_path / "home" / "token"
    file.parent.mkdir()
    file.write_text(TOKEN)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(file))
    return file


@pytest.fixture
def server() -> Iterator[int]:
    """Somebody to talk to on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def child(run: Path, limits: ChildLimits | None = None, **task: Any) -> RunFailure | None:
    run.mkdir(exist_ok=True)
    (run / "task.json").write_text(json.dumps(task))
    stop = task.pop("stop", None)
    return sandbox.run_child(run, run, limits or ChildLimits(seconds=60), module="tests.evaluator.run.probe", stop=stop)


def look(tmp_path: Path, secrets: Path, port: int) -> dict[str, Any]:
    run = tmp_path / "run"
    addresses = {"loopback": ("127.0.0.1", port), "outside": ("1.1.1.1", 443), "name": ("huggingface.co", 443)}
    assert child(run, do="look", files=[str(secrets)], addresses=addresses) is None
    return dict(json.loads((run / RESULTS).read_text()))


def test_a_child_finds_no_token_and_no_network(tmp_path: Path, secrets: Path, server: int) -> None:
    found = look(tmp_path, secrets, server)
    assert "connected" not in found["network"].values()
    assert TOKEN not in json.dumps(found["environment"])
    assert found["home"] == []
    assert found["environment"]["HF_HUB_OFFLINE"] == "1"
    assert TOKEN not in json.dumps(found)  # nor in the file, nor in any process it can see
    assert len(found["processes"]) <= 2


def test_no_token_in_logs_results_or_details(dummy_run: Run, secrets: Path, tmp_path: Path, workspace: Path) -> None:
    outcome, _ = dummy_run("musr", "gpqa", keep=True)
    assert outcome.result is not None
    files = [
        path for folder in (tmp_path / "board", workspace / "runs") for path in folder.rglob("*") if path.is_file()
    ]
    assert len(files) > 10
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in outcome.log


def test_a_child_that_never_ends_is_killed_with_all_it_started(tmp_path: Path) -> None:
    run = tmp_path / "run"
    failure = child(run, ChildLimits(seconds=2), do="outlive")
    assert failure is not None
    assert failure.code == "timed-out"
    assert_nothing_beats(run / WORK / "beat")


def test_stopping_ends_the_child_at_once(tmp_path: Path) -> None:
    run, stop = tmp_path / "run", threading.Event()
    threading.Thread(target=lambda: (wait_for((run / WORK / "beat").exists), stop.set())).start()
    run.mkdir()
    (run / "task.json").write_text(json.dumps({"do": "outlive"}))
    failure = sandbox.run_child(run, run, ChildLimits(seconds=600), module="tests.evaluator.run.probe", stop=stop)
    assert failure is not None
    assert failure.code == "stopped"
    assert_nothing_beats(run / WORK / "beat")


def test_a_child_dies_with_its_evaluator(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "task.json").write_text(json.dumps({"do": "outlive"}))
    parent = subprocess.Popen(
        [sys.executable, "-c", f"from pathlib import Path; from evaluator.run import sandbox;"
             f" run = Path({str(run)!r}); "
         "sandbox.run_child(run, run, sandbox.ChildLimits(), module='tests.evaluator.run.probe')"],
        cwd=sandbox.REPOSITORY,
    )  # fmt: skip
    wait_for((run / WORK / "beat").exists)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(20)
    assert_nothing_beats(run / WORK / "beat")


@pytest.mark.parametrize(
    ("do", "code"), [("eat", "out-of-memory"), ("fall", "crashed"), ("nothing", "crashed"), ("killed", "out-of-memory")]
)
def test_each_kind_of_crash_has_its_failure_code(tmp_path: Path, do: str, code: str) -> None:
    limits = ChildLimits(seconds=60, memory_bytes=2**30)
    if do == "killed":  # as the kernel does when memory runs out
        threading.Thread(target=kill_python, args=(str(tmp_path / "run"),), daemon=True).start()
    failure = child(tmp_path / "run", limits, do="outlive" if do == "killed" else do)
    assert failure is not None
    assert (failure.code, bool(failure.message)) == (code, True)


@pytest.mark.parametrize("code", ["box", "stopped", "", "no code of ours"])
def test_a_child_cannot_put_the_blame_on_the_box(tmp_path: Path, code: str) -> None:
    failure = child(tmp_path / "run", do="blame", code=code)
    assert failure is not None
    assert (failure.code, failure.message) == ("harness", "not me")


def kill_python(run: str) -> None:
    wait_for((Path(run) / WORK / "beat").exists)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        command = path.read_bytes().split(b"\0")
        if run.encode() in command and command[0] == sys.executable.encode():
            os.kill(int(path.parent.name), signal.SIGKILL)


def assert_nothing_beats(beat: Path) -> None:
    time.sleep(0.5)
    size = beat.stat().st_size if beat.exists() else 0
    time.sleep(0.5)
    assert (beat.stat().st_size if beat.exists() else 0) == size


def wait_for(holds: Any, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
