"""A model's page as values: which run, among whom, beside what, and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pandas as pd
import pytest

from src.board.live.snapshot import Snapshot
from src.board.model.overview import Missing, ModelView, model_view
from src.board.model.reproduce import reproduce
from src.board.model.run import run_detail
from src.board.table.listing import listing
from src.board.table.query import Query
from src.core.errors import NotFoundError
from src.core.frames.frame import from_contents, read_table
from src.core.store import LocalStore
from src.core.suites import load
from tests.boards.small_board import row
from tests.boards.small_board import snapshot as small_board
from tests.e2e.boards import HOSTILE, V2, v2_table

SUITE = load("open-llm-v2")


def snapshot_of(table: pd.DataFrame, store: str = "hub:somebody") -> Snapshot:
    frame = from_contents(table, SUITE)
    return Snapshot(frame, SUITE, "r1", "live", datetime(2025, 3, 13, tzinfo=UTC), None, store)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(v2_table())


def found(snapshot: Snapshot, model: str, **which: str) -> ModelView:
    view = model_view(snapshot, model, **which)
    assert isinstance(view, ModelView)
    return view


def line(view: ModelView, key: str):  # type: ignore[no-untyped-def]
    return next(each for each in view.lines if each.key == key)


def test_the_best_run_is_shown_and_the_others_are_listed(snapshot: Snapshot) -> None:
    view = found(snapshot, "acme/anvil-8b-chat")
    assert view.run.revision == "c" * 40
    assert {run.revision for run in view.runs} == {"b" * 40, "c" * 40}


def test_the_run_asked_for_is_shown(snapshot: Snapshot) -> None:
    assert found(snapshot, "acme/anvil-8b-chat", revision="bbbbbbb").run.revision == "b" * 40
    assert found(snapshot, "acme/anvil-8b", precision="float16").run.precision == "float16"


def test_where_lower_is_better_the_lowest_is_first() -> None:
    speech = load("open-asr")
    scores = {f"{each.key}.score": [2.0, 9.0, 30.0] for each in speech.benchmarks}
    names = ["org/good", "org/fair", "org/bad"]
    frame = from_contents(
        pd.DataFrame({"model": names} | {b.column: scores[f"{b.key}.score"] for b in speech.benchmarks}), speech
    )
    view = found(Snapshot(frame, speech, "r1", "live", datetime(2025, 3, 13, tzinfo=UTC), None, "here"), "org/good")
    assert view.rank == (1, 3)
    assert [line(view, key).place.rank for key in ("average", "ami", "rtfx")] == [1, 1, 3]
    assert line(view, "ami").bounds == (2.0, 30.0)  # not to the 1,000 that an error rate may reach


def test_the_place_is_the_tables_own_where_averages_differ_beyond_its_decimals() -> None:
    rows = (row("org/a", 50.00004), row("org/b", 50.00001), row("org/c", 50.00006), row("org/d", 10.0))
    shown = small_board(*rows)
    table = listing(shown, Query()).json()
    ranks = {each["model"]: each["rank"] for each in orjson.loads(orjson.dumps(table))}
    assert ranks == {"org/a": 2, "org/b": 2, "org/c": 1, "org/d": 4}
    assert {name: found(shown, name).rank for name in ranks} == {name: (rank, 4) for name, rank in ranks.items()}
    assert {name: line(found(shown, name), "average").place.rank for name in ranks} == ranks  # all are of its size


def test_a_name_in_other_case_is_found(snapshot: Snapshot) -> None:
    assert found(snapshot, "ACME/Anvil-70B").run.model == "acme/anvil-70b"


def test_a_missing_model_gets_the_nearest_names(snapshot: Snapshot) -> None:
    missing = model_view(snapshot, "acme/anvil-8b-chta")
    assert isinstance(missing, Missing)
    assert missing.suggestions[0] == "acme/anvil-8b-chat"
    nothing_like_it = model_view(snapshot, "zzz/qqq")
    assert isinstance(nothing_like_it, Missing)
    assert nothing_like_it.suggestions == ()


def test_scores_stand_beside_those_of_the_base_of_the_same_precision(snapshot: Snapshot) -> None:
    view = found(snapshot, "acme/anvil-8b-chat")
    assert view.base is not None
    assert (view.base.model, view.base.precision) == ("acme/anvil-8b", "bfloat16")
    ifeval = line(view, "ifeval")
    assert (ifeval.score, ifeval.base, ifeval.gain) == (71.0, 40.0, 31.0)


def test_a_base_that_is_not_on_the_board_is_named_but_has_no_scores(snapshot: Snapshot) -> None:
    view = found(snapshot, "bolt/nut-1b")
    assert view.base is None
    assert view.facts["base_model"] == "gone/base-1b"
    assert line(view, "average").gain is None


def test_what_was_made_from_a_model_is_listed_best_first(snapshot: Snapshot) -> None:
    assert [run.model for run in found(snapshot, "acme/anvil-8b").made_from_it] == ["acme/anvil-8b-chat"]


def test_a_partial_run_has_no_average_no_place_and_says_what_is_missing(snapshot: Snapshot) -> None:
    view = found(snapshot, "bolt/partial-7b")
    assert view.rank is None
    assert line(view, "average").score is None
    assert line(view, "math").score is None
    assert line(view, "math").place is None
    assert line(view, "bbh").place is not None


def test_a_model_is_placed_among_models_of_its_size() -> None:
    """Twelve of 8 B, scores 1 to 12, and one of 70 B that beats them all but is no peer."""
    rows = [
        (f"org/m{n}", "bfloat16", f"{n:040d}", "🟢 pretrained", 8.0, None, "mit", (float(n),) * 6) for n in range(1, 13)
    ]
    rows.append(("org/large", "bfloat16", "f" * 40, "🟢 pretrained", 70.0, None, "mit", (90.0,) * 6))
    view = found(snapshot_of(v2_table(tuple(rows))), "org/m11")
    assert (view.peers.count, view.peers.low, view.peers.high) == (12, 6.4, 10.0)
    place = line(view, "ifeval").place
    assert (place.rank, place.of, sum(place.heights)) == (2, 12, 12)
    assert view.rank == (3, 13)


def test_too_few_of_its_size_make_the_whole_board_its_peers(snapshot: Snapshot) -> None:
    peers = found(snapshot, "acme/anvil-70b").peers
    assert (peers.count, peers.low, peers.high) == (len(V2), None, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, f"pretrained=org/m,revision={'a' * 40},dtype=bfloat16"),
        ({"precision": "8bit"}, f"pretrained=org/m,revision={'a' * 40},load_in_8bit=True"),
        ({"weight_type": "Adapter", "base_model": "org/base"}, "pretrained=org/base,peft=org/m,dtype=bfloat16"),
        ({"weight_type": "Delta", "base_model": "org/base"}, "pretrained=org/base,delta=org/m,dtype=bfloat16"),
    ],
)
def test_the_command_runs_the_same_weights_in_the_same_precision(changes: dict[str, str], says: str) -> None:
    facts = {
        "model": "org/m",
        "base_model": None,
        "revision": "a" * 40,
        "precision": "bfloat16",
        "weight_type": "Original",
        "chat_template": None,
    }
    words = shlex.split(reproduce(SUITE, facts | changes))
    assert words[words.index("--model_args") + 1] == says
    assert words[words.index("--tasks") + 1] == "leaderboard"


def test_the_command_of_v1_gives_each_task_its_shots() -> None:
    facts = dict.fromkeys(("model", "base_model", "revision", "precision", "weight_type", "chat_template"))
    lines = reproduce(load("open-llm-v1"), facts | {"model": "org/m"}).splitlines()
    reported = {
        task: words[words.index("--num_fewshot") + 1]
        for words in map(shlex.split, lines)
        for task in words[words.index("--tasks") + 1].split(",")
    }
    assert reported == {"arc_challenge": "25", "hellaswag": "10", "mmlu": "5", "truthfulqa_mc2": "0", "winogrande": "5", "gsm8k": "5"}  # fmt: skip  # noqa: E501


def test_a_hostile_name_stays_one_word_of_the_command(snapshot: Snapshot) -> None:
    view = found(snapshot, HOSTILE)
    words = shlex.split(view.command)
    assert words[words.index("--model_args") + 1].startswith(f"pretrained={HOSTILE},revision=")


def test_the_run_behind_a_row_is_told_subtask_by_subtask(shared: Callable[[str], Path], tmp_path: Path) -> None:
    excerpt = next(shared("data/results/leaderboard_v2_excerpts").glob("*pythia-12b/*.json"))
    table = read_table(shared("data/contents/v2_2025-02-08_contents_3827.parquet"))
    snapshot = snapshot_of(table[table["fullname"] == "EleutherAI/pythia-12b"])
    store = LocalStore(tmp_path)
    store.append({f"results/EleutherAI/pythia-12b/{excerpt.name}": excerpt.read_bytes()})
    view = found(snapshot, "EleutherAI/pythia-12b")
    detail = run_detail(store, SUITE, view.run)
    assert detail.paths == (f"results/EleutherAI/pythia-12b/{excerpt.name}",)
    reported = {benchmark.key: benchmark for benchmark in detail.benchmarks}
    assert len(reported["bbh"].subtasks) == 24
    for key in ("ifeval", "bbh", "gpqa", "musr", "mmlu_pro"):
        assert reported[key].score == pytest.approx(line(view, key).score, abs=1e-9)


def test_another_precision_is_another_run(shared: Callable[[str], Path], tmp_path: Path) -> None:
    excerpt = next(shared("data/results/leaderboard_v2_excerpts").glob("*Yi-1.5-34B/*.json"))  # says torch.bfloat16
    store = LocalStore(tmp_path)
    store.append({f"results/01-ai/Yi-1.5-34B/{excerpt.name}": excerpt.read_bytes()})
    row = ("01-ai/Yi-1.5-34B", "float16", None, "🟢 pretrained", 34.4, None, "mit", (1.0,) * 6)
    view = found(snapshot_of(v2_table((row,))), "01-ai/Yi-1.5-34B")
    with pytest.raises(NotFoundError, match=r"keeps no result file of 01-ai/Yi-1.5-34B in float16"):
        run_detail(store, SUITE, view.run)
