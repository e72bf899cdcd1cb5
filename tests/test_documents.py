"""The documents are executed: the commands of each `console` block run, in order, and print what the document says.

`…` alone on a line stands for any lines, and a port for any port. A command that serves is asked for its front page,
then stopped.
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
DOCUMENTS = (ROOT / "README.md", *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
STOPS = "Ctrl+C stops it."


class Step(NamedTuple):
    command: str
    output: str


def steps() -> list[Step]:
    """Return the steps of all documents; the README comes first, since others go on with its board."""
    steps = []
    for document in dict.fromkeys(DOCUMENTS):
        for block in re.findall(
            r"^```console\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                steps.append(Step(command, output.strip()))
    return steps


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files, in a folder where commands may leave theirs."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("app.py", "src", "assets", "evaluator", "requirements.txt", "tests", "tools"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=pytest.mark.torch if "-m evaluator" in step.command else ()) for step in steps()],
    ids=lambda step: step.command[:60],
)
def test_a_documented_command_prints_what_the_document_shows(step: Step, checkout: Path) -> None:
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
            printed = process.stdout.readline().strip()
            url = re.search(r"http://[^ ]+(?=/)", printed)
            assert url, printed
            with urllib.request.urlopen(url[0], timeout=120) as page:
                assert page.status == 200
        else:
            printed = process.communicate(timeout=600)[0].strip()
            assert process.returncode == 0, printed
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=120)
    assert matches(printed, step.output), f"{step.command} printed:\n{printed}\n\nthe document shows:\n{step.output}"


def matches(printed: str, written: str) -> bool:
    """Whether `printed` is what was written, `…` lines standing for anything and every port for every other."""
    lines = [".*(?:\\n.*)*" if line == "…" else re.escape(line) for line in _plain(written).splitlines()]
    return re.fullmatch("\\n".join(lines), _plain(printed)) is not None


def _plain(text: str) -> str:
    return re.sub(r":\d{4,5}/", ":PORT/", text)


def test_the_readme_names_two_commands_and_both_exist() -> None:
    see, test = re.findall(r"^```bash\n(.*?)\n```", README, re.MULTILINE | re.DOTALL)[:2]
    assert see.endswith(".venv/bin/python app.py")
    assert "requirements.txt" in see
    assert os.access(ROOT / test, os.X_OK)
    assert shutil.which("bash")


def test_every_file_that_a_document_names_exists() -> None:
    missing = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        named = re.findall(r"`((?:src|tests|tools|assets|evaluator|docs)/[\w./-]*)`", text)
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        missing += [f"{document.name}: {name}" for name in named if not (ROOT / name).exists()]
        missing += [f"{document.name}: {link}" for link in links if not (document.parent / link).exists()]
    assert missing == []
