"""On a system without `fcntl`, `resource` and `pwd`, as Windows is: the board is served, models are not run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LLAMA = str(ROOT / "tests" / "data" / "llama-8b.json")
WITHOUT = """
import runpy, sys
try:
    import psutil  # its half for Linux needs `resource`, that for Windows does not
except ImportError:
    pass
for name in ("fcntl", "resource", "pwd"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT, *words]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def evaluator(*words: str) -> subprocess.CompletedProcess[str]:
    return run(str(ROOT / "evaluator" / "__main__.py"), *words)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--help"], "once"),
        (["plan", LLAMA], "GB"),
        (["status", "--store", "{store}", "--workspace", "{store}", "--offline"], "pending: 0"),
    ],
    ids=["help", "plan", "status"],
)
def test_the_evaluator_tells_what_needs_no_run(words: list[str], says: str, tmp_path: Path) -> None:
    done = evaluator(*(word.format(store=tmp_path) for word in words))
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["once", "acme/x"], ["run", "--drain"]], ids=["once", "run"])
@pytest.mark.parametrize("fence", [[], ["--without-sandbox"]], ids=["with a fence", "without"])
def test_the_evaluator_refuses_to_run_a_model_in_a_sentence(
    command: list[str], fence: list[str], tmp_path: Path
) -> None:
    done = evaluator(*command, "--store", str(tmp_path), "--workspace", str(tmp_path), "--offline", *fence)
    assert done.returncode == 1
    assert done.stderr.startswith("A model's memory, disk and files cannot be limited here: this Python has no module")
    assert done.stderr.count("\n") == 1


def test_a_board_in_a_folder_takes_submissions_and_shows_its_rows(tmp_path: Path) -> None:
    code = """
from src.core.queue import Queue
from src.core.store import LocalStore
from src.board.live.opening import open_sample
from src.board.live.snapshot import Board
from src.ui.app import build_app
from src.settings import Settings
from tests.boards.requests import ask

queue = Queue(LocalStore(sys.argv[1] + "/board"))
queue.submit(ask("org/waits", sender="alice"))
print(len(queue.snapshot().standings), "waits")
board = Board(open_sample(Path(sys.argv[1])), local=True)
board.sync()
build_app(board, Settings())
print(len(board.snapshot().frame), "rows")
"""
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nfrom pathlib import Path\n{code}")
    done = run(str(script), str(tmp_path))
    assert done.stdout.splitlines() == ["1 waits", "127 rows"], done.stderr
