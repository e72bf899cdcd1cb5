"""Results and requests become rows."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from src.core.frames.frame import FIELDS, from_contents, from_records, read_table, to_contents, write_parquet
from src.core.records import Request, Result
from src.core.suites import load

V1, V2 = load("open-llm-v1"), load("open-llm-v2")


def run(day: int = 1, share: float = 0.5, keys: tuple[str, ...] = (), **more: Any) -> Result:
    """A run of the named v2 benchmarks, or of all."""
    chosen = [each for each in V2.benchmarks if not keys or each.key in keys]
    tasks = {task.name: dict.fromkeys(each.metrics, share) for each in chosen for task in each.tasks}
    when = datetime(2025, 3, day, tzinfo=UTC)
    return Result(
        **{"model": "org/one", "precision": "bfloat16", "revision": "a" * 40, "tasks": tasks, "written": when} | more
    )


def test_a_run_becomes_a_row_with_its_scorer_and_its_file():
    frame = from_records([run(path="results/org/one/results_x.json")], [], V2)
    row = frame.iloc[0]
    assert len(frame) == 1
    assert (row["id"], row["scorer"], row["result_path"]) == (
        "org/one~bfloat16",
        "2025-02",
        "results/org/one/results_x.json",
    )
    assert row["gpqa.raw"] == 0.5
    assert row["gpqa.score"] == pytest.approx(100 / 3)
    assert row["average"] == pytest.approx(sum(row[f"{each.key}.score"] for each in V2.benchmarks) / 6)


def test_what_a_harness_does_not_know_comes_from_the_request():
    request = Request(
        model="org/one",
        precision="bfloat16",
        revision="a" * 40,
        model_type="chat",
        params=8.03,
        architectures="LlamaForCausalLM",
        license="mit",
        likes=3,
        base_model="org/base",
        use_chat_template=True,
        submitted_time=datetime(2025, 2, 28, 23, 59, tzinfo=UTC),
    )
    other = request.model_copy(update={"precision": "float16", "license": "wtfpl"})
    row = from_records([run()], [other, request], V2).iloc[0]
    reported = {
        "model_type": "chat", "params_b": 8.03, "architecture": "LlamaForCausalLM", "license": "mit", "likes": 3,
        "base_model": "org/base", "chat_template": True, "submission_date": "2025-02-28", "weight_type": "Original",
        "family": "Llama 3",
    }  # fmt: skip
    assert {key: row[key] for key in reported} == reported


def test_nothing_is_known_without_a_request_but_what_the_run_says():
    row = from_records(
        [run(settings={"config": {"model_num_parameters": 8030261248}, "chat_template_sha": None})], [], V2
    )
    assert row["params_b"].tolist() == [8.030261248]
    assert row["chat_template"].tolist() == [False]
    for key in (
        "model_type",
        "license",
        "likes",
        "available",
        "moe",
        "merged",
        "flagged",
        "official",
        "submission_date",
    ):
        assert row[key].isna().all(), key


def test_a_partial_run_has_no_average_and_stands_behind_every_whole_one():
    partial = run(share=0.99, keys=("ifeval", "math"), model="org/partial")
    frame = from_records([partial, run(share=0.3)], [], V2).sort_values("average", ascending=False, na_position="last")
    assert frame["model"].tolist() == ["org/one", "org/partial"]
    assert frame["average"].isna().tolist() == [False, True]
    assert frame["ifeval.score"].tolist()[1] == 99


def test_runs_complete_each_other_and_the_newest_wins():
    runs = [run(1, 0.2, ("ifeval", "bbh", "math", "gpqa")), run(3, 0.4, ("math", "musr", "mmlu_pro"))]
    for order in (runs, runs[::-1]):
        row = from_records(order, [], V2).iloc[0]
        assert (row["ifeval.raw"], row["math.raw"], row["musr.raw"]) == pytest.approx((0.2, 0.4, 0.4))
        assert pd.notna(row["average"])


def test_rows_are_by_model_precision_and_revision():
    runs = [run(), run(precision="float16"), run(revision="b" * 40), run(model="org/two")]
    assert from_records(runs, [], V2)["id"].tolist() == [
        "org/one~bfloat16@aaaaaaa", "org/one~float16", "org/one~bfloat16@bbbbbbb", "org/two~bfloat16",
    ]  # fmt: skip


def test_a_run_of_another_suite_makes_no_row():
    frame = from_records([run()], [], V1)
    assert len(frame) == 0
    assert [field.key for field in FIELDS] == [
        name for name in frame.columns if name in {field.key for field in FIELDS}
    ]


def test_files_of_single_tasks_make_one_whole_row(shared):
    """Six files for each of three models, as a third party ran them; no file is whole."""
    results = [
        Result.read(gzip.decompress(path.read_bytes()), str(path))
        for path in sorted(shared("data/results/lm_eval_v1_tasks_local_full").rglob("*.json.gz"))
    ]
    frame = from_records(results, [], V1).set_index("model")
    assert len(results) == 18
    assert frame["average"].round(2).to_dict() == {
        "meraGPT/mera-mix-4x7B": 76.71,
        "meta-llama/Meta-Llama-3-8B": 63.06,
        "meta-llama/Meta-Llama-3-8B-Instruct": 68.51,
    }


def test_records_and_contents_agree(shared):
    """The same run through its result file and through the published table."""
    path = shared("data/results/leaderboard_v2_excerpts/01-ai__Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json")
    ours = from_records([Result.read(path.read_bytes(), str(path))], [], V2)
    table = from_contents(read_table(shared("data/contents/v2_2024-10-15_contents_1500.parquet")))
    theirs = table[table["id"] == "01-ai/Yi-1.5-34B~bfloat16"]
    for key in ("average", *(f"{each.key}.{part}" for each in V2.benchmarks for part in ("raw", "score"))):
        assert ours[key].iloc[0] == pytest.approx(theirs[key].iloc[0], abs=1e-9)
    again = from_contents(read_table(write_parquet(to_contents(ours, V2))))
    assert again["average"].tolist() == ours["average"].tolist()
