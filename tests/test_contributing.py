"""The walk-throughs of CONTRIBUTING.md, verbatim, each in a clone of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECTION = re.compile(r"^### (Add .*?)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
WALKS = dict(SECTION.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
MOST = 4  # files that a change of this kind may touch
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@example.org")


def clone(into: Path) -> None:
    """Clone the repository, with changes to tracked files that are not committed yet."""
    subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(into)], check=True)
    changes = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    if changes:
        subprocess.run(["git", "apply"], cwd=into, input=changes, check=True)
        subprocess.run(["git", *IDENTITY, "commit", "-qam", "Changes at hand"], cwd=into, check=True)
    (into / ".venv").symlink_to(sys.prefix)


def test_every_kind_of_addition_has_a_walk_through() -> None:
    kinds = ["a column", "a page", "a suite", "an audit check", "a chart", "an importer"]
    assert list(WALKS) == [f"Add {kind}" for kind in kinds]


@pytest.mark.slow
@pytest.mark.parametrize("name", WALKS)
def test_a_walk_through_ends_with_a_passing_test_and_few_files(name: str, tmp_path: Path) -> None:
    clone(tmp_path / "clone")
    for block in BLOCK.findall(WALKS[name]):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path / "clone",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=tmp_path / "clone",
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    touched = [line for line in status.splitlines() if not line.endswith(".venv")]
    assert len(touched) <= MOST, touched
