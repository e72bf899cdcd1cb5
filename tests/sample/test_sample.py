"""The made-up board: the same every time, small, and with every case a page must show."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.board.live.history import History, changes
from src.board.live.opening import SAMPLE_TIME
from src.board.live.snapshot import Board
from src.board.model.samples import SampleFile
from src.core.frames.frame import from_contents, read_table
from src.core.names import is_model_name
from src.core.queue import Queue
from src.core.records import Result
from src.core.scoring import score
from src.core.store import LocalStore
from src.core.suites import load
from src.sample.__main__ import FOLDER
from src.sample.board import files
from src.sample.queue import NOW

V2 = load("open-llm-v2")


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return dict(files())


@pytest.fixture(scope="module")
def board(made) -> pd.DataFrame:
    return from_contents(read_table(made["contents/data/train-00000-of-00001.parquet"]))


def test_the_files_in_the_repository_are_what_the_script_makes(made):
    lying = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    there = {path: file for path, file in lying.items() if not path.startswith(".board/")}  # a store opened on it
    assert set(there) == set(made), "run `python -m src.sample`"
    for path, data in made.items():
        # parquet's bytes may differ from one version of its writer to the next; its content may not
        same = pq.read_table(io.BytesIO(data)).equals(pq.read_table(there[path])) if path.endswith(".parquet") else None
        assert there[path].read_bytes() == data if same is None else same, f"{path}: run `python -m src.sample`"


def test_it_is_small(made):
    assert sum(map(len, made.values())) < 450_000


def test_it_holds_every_case_a_page_must_show(board):
    cases = {
        "several precisions of one model": board.groupby("model")["precision"].nunique().max() >= 4,
        "several revisions of one": board.groupby(["model", "precision"])["revision"].nunique().max() == 2,
        "every type": set(board["model_type"].dropna())
        == {"pretrained", "continued", "finetuned", "chat", "merge", "multimodal", "other"},
        "an unknown type": board["model_type"].isna().any(),
        "merges": board["merged"].sum() > 10,
        "mixtures of experts": board["moe"].sum() > 2,
        "a flagged row": board["flagged"].sum() == 1,
        "models that are gone": (~board["available"]).sum() == 2,
        "official ones": board["official"].sum() > 10,
        "adapters": (board["weight_type"] == "Adapter").any(),
        "partial runs": board["average"].isna().sum() == 2,
        "an unknown size": board["params_b"].isna().any(),
        "all size classes": set(pd.cut(board["params_b"].dropna(), [0, 3, 7, 65, 1000], labels=False)) == {0, 1, 2, 3},
        "unknown licences": board["license"].isna().any(),
        "unknown dates": board["upload_date"].isna().any(),
        "a very long name": board["model"].str.len().max() > 100,
        "scores at chance": (board["gpqa.score"] == 0).any(),
        "bases that are on the board": board["base_model"].isin(board["model"]).sum() > 40,
        "fine-tunes of fine-tunes": board["generation"].max() >= 2,
        "several families": board["family"].nunique() > 7,
    }
    assert [case for case, holds in cases.items() if not holds] == []
    assert 110 <= len(board) <= 140


def test_it_has_both_suites(made):
    older = from_contents(read_table(made["contents/open-llm-v1/train-00000-of-00001.parquet"]), "open-llm-v1")
    assert len(older) > 10
    assert older["average"].notna().any()


def test_no_name_in_it_is_hostile_or_no_name(board):
    assert board["model"].map(is_model_name).all()


def test_its_results_give_its_published_scores(made, board):
    found = {path: data for path, data in made.items() if path.startswith("results/")}
    assert len(found) > 10
    rows = board.set_index(["model", "precision", "revision"])
    for path, data in found.items():
        run = Result.read(data, path)
        scored = score(run, V2)
        row = rows.loc[(run.model, run.precision, run.revision)]
        assert scored.average == pytest.approx(row["average"], abs=1e-9)
        assert scored.scorer == row["scorer"]


def test_its_answers_add_up_to_its_results(made):
    runs = [Result.read(data, path) for path, data in made.items() if path.startswith("results/")]
    twins = {path: data for path, data in made.items() if path.endswith(".parquet") and "-details/" in path}
    assert len(twins) == 6
    for path, data in twins.items():
        name = Path(path).name
        task, stamp = name.removeprefix("samples_").removesuffix(".parquet").rsplit("_2", 1)
        model = path.split("/")[1].replace("__", "/")
        run = next(run for run in runs if run.model == model and f"{run.written:%Y-%m-%dT%H-%M-%S.%f}" == f"2{stamp}")
        answers = pq.read_table(io.BytesIO(data)).to_pandas()
        assert answers["score"].mean() == pytest.approx(next(iter(run.tasks[task].values())), abs=1e-6)
        assert len(answers) == run.samples[task]
        assert answers["question"].isna().all() == ("gpqa" in task)
        assert SampleFile(io.BytesIO(data)) is not None


def test_two_models_answered_the_same_questions_in_another_order(made):
    first, second = (
        pq.read_table(io.BytesIO(data)).to_pandas()["doc_hash"].tolist()
        for path, data in made.items()
        if "boolean_expressions" in path
    )
    assert first != second
    assert sorted(first) == sorted(second)


def test_its_queue_stands_as_on_a_busy_evening(made, tmp_path):
    for path, data in made.items():
        if path.startswith(("requests/", "votes/")):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(data)
    state = Queue(LocalStore(tmp_path, clock=lambda: SAMPLE_TIME)).snapshot()
    assert not state.problems
    lanes = (state.waiting, state.running, state.finished, state.failed, state.cancelled)
    assert [len(lane) for lane in lanes] == [3, 2, 30, 3, 1]
    assert [one.votes for one in state.waiting] == [5, 1, 0]
    assert all(one.wait for one in state.waiting)
    assert state.waiting[2].failure.code == "crashed"  # and is tried again
    assert [(one.box, one.progress.get("tasks_done")) for one in state.running] == [
        ("attic-8xh100", 38), ("basement-4090", None),
    ]  # fmt: skip
    assert all(one.until > SAMPLE_TIME for one in state.running)
    assert {one.failure.code for one in state.failed} == {"refused", "out-of-memory", "unknown"}
    assert any(one.failure.log for one in state.failed)


def test_its_clock_stands_still_at_that_evening():
    assert NOW == SAMPLE_TIME


def test_the_table_of_an_earlier_day_shows_what_came_since(made, tmp_path):
    store = LocalStore(tmp_path)
    for dataset in ("contents", "history"):
        store.append({path: data for path, data in made.items() if path.startswith(f"{dataset}/")})
    board, history = Board(store, local=True), History(store)
    board.open()
    (day,) = history.days("open-llm-v2")
    reported = changes(history.at("open-llm-v2", day), board.snapshot("open-llm-v2"))
    assert len(reported.added) >= 2
    assert reported.removed.empty
