"""Shares of a suite: dealt out, run by Ray, joined to what one process gives."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from evaluator.shares import CannotJoin, Share, ShareLost, Stopped, gpus_for, join, join_configs, run, split
from tests.evaluator.made_items import V2, make
from tests.evaluator.tiny import make_llama

TASKS = [
    "leaderboard_bbh_snarks",
    "leaderboard_musr_murder_mysteries",
    "leaderboard_gpqa_diamond",
    "leaderboard_gpqa_main",
]
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is optional: pip install -r evaluator/requirements-ray.txt"
)


def test_tasks_are_dealt_out_by_weight_and_tasks_about_the_same_documents_stay_together() -> None:
    shares = split("org/m", TASKS, 2, gpus=1, weights={"leaderboard_bbh_snarks": 9.0})
    assert shares == [
        Share("org/m", ("leaderboard_bbh_snarks",), 1),
        Share("org/m", ("leaderboard_musr_murder_mysteries", "leaderboard_gpqa_diamond", "leaderboard_gpqa_main"), 1),
    ]


def test_no_share_is_empty() -> None:
    assert len(split("org/m", TASKS, 10)) == 3


def make_result(task: str, **config: Any) -> dict[str, Any]:
    engine = {"scoring": "packed", "generation": None, "dtype": "bfloat16", "verification": make_check(1e-6)}
    return {
        "results": {task: {"acc": 0.5}},
        "configs": {task: {}},
        "config": {"model": "m", "engine": engine, **config},
        "date": 2.0,
    }


def make_check(difference: float) -> dict[str, Any]:
    return {
        "documents": 2, "requests": 8, "largest_difference": difference, "greedy_changed": 0, "texts_changed": 0,
    }  # fmt: skip


def test_joined_shares_read_as_one_run() -> None:
    whole = join(["b", "a"], [make_result("a"), make_result("b")])
    assert list(whole["results"]) == ["b", "a"]
    assert whole["config"]["engine"]["verification"] == {**make_check(1e-6), "documents": 4, "requests": 16}


def test_what_each_share_found_out_is_told_of_the_whole() -> None:
    chose = {"scoring": "packed", "scoring_difference": 1e-6, "generation": None, "pack_tokens": 1024}
    wrote = {"scoring": None, "scoring_difference": None, "generation": "rolling", "pack_tokens": None}
    more = {"scoring": "packed", "scoring_difference": 2e-6, "generation": None, "pack_tokens": 512}
    whole = join_configs([{"engine": engine, "sandbox": "none"} for engine in (wrote, chose, more)])
    assert whole["engine"] == {
        "scoring": "packed", "scoring_difference": 2e-6, "generation": "rolling", "pack_tokens": 512,
    }  # fmt: skip


@pytest.mark.parametrize(
    "results",
    [
        [make_result("a")],
        [make_result("a"), make_result("b"), make_result("b")],
        [make_result("a"), make_result("b", model="other")],
        [make_result("a"), make_result("b", engine={"dtype": "float16"})],
    ],
    ids=["one is missing", "one came twice", "other arguments", "another engine"],
)
def test_shares_that_do_not_fit_are_refused(results: list[dict[str, Any]]) -> None:
    with pytest.raises(CannotJoin):
        join(["a", "b"], results)


def test_a_model_is_spread_over_as_many_gpus_as_it_needs() -> None:
    assert [gpus_for(size * 10**9, 80 * 10**9) for size in (10, 72, 73, 160)] == [1, 1, 2, 3]


class Evaluate:
    """Runs a share with the tiny model; the share of a victim's task kills its worker the first time."""

    def __init__(self, model: Path, data: Path, limit: int, victim: str | None) -> None:
        self.model, self.data, self.limit, self.victim = model, data, limit, victim

    def __call__(self, share: Share) -> dict[str, Any]:
        from tests.evaluator.engine.run_suite import run as run_suite

        mark = self.model / "killed"
        if self.victim in share.tasks and not mark.exists():
            mark.write_text("once")
            os.kill(os.getpid(), signal.SIGKILL)
        return run_suite(str(self.model), self.data, None, list(share.tasks), self.limit)[0]


def split_run(data: Path, kill: bool, limit: int) -> tuple[bool, bool]:
    """(whether two workers' joined result is one process's, whether a worker was killed on the way)."""
    import ray

    model = make_llama(Path(tempfile.mkdtemp()))
    alone = Evaluate(model, data, limit, None)(Share("alone", tuple(TASKS)))
    evaluate = Evaluate(model, data, limit, TASKS[0] if kill else None)
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        found = [result for _, result in run(split("org/m", TASKS, 2), evaluate)]
    finally:
        ray.shutdown()
    joined = join(TASKS, found)
    return json.dumps(joined, sort_keys=True) == json.dumps(alone, sort_keys=True), (model / "killed").exists()


@needs_ray
@pytest.mark.torch
def test_two_workers_one_of_them_killed_give_the_result_of_one_process(tmp_path: Path) -> None:
    make(tmp_path, V2, most=4)
    assert split_run(tmp_path, kill=True, limit=3) == (True, True)


def wait(share: Share) -> None:
    time.sleep(120)


@needs_ray
def test_whoever_stops_does_not_wait_for_shares_under_way() -> None:
    import ray

    stop = threading.Event()
    threading.Timer(2.0, stop.set).start()
    ray.init(num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False, configure_logging=False)
    started = time.monotonic()
    try:
        with pytest.raises(Stopped):
            list(run([Share("org/m", ("a",))], wait, stop=stop))
    finally:
        ray.shutdown()
    assert time.monotonic() - started < 60


def fail(share: Share) -> None:
    raise ValueError(f"no {share.tasks[0]} here")


@needs_ray
def test_code_that_fails_is_told_and_not_run_again() -> None:
    import ray

    ray.init(num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        with pytest.raises(ShareLost, match="no a here"):
            list(run([Share("org/m", ("a",))], fail))
    finally:
        ray.shutdown()
