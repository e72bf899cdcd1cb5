"""One model's Every Eval Ever records with every published answer: valid, complete, and the same when read back."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from src.board.exports.record_instances import UNGRADED, archive_of_model
from src.board.importing.files import import_files
from src.board.model.detail_files import DetailFiles
from src.board.table.listing import of_model
from src.core.items.dataset import put_details, sample_files
from src.core.store import LocalStore
from src.core.suites import load
from tests.boards.small_board import snapshot

SUITE = load("open-llm-v2")
WHEN = datetime(2025, 2, 8, 10, tzinfo=UTC)
IFEVAL = {
    "doc_id": 0, "doc_hash": "h0", "target": "", "arguments": [["Write a haiku.", {}]],
    "doc": {"prompt": "Write a haiku."},
    "filtered_resps": ["An old pond"], "prompt_level_strict_acc": 1.0, "inst_level_strict_acc": [True],
}  # fmt: skip
UNREAD = IFEVAL | {"doc_id": 1, "doc_hash": "h1", "prompt_level_strict_acc": None, "inst_level_strict_acc": None}
GPQA = {
    "doc_id": 0, "doc_hash": "g0", "target": "(A)", "doc": {"Question": "CANARY?"}, "acc_norm": 1.0,
    "arguments": [["CANARY?", "(A)"], ["CANARY?", "(B)"]], "filtered_resps": [[-1.0, True], [-2.0, False]],
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path / "board")
    benchmarks = {benchmark.key: benchmark for benchmark in SUITE.benchmarks}
    files: dict[str, bytes] = {}
    for key, lines in (("ifeval", [IFEVAL, UNREAD]), ("gpqa", [GPQA])):
        task = benchmarks[key].tasks[0]
        files |= sample_files(task.name, WHEN, lines, benchmarks[key].metrics, benchmarks[key].withheld)
    put_details(made, "org/first", WHEN, files)
    return made


@pytest.fixture
def archive(store: LocalStore) -> bytes:
    return archive_of_model(of_model(snapshot(), "org/first"), DetailFiles(store, SUITE).open)


def opened(archive: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as whole:
        lines, record = sorted(whole.namelist(), key=lambda name: name.endswith(".json"))
        return json.loads(whole.read(record)), [json.loads(line) for line in whole.read(lines).splitlines()]


def test_every_answer_is_an_instance_of_the_score_it_counts_for(archive: bytes) -> None:
    record, instances = opened(archive)
    results = {each["evaluation_result_id"] for each in record["evaluation_results"]}
    assert {each["evaluation_result_id"] for each in instances} <= results
    assert {each["evaluation_id"] for each in instances} == {record["evaluation_id"]}
    first = instances[0]
    assert (first["input"]["raw"], first["output"]["raw"]) == ("Write a haiku.", ["An old pond"])
    assert first["evaluation"] == {"score": 1.0, "is_correct": True}


def test_the_record_names_its_instances_with_their_number_and_hash(archive: bytes) -> None:
    record, instances = opened(archive)
    named = record["detailed_evaluation_results"]
    with zipfile.ZipFile(io.BytesIO(archive)) as whole:
        assert named["checksum"] == hashlib.sha256(whole.read(named["file_path"])).hexdigest()
    assert named["total_rows"] == len(instances) == 3


def test_an_ungraded_answer_says_so_and_gated_questions_stay_hidden(archive: bytes) -> None:
    _, instances = opened(archive)
    assert [each["error"] for each in instances] == [None, UNGRADED, None]
    gated = instances[2]
    assert (gated["sample_hash"], gated["evaluation"]["score"], gated["input"]["raw"]) == ("g0", 1.0, "")
    assert "CANARY" not in json.dumps(instances)


def test_records_and_instances_follow_the_schemas(archive: bytes) -> None:
    types = pytest.importorskip("every_eval_ever.instance_level_types", reason="its package is not installed")
    schema = pytest.importorskip("every_eval_ever.eval_types", reason="its package is not installed")
    record, instances = opened(archive)
    schema.EvaluationLog.model_validate(record)
    for each in instances:
        types.InstanceLevelEvaluationLog.model_validate(each)


def test_answers_come_back_as_they_left(archive: bytes, store: LocalStore, tmp_path: Path) -> None:
    file = tmp_path / "first.eee.zip"
    file.write_bytes(archive)
    other = LocalStore(tmp_path / "other")
    import_files([file], other)
    row = {"model": "org/first", "result_path": None}
    task = SUITE.benchmarks[0].tasks[0].name
    before, after = (DetailFiles(each, SUITE).open(row, task) for each in (store, other))
    assert before is not None
    assert after is not None
    kept = [
        [(one.sample.question, one.sample.answer, one.sample.score) for one in each.answers()]
        for each in (before, after)
    ]
    assert repr(kept[0]) == repr(kept[1])


def test_a_model_whose_answers_nobody_published_has_its_record_alone(tmp_path: Path) -> None:
    data = archive_of_model(of_model(snapshot(), "org/first"), DetailFiles(LocalStore(tmp_path), SUITE).open)
    with zipfile.ZipFile(io.BytesIO(data)) as whole:
        (name,) = whole.namelist()
        assert "detailed_evaluation_results" not in json.loads(whole.read(name))
