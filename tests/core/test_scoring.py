"""Scores against the published tables, against the definitions spelled out, and where something is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.core import suites
from src.core.frames.frame import from_contents, read_table
from src.core.records import Result
from src.core.scoring import co2_kg, normalised, score, scorer_of

V1, V2 = suites.load("open-llm-v1"), suites.load("open-llm-v2")
UNROUNDED = ("ifeval", "bbh", "gpqa", "musr", "mmlu_pro")
V2_RUNS = {
    "01-ai__Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json": "bfloat16",
    "EleutherAI__pythia-1.4b/results_2025-01-28T10-22-20.980995.json": "float16",
    "EleutherAI__pythia-12b/results_2024-06-17T17-37-25.144953.json": "float16",
    "EleutherAI__pythia-410m/results_2024-06-16T22-11-25.600579.json": "float16",
    "EleutherAI__pythia-6.9b/results_2024-06-16T22-34-46.256992.json": "float16",
    "meta-llama__Llama-3.1-8B-Instruct/results_2025-02-06T09-49-35.437423.json": "float16",
}
FINAL = "data/contents/v2_final_merged_4576.parquet"
FEBRUARY = "data/contents/v2_2025-02-08_contents_3827.parquet"
OCTOBER = "data/contents/v2_2024-10-15_contents_1500.parquet"


@pytest.fixture(scope="module")
def row(shared):
    tables: dict[str, Any] = {}

    def of(table: str, model: str, precision: str) -> Any:
        if table not in tables:
            tables[table] = from_contents(read_table(shared(table)), V2)
        frame = tables[table]
        found = frame[(frame["model"] == model) & (frame["precision"] == precision)]
        return found.iloc[0] if len(found) else None

    return of


def read(path: Path) -> Result:
    return Result.read(path.read_bytes(), str(path))


@pytest.mark.parametrize(("file", "precision"), V2_RUNS.items(), ids=[name.split("/")[0] for name in V2_RUNS])
def test_every_v2_excerpt_gives_its_published_row(file, precision, shared, row):
    scored = score(read(shared(f"data/results/leaderboard_v2_excerpts/{file}")), V2)
    published = row(FINAL, file.split("/")[0].replace("__", "/"), precision)
    for key in UNROUNDED:
        assert scored.benchmarks[key].raw == pytest.approx(published[f"{key}.raw"], abs=1e-9)
        exact = 1e-9 if key != "musr" or published["musr.score"] != round(published["musr.score"], 2) else 0.005
        assert scored.benchmarks[key].score == pytest.approx(published[f"{key}.score"], abs=exact)


# MATH was graded again in October 2024 and in February 2025, without new files: a file's own number is the table's of
# its day, and differs from a later table wherever that grading moved it.
MATH = {
    # file                      scorer     table whose MATH it is      tables that grade otherwise
    "01-ai__Yi-1.5-34B": ("2024-06", OCTOBER, (FEBRUARY, FINAL)),
    "EleutherAI__pythia-6.9b": ("2024-06", OCTOBER, (FEBRUARY, FINAL)),
    "EleutherAI__pythia-12b": ("2024-06", OCTOBER, (FINAL,)),  # October's grading did not move it
    "EleutherAI__pythia-410m": ("2024-06", OCTOBER, (FINAL,)),  # nor this
    "EleutherAI__pythia-1.4b": ("2024-10", FEBRUARY, (FINAL,)),
    # run two days before the last table of that grading, which has its bfloat16 run only
    "meta-llama__Llama-3.1-8B-Instruct": ("2024-10", None, (FINAL,)),
}


@pytest.mark.parametrize("folder", MATH)
def test_math_and_the_average_are_the_tables_of_the_same_scorer(folder, shared, row):
    scorer, same, others = MATH[folder]
    file = next(name for name in V2_RUNS if name.startswith(folder))
    scored = score(read(shared(f"data/results/leaderboard_v2_excerpts/{file}")), V2)
    assert scored.scorer == scorer
    name = folder.replace("__", "/")
    if same:
        published = row(same, name, V2_RUNS[file])
        assert scored.benchmarks["math"].score == pytest.approx(published["math.score"], abs=1e-9)
        assert scored.average == pytest.approx(published["average"], abs=1e-9)
    for other in others:
        published = row(other, name, V2_RUNS[file])
        assert scored.benchmarks["math"].score != pytest.approx(published["math.score"], abs=0.05)


def test_the_v1_excerpt_gives_its_published_row(shared):
    folder = "data/results/leaderboard_v1_excerpts/HenryJJ__Instruct_Mistral-7B-v0.1_Dolly15K"
    scored = score(read(shared(f"{folder}/results_2024-01-04T13-27-32.660899.json")), V1)
    for table, exact in (
        ("data/contents/v1_2024-06-15_ui_7169.csv.gz", 0.005),  # rounded to two decimals
        ("data/contents/v1_2024_fullprecision_6986.csv.gz", 1e-9),
    ):
        frame = from_contents(read_table(shared(table)), V1)
        published = frame[frame["model"] == "HenryJJ/Instruct_Mistral-7B-v0.1_Dolly15K"].iloc[0]
        for key, benchmark in scored.benchmarks.items():
            assert benchmark.score == pytest.approx(published[f"{key}.score"], abs=exact)
        assert scored.average == pytest.approx(published["average"], abs=exact)


def test_files_without_group_values_are_scored_from_their_subtasks(shared):
    import gzip

    path = next(shared("data/results/lm_eval_v2_tasks_local_full/meta-llama__Llama-3.1-8B-Instruct").iterdir())
    output = json.loads(gzip.decompress(path.read_bytes()))
    assert output["results"]["leaderboard_bbh"] == {" ": " ", "alias": "leaderboard_bbh"}
    scored = score(Result.read(output, str(path)), V2)
    assert scored.average == pytest.approx(23.718370976833437)
    assert not any(benchmark.missing for benchmark in scored.benchmarks.values())


def test_stale_groups_above_patched_subtasks_change_nothing(shared):
    """The files of 2025-02-13T18-27-04 hold regraded MATH subtasks under the groups of the grading before."""
    folder = "data/results/leaderboard_v2_excerpts/meta-llama__Llama-3.1-8B-Instruct"
    path = shared(f"{folder}/results_2025-02-06T09-49-35.437423.json")
    output = json.loads(path.read_text())
    for task in V2.benchmark("math").tasks:
        output["results"][task.name]["exact_match,none"] = 1.0
    patched = Result.read(output, "results/meta-llama/Llama-3.1-8B-Instruct/results_2025-02-13T18-27-04.338360.json")
    scored = score(patched, V2)
    assert output["groups"]["leaderboard_math_hard"]["exact_match,none"] < 0.2
    assert scored.benchmarks["math"].score == 100
    assert scored.scorer == "2025-02"
    assert scored.benchmarks["bbh"].score == score(read(path), V2).benchmarks["bbh"].score


def test_the_unpublished_arc_challenge_of_2024_does_not_count(shared):
    path = shared("data/results/leaderboard_v2_excerpts/01-ai__Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json")
    with_arc = read(path)
    assert "leaderboard_arc_challenge" in with_arc.tasks
    without = with_arc.model_copy(
        update={"tasks": {name: each for name, each in with_arc.tasks.items() if name != "leaderboard_arc_challenge"}}
    )
    assert score(with_arc, V2) == score(without, V2)


def test_co2_is_the_published_one(shared, row):
    path = shared("data/results/leaderboard_v2_excerpts/01-ai__Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json")
    assert co2_kg(read(path), V2) == pytest.approx(row(FEBRUARY, "01-ai/Yi-1.5-34B", "bfloat16")["co2_kg"], abs=1e-9)


def whole(share: float = 0.5) -> Result:
    """A run of every v2 task at one share of right answers."""
    tasks = {task.name: dict.fromkeys(each.metrics, share) for each in V2.benchmarks for task in each.tasks}
    return Result(model="org/name", tasks=tasks)


def without(result: Result, *names: str) -> Result:
    return result.model_copy(update={"tasks": {k: v for k, v in result.tasks.items() if k not in names}})


def test_the_rules_spelled_out():
    run = whole()
    for name, value in (("diamond", 0.9), ("extended", 0.2), ("main", 0.1)):
        run.tasks[f"leaderboard_gpqa_{name}"] = {"acc_norm": value}
    for name, value in (("murder_mysteries", 0.4), ("object_placements", 0.6), ("team_allocation", 2 / 3)):
        run.tasks[f"leaderboard_musr_{name}"] = {"acc_norm": value}
    run.tasks["leaderboard_ifeval"] = {"prompt_level_strict_acc": 0.2, "inst_level_strict_acc": 0.4}
    found = score(run, V2).benchmarks
    # pooled by items, below chance only after pooling
    assert found["gpqa"].raw == pytest.approx((198 * 0.9 + 546 * 0.2 + 448 * 0.1) / 1192)
    assert found["gpqa"].score == pytest.approx(100 * (found["gpqa"].raw - 0.25) / 0.75)
    # each task clipped at its own chance before the plain mean: murder mysteries are below theirs
    assert found["musr"].raw == pytest.approx((0.4 + 0.6 + 2 / 3) / 3)
    assert found["musr"].score == pytest.approx((0 + 50 + 50) / 3)
    assert found["ifeval"].score == pytest.approx(30)
    assert found["mmlu_pro"].score == pytest.approx(100 * 0.4 / 0.9)


@pytest.mark.parametrize(
    ("raw", "chance", "expected"), [(0.25, 0.25, 0), (0.1, 0.25, 0), (1, 0.25, 100), (0.625, 0.25, 50)]
)
def test_guessing_is_zero_and_worse_is_no_less(raw, chance, expected):
    assert normalised(raw, chance) == expected


def test_a_missing_subtask_leaves_benchmark_and_average_unknown_and_is_named():
    scored = score(without(whole(), "leaderboard_bbh_snarks"), V2)
    assert scored.benchmarks["bbh"].missing == ("leaderboard_bbh_snarks",)
    assert (scored.benchmarks["bbh"].raw, scored.benchmarks["bbh"].score, scored.average) == (None, None, None)
    assert scored.benchmarks["musr"].score is not None


def test_an_answer_the_harness_could_not_grade_is_missing_not_zero():
    run = Result.read(
        {"model_name": "org/name", "results": {"leaderboard_mmlu_pro": {"acc,none": "N/A", "acc_stderr,none": "N/A"}}}
    )
    subtask = score(run, V2).benchmarks["mmlu_pro"].subtasks[0]
    assert (subtask.raw, subtask.problem) == (None, "no acc")


def test_part_of_the_items_is_no_score():
    run = whole().model_copy(update={"samples": {"leaderboard_mmlu_pro": 100}})
    scored = score(run, V2)
    assert scored.benchmarks["mmlu_pro"].subtasks[0].problem == "only 100 of 12,032 items"
    assert scored.average is None


def test_another_number_of_examples_is_another_benchmark():
    run = whole().model_copy(update={"shots": {"leaderboard_mmlu_pro": 0}})
    scored = score(run, V2)
    assert scored.benchmarks["mmlu_pro"].subtasks[0].problem == "0 examples, not 5"
    assert scored.average is None


def test_a_value_that_is_no_share_is_refused():
    run = whole()
    run.tasks["leaderboard_mmlu_pro"] = {"acc": 41.2}
    assert score(run, V2).benchmarks["mmlu_pro"].subtasks[0].problem == "41.2 cannot be"


@pytest.mark.parametrize(
    ("date", "versions", "expected"),
    [
        ("2024-06-20", {}, "2024-06"),
        ("2025-01-10", {}, "2024-10"),
        ("2025-03-01", {}, "2025-02"),
        ("2026-01-01", {"leaderboard_math_algebra_hard": 2.0}, "2024-10"),  # an old harness run late
        (None, {}, None),
        (None, {"leaderboard_math_algebra_hard": 3.0}, "2025-02"),
    ],
)
def test_the_scorer_is_told_by_the_task_version_before_the_date(date, versions, expected):
    run = Result(model="org/name", tasks={}, versions=versions, date=f"{date}T00:00:00Z" if date else None)
    assert scorer_of(run, V2) == expected


def test_energy_measured_with_a_run_wins_over_the_boards_reckoning():
    measured = whole().model_copy(
        update={"settings": {"energy": {"co2_kg": 0.5}, "total_evaluation_time_seconds": "9999"}}
    )
    assert co2_kg(measured, V2) == 0.5
    assert co2_kg(whole(), V2) is None


def test_lower_is_better_is_averaged_as_it_is():
    suite = suites.parse(
        {
            "name": "speech",
            "title": "Speech",
            "benchmark": [
                {"key": key, "title": key, "higher_is_better": False, "metrics": ["wer"], "bounds": [0, 1000],
                 "tasks": [{"name": key}]}
                for key in ("ami", "gigaspeech")
            ],
        }
    )  # fmt: skip
    run = Result(model="org/asr", tasks={"ami": {"wer": 0.16}, "gigaspeech": {"wer": 0.1}})
    assert score(run, suite).average == pytest.approx(13)


def test_a_win_rate_needs_the_other_rows():
    suite = replace(V2, aggregation="win_rate")
    assert score(whole(), suite).average is None
