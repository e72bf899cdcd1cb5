"""The backup that the documentation advises, performed on a board that is being written to."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from src.core.store import LocalStore
from src.settings import ROOT
from tests.core.copying import acknowledged, missing, writers


def advised() -> str:
    text = (ROOT / "docs/run-a-board.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"```bash\n(cp .+)\n```", text)
    return str(command)


def test_the_advised_backup_of_a_running_board_holds_what_was_confirmed(tmp_path: Path) -> None:
    (tmp_path / "boards").mkdir()
    with writers(tmp_path / "boards/ours", 2) as journals:
        while len(acknowledged(journals)) < 20:
            time.sleep(0.02)
        confirmed = acknowledged(journals)
        # cp names what vanished while it copied, and copies the rest
        subprocess.run(advised(), shell=True, cwd=tmp_path, check=False, capture_output=True)
    assert missing(LocalStore(tmp_path / "backup"), confirmed) == []
    doctor = [sys.executable, "app.py", "doctor", "--store", str(tmp_path / "backup")]
    answer = subprocess.run(doctor, cwd=ROOT, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Fit to carry a board." in answer.stdout
