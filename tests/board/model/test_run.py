"""The files behind a row: those of this run, and never another run's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from src.board.model.overview import ModelView, model_view
from src.board.model.run import run_detail
from src.core.errors import NotFoundError
from src.core.store import LocalStore
from src.core.suites import load
from tests.boards.small_board import row, snapshot

SUITE = load("open-llm-v2")
NAME = "org/twice"
SHA = "0123456789abcdef0123456789abcdef01234567"
ROWS = (
    row(NAME, 48.0, Precision="float16"),
    row(NAME, 49.0, Precision="bfloat16", **{"Official Providers": True, "Submission Date": None}),
)


def written(ifeval: float, **config: str) -> bytes:
    metrics = {"prompt_level_strict_acc,none": ifeval, "inst_level_strict_acc,none": ifeval}
    return json.dumps({"results": {"leaderboard_ifeval": metrics}, "config": config}).encode()


def detail(folder: Path, precision: str, rows: tuple, **files: bytes):  # type: ignore[no-untyped-def]
    store = LocalStore(folder)
    store.append({f"results/{NAME}/results_{day}T00-00-00.000000.json": body for day, body in files.items()})
    view = model_view(snapshot(*rows), NAME, precision)
    assert isinstance(view, ModelView)
    return run_detail(store, SUITE, view.run, view.runs)


def of(precision: str, ifeval: float) -> bytes:
    return written(ifeval, model_dtype=precision, model_sha=SHA)


def test_a_file_of_exactly_this_run_beats_a_newer_one_of_unknown_identity(tmp_path: Path) -> None:
    files = {"2025-01-01": of("float16", 0.48), "2025-02-02": written(0.49)}
    found = detail(tmp_path, "float16", ROWS, **files)
    assert [path[-31:-21] for path in found.paths] == ["2025-01-01"]
    assert found.benchmarks[0].score == pytest.approx(48.0)
    assert f"{found.date:%Y-%m-%d}" == "2025-01-01"


def test_a_file_of_unknown_identity_is_of_the_row_whose_scores_it_has(tmp_path: Path) -> None:
    found = detail(tmp_path, "bfloat16", ROWS, **{"2025-02-02": written(0.49)})
    assert found.benchmarks[0].score == pytest.approx(49.0)


def test_a_file_of_unknown_identity_with_other_scores_is_not_shown_below_this_run(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="keeps no result file of org/twice in float16"):
        detail(tmp_path, "float16", ROWS, **{"2025-02-02": written(0.49)})


def test_a_file_that_has_a_row_of_its_own_never_stands_for_a_row_without_precision(tmp_path: Path) -> None:
    rows = (row(NAME, 52.0, Precision=None), ROWS[1])
    with pytest.raises(NotFoundError, match="in this precision"):
        detail(tmp_path, "", rows, **{"2025-02-02": of("bfloat16", 0.52)})


def test_facts_of_a_model_come_from_any_of_its_rows_and_those_of_a_run_from_its_own() -> None:
    rows = (row(NAME, 50.0, Precision="float16", **{"#Params (B)": None, "Hub License": None}), ROWS[1])
    first = model_view(snapshot(*rows), NAME, "float16")
    assert isinstance(first, ModelView)
    facts = first.facts
    assert (facts["params_b"], facts["license"], facts["official"]) == (8.03, "apache-2.0", True)
    second = model_view(snapshot(*rows), NAME, "bfloat16")
    assert isinstance(second, ModelView)
    assert second.facts["submission_date"] is None
