"""The real harness in its child process, with lm-eval's dummy model."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator.job import CHECKPOINTS, RunFailure, plan_job, samples_path
from evaluator.run import sandbox
from evaluator.run.evaluate import evaluate
from evaluator.settings import ChildLimits, RunSettings
from src import __version__
from src.core.records import Request, Result
from src.core.scoring import score
from src.core.store import LocalStore
from src.core.suites import load
from tests.evaluator.conftest import SHA, WholeRun
from tests.evaluator.made_items import V1, make


def a_job(*wanted: str, suite: str = "open-llm-v2", limit: int | None = None) -> Any:
    return plan_job(
        Request(model="org/dummy", revision=SHA), load(suite), Path("/none"), wanted, backend="dummy", limit=limit
    )


def run_here(run: Path, workspace: Path, job: Any, **more: Any) -> tuple[RunFailure | None, list[dict[str, Any]]]:
    run.mkdir(exist_ok=True)
    job.write(run / "job.json")
    events: list[dict[str, Any]] = []
    heard = more.pop("heard", lambda event: None)

    def listen(event: Any) -> None:
        events.append(dict(event))
        heard(event)

    return sandbox.run_child(run, workspace / "benchmarks", ChildLimits(seconds=120), on_event=listen, **more), events


def test_a_whole_run_reads_back_to_the_average_of_its_own_samples(whole_run: WholeRun) -> None:
    assert whole_run.outcome.failure is None
    assert whole_run.outcome.result is not None

    result = Result.read(whole_run.store.read(whole_run.outcome.result))
    scored = score(result, whole_run.suite)
    assert scored.average is not None
    assert all(benchmark.score is not None for benchmark in scored.benchmarks.values())
    assert scored.scorer == load().scorer
    assert (result.model, result.revision, result.precision) == ("org/whole", SHA, "bfloat16")
    assert result.settings["evaluator_version"] == __version__

    # the second route: every benchmark from the sample lines alone, by the definitions of the board
    def items(task: str, metric: str) -> list[Any]:
        return [json.loads(line)[metric] for line in samples_path(whole_run.run, task).open()]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    def over_chance(raw: float, options: int) -> float:
        return 100 * max(0.0, (raw - 1 / options) / (1 - 1 / options))

    followed = [each for one in items("leaderboard_ifeval", "inst_level_strict_acc") for each in one]
    gpqa = [x for part in ("diamond", "extended", "main") for x in items(f"leaderboard_gpqa_{part}", "acc_norm")]
    math = [x for task in load().benchmark("math").tasks for x in items(task.name, "exact_match")]
    by_hand = {
        "ifeval": 50 * (mean(items("leaderboard_ifeval", "prompt_level_strict_acc")) + mean(followed)),
        "bbh": mean(
            [
                over_chance(mean(items(task.name, "acc_norm")), round(1 / (task.chance or 1)))
                for task in load().benchmark("bbh").tasks
            ]
        ),
        "math": 100 * mean(math),
        "gpqa": over_chance(mean(gpqa), 4),
        "musr": mean(
            [
                over_chance(mean(items(f"leaderboard_musr_{name}", "acc_norm")), options)
                for name, options in (("murder_mysteries", 2), ("object_placements", 5), ("team_allocation", 3))
            ]
        ),
        "mmlu_pro": over_chance(mean(items("leaderboard_mmlu_pro", "acc")), 10),
    }
    assert {key: benchmark.score for key, benchmark in scored.benchmarks.items()} == pytest.approx(by_hand, abs=1e-9)
    assert scored.average == pytest.approx(mean(list(by_hand.values())), abs=1e-9)


def test_a_result_has_the_shape_of_the_real_ones(whole_run: WholeRun, shared: Callable[[str], Path]) -> None:
    ours = json.loads(whole_run.store.read(whole_run.outcome.result or ""))
    folder = shared("data/results/lm_eval_v2_tasks_local_full")
    for path in folder.glob("*/*.json.gz"):
        real = json.loads(gzip.decompress(path.read_bytes()))
        # left out on purpose: the description of the whole machine. The dummy model has no tokenizer to tell of
        machine = {"pretty_env_info", "tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token"}
        assert set(real) - set(ours) <= machine
        assert set(real["config"]) - set(ours["config"]) <= {"model_num_parameters", "model_dtype"}
        for block in ("results", "n-samples", "n-shot", "versions", "configs", "higher_is_better", "task_hashes"):
            assert {task for task in real[block] if task.startswith("leaderboard_")} <= set(ours[block]), block
        for group, tasks in real["group_subtasks"].items():
            if tasks:
                assert sorted(ours["group_subtasks"][group]) == sorted(tasks)
        for task, metrics in real["results"].items():
            if task.startswith("leaderboard_") and " " not in metrics:
                assert set(metrics) <= set(ours["results"][task])
        for task, shots in real["n-shot"].items():
            if task in ours["n-shot"] and task in ours["task_hashes"]:
                assert ours["n-shot"][task] == shots, task


@pytest.mark.torch
@pytest.mark.slow
def test_the_first_board_runs_too(tmp_path: Path) -> None:
    wanted = ("arc", "hellaswag", "mmlu_anatomy", "truthfulqa", "winogrande", "gsm8k")
    workspace, store, suite = tmp_path / "workspace", LocalStore(tmp_path / "board"), load("open-llm-v1")
    make(workspace / "benchmarks", V1, most=4)
    request = Request(model="org/dummy", revision=SHA, suite=suite.name, suite_version=suite.version)
    outcome = evaluate(request, suite, store, RunSettings(workspace, backend="dummy", offline=True, wanted=wanted))
    assert outcome.failure is None
    assert outcome.result is not None
    result = Result.read(store.read(outcome.result))
    assert result.shots == {
        "arc_challenge": 25, "hellaswag": 10, "mmlu_anatomy": 5, "truthfulqa_mc2": 0, "winogrande": 5, "gsm8k": 5,
    }  # fmt: skip
    assert {"acc_norm", "acc"} <= set(result.tasks["arc_challenge"])
    assert "exact_match,strict-match" in result.tasks["gsm8k"]
    # four items are no evaluation: shown as such, never as a score
    assert score(result, suite).average is None


@pytest.mark.torch
@pytest.mark.slow
def test_a_killed_run_is_resumed(workspace: Path, tmp_path: Path) -> None:
    job, run, stop = a_job("musr", "bbh"), tmp_path / "run", threading.Event()

    def kill_at_fifth(event: Any) -> None:
        if event["event"] == "checkpoint" and len(list((run / CHECKPOINTS).glob("leaderboard*.json"))) >= 5:
            stop.set()

    failure, first = run_here(run, workspace, job, heard=kill_at_fifth, stop=stop)
    assert failure is not None
    assert failure.code == "stopped"
    done = [task for event in first if event["event"] == "checkpoint" for task in event["tasks"]]
    assert 5 <= len(done) < len(job.tasks)
    before = {task: samples_path(run, task).read_bytes() for task in done}

    failure, second = run_here(run, workspace, job)
    assert failure is None
    again = [task for event in second if event["event"] == "unit" for task in event["tasks"]]
    assert not set(done) & set(again)
    assert set(again) | {path.stem for path in (run / CHECKPOINTS).glob("leaderboard*.json")} == set(job.tasks)
    assert before == {task: samples_path(run, task).read_bytes() for task in done}


@pytest.mark.torch
@pytest.mark.slow
def test_gpqa_shuffles_its_options_the_same_way_in_every_run(workspace: Path, tmp_path: Path) -> None:
    orders = []
    for name, wanted in (("a", ("gpqa",)), ("b", ("musr", "gpqa", "bbh"))):
        failure, _ = run_here(tmp_path / name, workspace, a_job(*wanted))
        assert failure is None
        lines = [
            json.loads(line)
            for part in ("diamond", "extended", "main")
            for line in samples_path(tmp_path / name, f"leaderboard_gpqa_{part}").open()
        ]
        orders.append([line["doc_hash"] for line in lines])
        targets = {line["target"] for line in lines}
    assert orders[0] == orders[1]
    assert len(targets) > 1


def test_a_run_is_resumed_only_by_the_same_job() -> None:
    job = a_job("musr")
    same = plan_job(
        Request(model="org/dummy", revision=SHA), load(), Path("/elsewhere"), ("musr",), backend="dummy", batch_size=1
    )
    assert job.fingerprint() == same.fingerprint()
    assert job.fingerprint() != a_job("musr", limit=2).fingerprint()
    assert job.fingerprint() != a_job("bbh").fingerprint()
