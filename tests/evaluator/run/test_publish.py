"""What a run leaves on a board: checked results, answers that `load_dataset` reads, nothing of gated questions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evaluator.job import RESULTS, samples_path
from evaluator.run import publish
from src.core.store import LocalStore
from tests.evaluator.conftest import ITEMS, Run, WholeRun

PROOF = {"request": "r" * 32, "slot": 1, "nonce": "0123456789abcdef"}


def test_the_details_load_with_datasets(whole_run: WholeRun, tmp_path: Path) -> None:
    from datasets import load_dataset

    folder = str(whole_run.store.root / "org__whole-details")
    rows = load_dataset(folder, "org__whole__leaderboard_musr_team_allocation", split="latest", cache_dir=str(tmp_path))
    assert rows.num_rows == ITEMS
    assert {"doc_id", "doc", "arguments", "resps", "doc_hash", "acc_norm"} <= set(rows.column_names)
    whole = load_dataset(folder, "org__whole__results", split="latest", cache_dir=str(tmp_path))
    assert whole.num_rows == 1
    assert whole[0]["model_name"] == "org/whole"


def test_every_line_reads_back_as_a_detail(whole_run: WholeRun) -> None:
    paths = [e.path for e in whole_run.store.list("org__whole-details") if e.path.endswith(".jsonl")]
    assert len(paths) == 39
    for path in paths:
        for line in whole_run.store.read(path).splitlines():
            sample = json.loads(line)
            assert sample["doc_hash"]
            assert set(sample["metrics"]) <= set(sample)


def test_every_answer_has_its_score_where_the_page_looks_for_it(whole_run: WholeRun) -> None:
    import pyarrow.parquet as pq

    for path in whole_run.store.root.glob("org__whole-details/*/*.parquet"):
        assert None not in pq.read_table(path).column("score").to_pylist(), path.name


def test_no_word_of_a_gated_question_leaves_the_box(whole_run: WholeRun) -> None:
    root = whole_run.store.root
    secret = [path for path in root.rglob("*") if path.is_file() and b"SECRET-" in path.read_bytes()]
    assert secret == []
    (path,) = root.glob("org__whole-details/org__whole/samples_leaderboard_gpqa_main_*.jsonl")
    lines = [json.loads(line) for line in path.open()]
    assert len(lines) == ITEMS
    assert all(len(line["doc_hash"]) == 64 and line["acc_norm"] in (0.0, 1.0) for line in lines)
    # and the questions were there to be leaked
    assert "SECRET-QUESTION" in samples_path(whole_run.run, "leaderboard_gpqa_main").read_text()


def test_publishing_twice_writes_nothing_new(whole_run: WholeRun, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "board")
    first = publish.publish(store, whole_run.run, whole_run.suite, PROOF, {})
    heads = [store.head("results"), store.head("org__whole-details")]
    assert publish.publish(store, whole_run.run, whole_run.suite, PROOF, {}) == first
    assert [store.head("results"), store.head("org__whole-details")] == heads


def test_a_second_run_is_a_split_beside_the_first(whole_run: WholeRun, tmp_path: Path) -> None:
    from datasets import get_dataset_split_names, load_dataset

    store = LocalStore(tmp_path / "board")
    for nonce in ("a" * 16, "b" * 16):
        publish.publish(store, whole_run.run, whole_run.suite, PROOF | {"nonce": nonce}, {})
    folder, config = str(store.root / "org__whole-details"), "org__whole__leaderboard_ifeval"
    splits = get_dataset_split_names(folder, config)
    assert len(splits) == 3
    assert splits[-1] == "latest"
    newest = load_dataset(folder, config, split="latest", cache_dir=str(tmp_path / "cache"))
    assert (
        newest["doc_hash"]
        == load_dataset(folder, config, split=splits[1], cache_dir=str(tmp_path / "cache"))["doc_hash"]
    )
    assert len({e.path for e in store.list("results")}) == 2


def test_the_claim_that_a_result_answers_is_written_into_it(whole_run: WholeRun, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "board")
    path = publish.publish(store, whole_run.run, whole_run.suite, PROOF, {"energy": {"kwh": 1.0}})
    written = json.loads(store.read(path))
    assert written["config"]["claim"] == PROOF
    assert written["energy"] == {"kwh": 1.0}


def _change(key: str, value: Any) -> Any:
    def spoil(run: Path) -> None:
        result = json.loads((run / RESULTS).read_text())
        result["results"]["leaderboard_musr_team_allocation"][key] = value
        (run / RESULTS).write_text(json.dumps(result))

    return spoil


def _cut(run: Path) -> None:
    path = samples_path(run, "leaderboard_musr_team_allocation")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _drop(run: Path) -> None:
    result = json.loads((run / RESULTS).read_text())
    del result["results"]["leaderboard_ifeval"]
    (run / RESULTS).write_text(json.dumps(result))


@pytest.mark.parametrize(
    "spoil",
    [
        _change("acc_norm,none", float("nan")),
        _change("acc_norm,none", 1.5),
        _change("acc_norm,none", "1.0"),
        _change("acc_norm,none", 0.123),
        _change("made_up,none", 2.0),
        _cut,
        _drop,
    ],
    ids=[
        "nan",
        "over one",
        "text",
        "not what the samples say",
        "a metric out of range",
        "a sample missing",
        "a task missing",
    ],
)
def test_a_run_that_contradicts_itself_is_not_published(whole_run: WholeRun, tmp_path: Path, spoil: Any) -> None:
    run = shutil.copytree(whole_run.run, tmp_path / "run")
    spoil(run)
    store = LocalStore(tmp_path / "board")
    with pytest.raises(publish.BadRunError):
        publish.publish(store, run, whole_run.suite, PROOF, {})
    assert not [path for path in (tmp_path / "board").iterdir() if path.name != ".board"]


@pytest.mark.slow
def test_two_names_that_look_alike_keep_their_answers_apart(dummy_run: Run) -> None:
    for name in ("a__b/c", "a/b__c"):
        outcome, store = dummy_run("musr", model=name)
        assert outcome.failure is None
    assert len([folder for folder in store.root.iterdir() if folder.name.endswith("-details")]) == 2
