"""`python app.py items`: hard questions, and questions that go against the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from app import main
from src.core.frames.frame import from_contents
from src.core.published import publish
from src.core.store import LocalStore
from tests.board.model.test_samples import line
from tests.boards.small_board import row

TASKS = ("leaderboard_musr_murder_mysteries", "leaderboard_musr_object_placements", "leaderboard_musr_team_allocation")


def test_a_question_that_only_weak_models_get_right_is_named(capsys, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    frame = from_contents(pd.DataFrame([row(f"org/m{at}", 40.0 - at) for at in range(6)]), "open-llm-v2")
    publish(frame, store)
    for at in range(6):
        for task in TASKS:
            right = [at < rank for rank in range(1, 7)]  # the best model is right on all six, the next on five …
            lines = [line(i, right=good, question=f"q {i}") for i, good in enumerate(right)]
            lines.append(line(6, right=at >= 3, question="mislabelled"))
            name = f"org__m{at}-details/org__m{at}/samples_{task}_2026-01-01T00-00-00.000000.jsonl"
            store.append({name: "\n".join(map(json.dumps, lines)).encode()})
    assert main(["items", "musr", "--store", str(tmp_path), "--suite", "open-llm-v2", "--most", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("7 questions, 6 models") == 3
    first = printed.split("against the rest:")[1].splitlines()[1]
    assert "mislabelled" in first
    assert "r -" in first
    assert "17% right" in printed.split("hardest:")[1].splitlines()[1]


def test_too_few_answers_are_a_sentence(capsys, tmp_path: Path) -> None:
    publish(from_contents(pd.DataFrame([row("org/m", 40.0)]), "open-llm-v2"), LocalStore(tmp_path))
    assert main(["items", "musr", "--store", str(tmp_path), "--suite", "open-llm-v2"]) == 1
    assert "Only 0 models of this board published their answers" in capsys.readouterr().err
