"""The README is executed: each `console` block's commands run, in order, and what they print is what it says.

`…` alone on a line stands for any lines; a port is any port. A command that serves is asked for its front page, then
stopped.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STOPS = "Ctrl+C stops it."


class Step(NamedTuple):
    command: str
    output: str


def steps() -> list[Step]:
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Step(command, output.strip()))
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files, in a folder where commands may leave theirs."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("app.py", "src", "assets", "evaluator", "requirements.txt", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.parametrize("step", steps(), ids=lambda step: step.command[:60])
def test_a_command_of_the_readme_prints_what_the_readme_says(step: Step, checkout: Path) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = {**os.environ, "PATH": path, "NO_COLOR": "1", "BOARD_CACHE": str(checkout / "cache")}
    process = subprocess.Popen(
        step.command,
        shell=True,
        cwd=checkout,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        if step.output.endswith(STOPS):
            said = process.stdout.readline().strip()
            url = re.search(r"http://[^ ]+(?=/)", said)
            assert url, said
            with urllib.request.urlopen(url[0], timeout=20) as page:
                assert page.status == 200
        else:
            said = process.communicate(timeout=120)[0].strip()
            assert process.returncode == 0, said
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)
    assert matches(said, step.output), f"{step.command} printed:\n{said}\n\nthe README says:\n{step.output}"


def matches(said: str, written: str) -> bool:
    """Whether `said` is what was written, `…` lines standing for anything and every port for every other."""
    lines = [".*(?:\\n.*)*" if line == "…" else re.escape(line) for line in _plain(written).splitlines()]
    return re.fullmatch("\\n".join(lines), _plain(said)) is not None


def _plain(text: str) -> str:
    return re.sub(r":\d{4,5}/", ":PORT/", text)


def test_the_readme_names_two_commands_and_both_exist() -> None:
    see, test = re.findall(r"^```bash\n(.*?)\n```", README, re.MULTILINE | re.DOTALL)[:2]
    assert see.endswith(".venv/bin/python app.py")
    assert "requirements.txt" in see
    assert os.access(ROOT / test, os.X_OK)
    assert shutil.which("bash")


def test_every_file_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:src|tests|assets|evaluator)/[\w./-]*)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
