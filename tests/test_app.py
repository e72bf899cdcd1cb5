"""The door: help that reads well and comes at once, commands found by their files, mistakes answered in a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("gradio", "pandas", "pyarrow", "scipy", "huggingface_hub")


def test_help_loads_nothing_heavy() -> None:
    script = f"import sys, app; app.parser().format_help(); print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command_with_a_line_on_it() -> None:
    words = [line.split() for line in app.parser().format_help().partition("commands:")[2].splitlines()]
    listed = {line[0]: " ".join(line[1:]) for line in words if line}
    for path in (ROOT / "src" / "commands").glob("[a-z]*.py"):
        command = {"importing": "import"}.get(path.stem, path.stem)  # `import` is no name for a module
        assert len(listed[command]) > 10, path.name


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (
            ["explian", "x.json"],
            "There is no command `explian`. Did you mean `explain`? `python app.py --help` says more.",
        ),
        (["explain", "no-such-file.json"], "no-such-file.json cannot be read: No such file or directory."),
        (["--store", "no-such-folder"], "There is no folder no-such-folder."),
        (["--port", "0"], "--port is '0', but N should be"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = app.main(argv)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    output = capsys.readouterr()
    assert code in (1, 2)
    assert output.err.startswith(says)
    assert "Traceback" not in output.err
