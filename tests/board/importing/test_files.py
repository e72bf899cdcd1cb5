"""Files from anywhere become a board, and a board grows by more files."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from src.board.importing.files import import_files
from src.board.importing.reader import Hints
from src.core.errors import BadInputError
from src.core.frames.frame import from_contents, from_records, read_table, to_contents, write_parquet
from src.core.frames.merging import merged
from src.core.published import frames_of, publish
from src.core.records import Result
from src.core.store import LocalStore
from src.core.suites import load
from src.core.table_paths import contents_path

V2 = load("open-llm-v2")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "board")


def board(store: LocalStore, suite: str = "open-llm-v2") -> pd.DataFrame:
    return from_contents(read_table(store.read(contents_path(suite))), suite)


def table(path: Path, **columns: object) -> Path:
    """A v2 table of two models at `path`."""
    rows: dict[str, object] = {"fullname": ["org/one", "org/two"], "Precision": "bfloat16", "Model sha": "a" * 40}
    for benchmark in V2.benchmarks:
        rows |= {str(benchmark.raw_column): [0.5, 0.6], benchmark.column: [40.0, 50.0]}
    path.write_bytes(write_parquet(pd.DataFrame(rows | columns)))
    return path


def result(folder: Path, model: str, share: float = 0.5, stamp: str = "2025-03-01T00-00-00.000000") -> Path:
    """A result file of a whole v2 run."""
    tasks = {task.name: dict.fromkeys(each.metrics, share) for each in V2.benchmarks for task in each.tasks}
    run = Result(model=model, precision="bfloat16", revision="a" * 40, tasks=tasks)
    path = folder / model.replace("/", "__") / f"results_{stamp}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(run.write())
    return path


def test_places_in_a_store_are_those_other_tools_read():
    assert contents_path("open-llm-v2") == "contents/data/train-00000-of-00001.parquet"
    assert contents_path("open-llm-v1") == "contents/open-llm-v1/train-00000-of-00001.parquet"


def test_real_tables_of_both_suites_make_one_board(store, shared):
    files = [
        shared(f"data/contents/{name}") for name in ("v2_final_merged_4576.parquet", "v1_2024-06-15_ui_7169.csv.gz")
    ]
    done = import_files(files, store)
    assert done.rows == {"open-llm-v2": 4576, "open-llm-v1": 7169}
    assert done.notes == ()
    expected = from_contents(read_table(files[0]))
    pd.testing.assert_frame_equal(board(store), expected)


def test_importing_twice_changes_nothing(store, tmp_path):
    file = table(tmp_path / "t.parquet")
    import_files([file], store)
    before = store.read(contents_path("open-llm-v2"))
    assert import_files([file], store).rows == {"open-llm-v2": 2}
    assert store.read(contents_path("open-llm-v2")) == before


def test_a_later_table_renews_rows_and_keeps_what_it_does_not_know(store, tmp_path):
    first = table(tmp_path / "a.parquet", **{"Hub License": ["mit", "gemma"], "Hub ❤️": [1, 2]})
    later = table(
        tmp_path / "b.parquet", fullname=["org/two", "org/three"], IFEval=[60.0, 70.0], **{"Hub ❤️": [5, None]}
    )
    import_files([first], store)
    done = import_files([later], store)
    frame = board(store).set_index("model")
    assert done.rows == {"open-llm-v2": 3}
    assert frame.index.tolist() == ["org/one", "org/two", "org/three"]
    assert frame["ifeval.score"].tolist() == [40, 60, 70]
    assert frame["license"].tolist()[:2] == ["mit", "gemma"]
    assert frame["likes"].tolist()[:2] == [1, 5]


def test_a_table_that_does_not_tell_revisions_speaks_of_the_only_one(store, tmp_path):
    import_files([table(tmp_path / "a.parquet")], store)
    import_files([table(tmp_path / "b.parquet", IFEval=[60.0, 70.0], **{"Model sha": None})], store)
    frame = board(store)
    assert frame["revision"].tolist() == ["a" * 40] * 2
    assert frame["ifeval.score"].tolist() == [60, 70]


def test_scores_of_two_tables_are_never_mixed_and_a_part_never_displaces_a_whole(tmp_path):
    whole = from_contents(read_table(table(tmp_path / "a.parquet")))
    part = from_contents(
        read_table(table(tmp_path / "b.parquet", IFEval=[60.0, 70.0], GPQA=None, **{"GPQA Raw": None}))
    )
    other = from_contents(read_table(table(tmp_path / "c.parquet", IFEval=[61.0, 71.0], BBH=None, **{"BBH Raw": None})))
    for order in ([whole, part], [part, whole]):
        frame = merged(order)
        assert frame["ifeval.score"].tolist() == [40, 50]
        assert frame["average"].notna().all()
    frame = merged([part, other])
    assert frame["ifeval.score"].tolist() == [61, 71]
    assert frame["bbh.score"].isna().all()
    assert frame["gpqa.score"].notna().all()


def test_result_files_are_kept_as_they_are_and_become_rows(store, tmp_path):
    file = result(tmp_path, "org/one", 0.5)
    done = import_files([tmp_path / "org__one"], store)
    assert (done.rows, done.results) == ({"open-llm-v2": 1}, 1)
    kept = "results/org/one/results_2025-03-01T00-00-00.000000.json"
    assert store.read(kept) == file.read_bytes()
    row = board(store).iloc[0]
    assert (row["ifeval.score"], row["result_path"], row["scorer"]) == (50, kept, "2025-02")


def test_a_result_meets_the_facts_its_table_knew(store, tmp_path):
    import_files([table(tmp_path / "a.parquet", **{"Hub License": ["mit", "gemma"]})], store)
    import_files([result(tmp_path, "org/one", 0.9)], store)
    frame = board(store)
    assert frame["model"].tolist() == ["org/one", "org/two"]
    assert frame["license"].tolist() == ["mit", "gemma"]
    assert frame["ifeval.score"].tolist() == [90, 50]


def test_files_that_hold_a_part_each_complete_one_another_even_over_two_imports(store, shared):
    files = sorted(shared("data/results/lm_eval_v1_tasks_local_full/meta-llama__Meta-Llama-3-8B").iterdir())
    import_files(files[:3], store)
    assert board(store, "open-llm-v1")["average"].isna().all()
    import_files(files[3:], store)
    assert board(store, "open-llm-v1")["average"].round(2).tolist() == [63.06]


def test_all_real_excerpts_become_rows(store, shared):
    done = import_files(
        [shared("data/results/leaderboard_v2_excerpts"), shared("data/results/leaderboard_v1_excerpts")], store
    )
    assert (done.rows, done.results) == ({"open-llm-v2": 6, "open-llm-v1": 1}, 7)


@pytest.mark.parametrize("model", ["../../../evil/x", "org/../../x", "/etc/passwd", "a/b/c/d"])
def test_a_strangers_name_is_never_a_path(model, store, tmp_path):
    path = tmp_path / "results.json"
    tasks = {"leaderboard_mmlu_pro": {"acc,none": 1}}
    path.write_text(json.dumps({"model_name": model, "date": 1718742335, "results": tasks}))
    import_files([path], store)
    assert board(store)["model"].tolist() == [model]
    (kept,) = (entry.path for entry in store.list("results"))
    assert (tmp_path / "board" / kept).read_bytes() == path.read_bytes()
    assert not {".", ".."} & set(kept.split("/"))


def test_a_bad_file_is_left_and_named_and_the_others_are_taken(store, tmp_path):
    good, bad = table(tmp_path / "good.parquet"), tmp_path / "bad.parquet"
    bad.write_bytes(good.read_bytes()[:200])
    done = import_files([bad, good], store)
    assert done.rows == {"open-llm-v2": 2}
    assert [reason.split(" (")[0] for reason in done.left] == ["bad.parquet is not a whole parquet file"]


def test_a_cloned_contents_dataset_is_read(store, tmp_path):
    (tmp_path / "clone" / "data").mkdir(parents=True)
    table(tmp_path / "clone" / "data" / "train-00000-of-00001.parquet")
    assert import_files([tmp_path / "clone"], store).rows == {"open-llm-v2": 2}


def test_a_refused_import_writes_nothing(store, tmp_path):
    path = tmp_path / "results_2025-03-01T00-00-00.json"
    path.write_text('{"model_name": "a/b", "results": {"x": {"acc": 1}}}')
    with pytest.raises(BadInputError, match="No file has a complete benchmark"):
        import_files([path], store)
    assert not [file for file in (tmp_path / "board").rglob("*") if file.is_file() and ".board" not in file.parts]


def test_a_dry_run_counts_and_writes_nothing(store, tmp_path):
    import_files([result(tmp_path, "org/one")], store)
    before = board(store)
    done = import_files([result(tmp_path, "org/two")], store, dry_run=True)
    assert (done.rows, done.results) == ({"open-llm-v2": 2}, 1)
    assert board(store).equals(before)
    assert [entry.path for entry in store.list("results")] == [
        "results/org/one/results_2025-03-01T00-00-00.000000.json"
    ]


def test_a_hint_names_the_model_of_a_result_that_does_not(store, tmp_path):
    path = tmp_path / "home__me__model" / "results_2025-03-01T00-00-00.000000.json"
    path.parent.mkdir()
    fields = json.loads(result(tmp_path, "org/one").read_bytes()) | {"model_name": "/home/me/model"}
    path.write_text(json.dumps(fields))
    import_files([path], store, Hints(model="me/model"))
    assert board(store)["model"].tolist() == ["me/model"]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda at: at / "gone.csv", r"There is no file .*gone\.csv"),
        (lambda at: at, r"contains no file of a format"),
        (lambda at: write(at / "x.json", b"{}"), r"no 'results' block"),
        (lambda at: write(at / "x.json", b"{"), r"not JSON"),
        (lambda at: write(at / "x.csv", b"colour\nred\n"), r"x\.csv: No suite has the table's columns"),
        (lambda at: write(at / "x.json", b'{"model_name": "a/b", "results": {}}'), "it has no time of its run"),
        (
            lambda at: write(
                at / "results_2025-03-01T00-00-00.json", b'{"model_name": "a/b", "results": {"x": {"acc": 1}}}'
            ),
            "No file has a complete benchmark of any suite",
        ),
    ],
)
def test_what_cannot_be_imported_says_why(make, complaint, store, tmp_path):
    with pytest.raises(BadInputError, match=complaint):
        import_files([make(tmp_path)], store)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_notes_name_the_file(store, tmp_path):
    file = table(tmp_path / "odd.parquet", IFEval=[float("inf"), 50.0], **{"IFEval Raw": None})
    assert import_files([file], store).notes == (
        "odd.parquet: 1 cell of 'IFEval' read as unknown: not a number from 0 to 100.",
    )


def test_publishing_beside_another_writer_loses_neither(store, tmp_path, monkeypatch):
    """Somebody publishes between our look and our write: we look again."""
    import_files([table(tmp_path / "a.parquet")], store)
    ours = from_contents(read_table(table(tmp_path / "b.parquet", fullname=["org/three", "org/four"])))
    theirs = table(tmp_path / "c.parquet", fullname=["org/five", "org/six"])
    replace = store.replace
    raced: list[bool] = []

    def race(files, expect, message=""):
        if not raced:
            raced.append(True)
            import_files([theirs], store)
        return replace(files, expect, message)

    monkeypatch.setattr(store, "replace", race)
    assert publish(ours, store) == 6
    assert sorted(board(store)["model"]) == ["org/five", "org/four", "org/one", "org/six", "org/three", "org/two"]


def test_a_boards_own_results_can_be_published_anew(store, tmp_path):
    import_files([result(tmp_path, "org/one"), result(tmp_path, "org/two")], store)
    frames = frames_of(["org/one"], store)
    assert [(frame.attrs["suite"], frame["model"].tolist()) for frame in frames] == [("open-llm-v2", ["org/one"])]
    assert publish(frames[0], store) == 2


def test_the_published_bytes_hold_what_from_records_says(store, tmp_path):
    file = result(tmp_path, "org/one", 0.7)
    import_files([file], store)
    ours = from_records(
        [Result.read(file.read_bytes(), "results/org/one/results_2025-03-01T00-00-00.000000.json")], [], V2
    )
    assert to_contents(board(store), V2).equals(to_contents(ours, V2))
