"""`new`, `check` and `explain` on a board of one's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import main
from src import settings
from src.core.moderation.entries import draft, record
from src.core.store import LocalStore
from tests.boards import own

NEW = ["--name", "Baltic Board", "--description", "Reading.", "--operator", "alice"]


def test_a_new_board_is_in_order_and_found_in_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(own.suite("latvian", "Latvian"))
    folder = tmp_path / "board"
    assert main(["new", str(folder), *NEW, "--suite", str(file), "--suite", "basque"]) == 0
    assert (folder / "board/suites/latvian.toml").read_text() == file.read_text()
    assert main(["check", str(folder)]) == 0
    assert capsys.readouterr().out.endswith(f"{folder} is in order.\n")
    monkeypatch.chdir(folder)
    assert settings.Settings().store == "."
    assert main(["new", str(folder), *NEW, "--suite", "basque"]) == 1
    assert "holds a board already" in capsys.readouterr().err


def test_check_names_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = LocalStore(tmp_path)
    store.replace(
        {
            "board/board.toml": b'name = "x"\nsuite = "nonesuch"\ncolumns = ["averge"]\naccent = "#ffff00"',
            "board/suites/broken.toml": b"name = 3",
            "board/tasks/one.yaml": b"task: a\nprocess: !function utils.run\n",
            "board/tasks/two.yaml": b"- a\n",
            "board/moderation/bad.json": b"{}",
        },
        None,
    )
    assert main(["check", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    for words in (
        "`suite` names 'nonesuch'", "`columns` names 'averge'", "board/suites/broken.toml",
        "board/tasks/two.yaml: a task is a mapping", "board/moderation/bad.json", "The accent #ffff00",
    ):  # fmt: skip
        assert words in output
    assert "one.yaml" not in output


def test_explain_shows_the_correction_of_a_file_in_a_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = LocalStore(tmp_path)
    file = next(Path("assets/sample/results").rglob("results_*.json")).resolve()
    model = "/".join(file.parts[-3:-1])
    store.append({f"results/{model}/{file.name}": file.read_bytes()})
    plain = ["explain", str(tmp_path / f"results/{model}/{file.name}"), "--json"]
    assert main(plain) == 0
    before = json.loads(capsys.readouterr().out)
    fields = {"model": model, "suite": "open-llm-v2", "benchmark": "ifeval", "value": 1.0, "was": 2.0}
    record(store, draft("correct", "alice", datetime(2025, 3, 1, tzinfo=UTC), reason="Wrong prompt", **fields))
    assert main(plain) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["benchmarks"]["ifeval"]["score"] == 1.0
    assert after["benchmarks"]["ifeval"]["corrected"] == {"was": 2.0, "by": "alice", "reason": "Wrong prompt"}
    assert after["average"] == pytest.approx(before["average"] + (1.0 - before["benchmarks"]["ifeval"]["score"]) / 6)
    assert main(plain[:-1]) == 0
    assert "corrected from 2.00 to 1.00 by alice on 2025-03-01: Wrong prompt" in capsys.readouterr().out
