"""How commands end: with a sentence for what they refuse, quietly if nobody reads on, cheaply if only help is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.core.command_line import CLOSED, exit_code
from src.core.errors import BadInputError

ROOT = Path(__file__).parents[2]
LLAMA = str(ROOT / "tests" / "data" / "llama-8b.json")
COMMANDS = {
    "the board's help": ["app.py", "--help"],
    "doctor": ["app.py", "doctor", "--store", "{store}"],
    "audit": ["app.py", "audit", "--store", "{store}"],
    "explain's help": ["app.py", "explain", "--help"],
    "the evaluator's help": ["-m", "evaluator", "--help"],
    "status": ["-m", "evaluator", "status", "--store", "{store}", "--workspace", "{store}", "--backend", "dummy",
               "--offline"],
    "run": ["-m", "evaluator", "run", "--store", "{store}", "--workspace", "{store}", "--backend", "dummy",
            "--offline", "--drain"],
    "plan": ["-m", "evaluator", "plan", LLAMA],
}  # fmt: skip

REFUSES = {"audit", "run"}  # before they print anything: here is no board and there are no items


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.torch if name == "plan" else ()) for name in COMMANDS]
)
def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path, name: str) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, *(word.format(store=tmp_path) for word in COMMANDS[name])]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    for more in ({}, {"PYTHONUNBUFFERED": "1"}):  # what is written late breaks as the command ends, else at once
        done = subprocess.run(
            command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment | more, check=False
        )
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr
        if not more and name not in REFUSES:
            assert done.returncode == CLOSED, done.stderr
    os.close(write)


def test_a_connection_that_breaks_is_no_reader_that_goes_away() -> None:
    def command() -> int:
        raise BrokenPipeError("the store hung up")

    with pytest.raises(BrokenPipeError):
        exit_code(command)


def test_what_is_refused_is_a_sentence_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise BadInputError("hf_abcdefghijklmnopqrstuvwx is refused.")

    assert exit_code(command) == 1
    assert capsys.readouterr().err == "hf_[redacted] is refused.\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["plan", "--help"]])
def test_the_evaluators_help_imports_nothing_that_it_does_not_print(words: list[str]) -> None:
    code = f"""
import sys
from evaluator.__main__ import main
try:
    main({words!r})
finally:
    print(sorted({{"torch", "numpy", "pandas", "pydantic", "lm_eval", "huggingface_hub", "httpx"}} & {{*sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.torch
def test_a_plan_says_what_it_does_and_its_json_stays_json() -> None:
    command = [sys.executable, "-m", "evaluator", "plan", LLAMA, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith("{")
    assert "building the model's shape" in done.stderr
