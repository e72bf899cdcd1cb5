"""`python app.py suite`: a suite drafted from a result file, which loads and takes the file it came from."""

from __future__ import annotations

import json
from pathlib import Path

from app import main
from src.core.records import Result
from src.core.scoring import score
from src.core.suites import load

RESULT = {
    "results": {"quiz_pl": {"acc,none": 0.75, "acc_norm,none": 0.5}, 'odd "task"': {"exact_match,strict": 0.25}},
    "n-shot": {"quiz_pl": 5},
    "n-samples": {"quiz_pl": {"original": 40, "effective": 40}},
    "configs": {"quiz_pl": {"doc_to_choice": ["A", "B", "C", "D"]}},
    "model_name": "org/m",
    "date": 1767225600,
}


def test_a_draft_loads_and_scores_the_file_it_came_from(capsys, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(RESULT))
    assert main(["suite", str(file), "--name", "quizzes"]) == 0
    (tmp_path / "quizzes.toml").write_text(capsys.readouterr().out)
    suite = load(tmp_path / "quizzes.toml")
    assert [(each.key, each.metrics, each.shots) for each in suite.benchmarks] == [
        ("quiz_pl", ("acc_norm",), 5), ("odd_task", ("exact_match,strict",), 0),
    ]  # fmt: skip
    scored = score(Result.read(file.read_bytes(), str(file)), suite)
    assert {key: each.score for key, each in scored.benchmarks.items()} == {"quiz_pl": 50.0, "odd_task": 25.0}


def test_a_file_that_is_no_result_is_a_sentence(capsys, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    assert main(["suite", str(tmp_path / "x.json")]) == 1
    assert "is no JSON object" in capsys.readouterr().err
    assert main(["suite", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err
