"""Shares of a suite: dealt out, run by Ray, joined to what one process gives."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evaluator.cluster.ray_tasks import (
    CannotJoinError,
    ClusterUnreachableError,
    Shard,
    ShardFailedError,
    ShardLostError,
    StoppedError,
    capacity,
    join,
    join_configs,
    run,
    split,
)  # fmt: skip
from tests.evaluator.cluster.local_ray import local_ray, needs_ray

TASKS = [
    "leaderboard_bbh_snarks",
    "leaderboard_musr_murder_mysteries",
    "leaderboard_gpqa_diamond",
    "leaderboard_gpqa_main",
]
TOGETHER = {"leaderboard_gpqa_diamond": "gpqa", "leaderboard_gpqa_main": "gpqa"}


def test_tasks_are_dealt_out_by_weight_and_tasks_about_the_same_documents_stay_together() -> None:
    shards = split("org/m", TASKS, 2, gpus=1, weights={"leaderboard_bbh_snarks": 9.0}, together=TOGETHER)
    assert shards == [
        Shard("org/m", ("leaderboard_bbh_snarks",), 1),
        Shard("org/m", ("leaderboard_musr_murder_mysteries", "leaderboard_gpqa_diamond", "leaderboard_gpqa_main"), 1),
    ]


def test_no_shard_is_empty() -> None:
    assert len(split("org/m", TASKS, 10, together=TOGETHER)) == 3


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


def test_joined_shards_read_as_one_run() -> None:
    whole = join(["b", "a"], [make_result("a"), make_result("b")])
    assert list(whole["results"]) == ["b", "a"]
    assert whole["config"]["engine"]["verification"] == {**make_check(1e-6), "documents": 4, "requests": 16}


def test_the_joined_report_contains_what_each_shard_reported() -> None:
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
def test_shards_with_different_settings_are_refused(results: list[dict[str, Any]]) -> None:
    with pytest.raises(CannotJoinError):
        join(["a", "b"], results)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    with local_ray(2):
        yield


def killed_once(marks: Path) -> Callable[[Shard], int]:
    """How many tasks a share has; the worker of the first share is killed before it can tell."""

    def evaluate(shard: Shard) -> int:
        mark = marks / "killed"
        if TASKS[0] in shard.tasks and not mark.exists():
            mark.write_text("once")
            os.kill(os.getpid(), signal.SIGKILL)
        return len(shard.tasks)

    return evaluate


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("two_workers")
def test_the_shard_of_a_killed_worker_runs_again(tmp_path: Path) -> None:
    done = list(run(split("org/m", TASKS, 2), killed_once(tmp_path)))
    assert (tmp_path / "killed").exists()
    assert sorted(task for shard, _ in done for task in shard.tasks) == sorted(TASKS)
    assert all(count == len(shard.tasks) for shard, count in done)


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("two_workers")
def test_a_shard_that_kills_every_worker_is_lost() -> None:
    with pytest.raises(ShardLostError, match="org/m: a"):
        list(run([Shard("org/m", ("a",))], lambda _: os.kill(os.getpid(), signal.SIGKILL), retries=0))


def wait(shard: Shard) -> None:
    time.sleep(600)


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("two_workers")
def test_stopping_does_not_wait_for_running_shards() -> None:
    stop = threading.Event()
    threading.Timer(2.0, stop.set).start()
    with pytest.raises(StoppedError):
        list(run([Shard("org/m", ("a",))], wait, stop=stop))  # the shard would take ten minutes


def fail(shard: Shard) -> None:
    raise ValueError(f"no {shard.tasks[0]} here")


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("two_workers")
def test_an_exception_is_reported_and_not_retried() -> None:
    with pytest.raises(ShardFailedError, match="no a here"):
        list(run([Shard("org/m", ("a",))], fail))


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("two_workers")
def test_running_shards_are_cancelled_when_the_caller_stops_iterating(tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    def evaluate(shard: Shard) -> None:
        if shard.tasks == ("long",):
            mark.write_text(str(os.getpid()))
            time.sleep(120)
        while not mark.exists():
            time.sleep(0.05)

    shards = [Shard("org/m", ("short",)), Shard("org/m", ("long",))]
    with closing(run(shards, evaluate)) as ended:
        assert next(ended)[0] == shards[0]
    process = Path("/proc", mark.read_text())
    until = time.monotonic() + 120
    while process.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not process.exists()


@needs_ray
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ClusterUnreachableError, match=f"cluster at {address} cannot be reached: .*refused"):
            capacity(address)
