"""A suite in parts, each in a harness of its own on whatever worker Ray picks, joined to the one result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evaluator.box.download import Weights, adopt, forget
from evaluator.box.energy import Energy
from evaluator.box.preflight import Box
from evaluator.box.tiny_model import make_llama
from evaluator.cluster import ray_run, split_run
from evaluator.cluster.ray_run import RayEvaluate, box_of, work_together
from evaluator.cluster.ray_tasks import (
    CannotJoinError,
    Capacity,
    ClusterUnreachableError,
    Shard,
    ShardFailedError,
    ShardLostError,
    StoppedError,
)
from evaluator.cluster.split_run import EvaluateShard, ShardResult, take
from evaluator.job import CHECKPOINTS, MODEL, RunFailure, checkpoint_name, samples_name
from evaluator.run import engine_status, sandbox
from evaluator.run.evaluate import Outcome, evaluate
from evaluator.settings import RunSettings
from evaluator.terminal import Lines, SharedLines
from evaluator.worker import Worker
from src.core.errors import BadInputError
from src.core.lifecycle import Status
from src.core.model.checks import ModelLimits
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore
from src.core.store.group_commit import GroupCommitStore
from src.core.suites import load
from tests.evaluator.cluster.local_ray import local_ray, needs_ray

REPOSITORY = Path(__file__).parents[3]
MURDER = "leaderboard_musr_murder_mysteries"
GPQA = ("leaderboard_gpqa_diamond", "leaderboard_gpqa_extended", "leaderboard_gpqa_main")
OF_THE_RUN = ("date", "start_time", "end_time", "total_evaluation_time_seconds", "energy", "proof")


def part(task: str, seconds: float = 60.0, **config: Any) -> ShardResult:
    about = {"config": {"model": "m", **config}, "load_seconds": 2.0, "chat_template": None}
    files = {checkpoint_name(task): task.encode(), MODEL: json.dumps(about).encode()}
    energy = Energy("measured (NVML, GPUs only)", kwh=0.25, co2_kg=0.1, seconds=seconds, hardware="1 × H100")
    return ShardResult(files, energy, node="n", weights=Weights(Path("weights")), facts={"sandbox": "none"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / CHECKPOINTS).mkdir(parents=True)
    return tmp_path


def test_parts_become_one_run_folder(folder: Path) -> None:
    take(folder, part("a", engine={"scoring": "packed", "generation": None}))
    take(folder, part("b", engine={"scoring": None, "generation": "rolling"}))
    assert {path.name: path.read_text() for path in (folder / CHECKPOINTS).iterdir()} == {"a.json": "a", "b.json": "b"}
    engine = json.loads((folder / MODEL).read_text())["config"]["engine"]
    assert engine == {"scoring": "packed", "generation": "rolling"}


def test_the_energy_of_the_parts_is_added_up(folder: Path) -> None:
    take(folder, part("a", seconds=60.0))
    take(folder, part("b", seconds=30.0))
    assert Energy.read(folder) == Energy("measured (NVML, GPUs only)", 0.5, 0.2, 90.0, "1 × H100")


def test_parts_that_were_run_differently_are_refused(folder: Path) -> None:
    take(folder, part("a", batch_size=8))
    with pytest.raises(CannotJoinError, match="model arguments"):
        take(folder, part("b", batch_size=4))


@pytest.mark.torch
@pytest.mark.slow
def test_a_part_reports_its_energy_and_keeps_its_run_folder_only_if_asked(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_run, "this_node", lambda: "n")
    request, shard = Request(model="org/part", revision="b" * 40), Shard("org/part", (MURDER,))
    before = set((workspace / "runs").glob("*"))
    for keep in (False, True):
        settings = RunSettings(workspace, backend="dummy", offline=True, limit=2, keep=keep)
        done = EvaluateShard(request, load(), settings)(shard)
        assert isinstance(done, ShardResult)
        assert set(done.files) == {MODEL, checkpoint_name(MURDER), samples_name(MURDER)}
        assert done.energy.kwh > 0
        assert len(set((workspace / "runs").glob("*")) - before) == int(keep)


@pytest.mark.torch
def test_weights_of_a_running_part_are_not_removed(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(model="org/held", precision="float32")
    request, weights = adopt(make_llama(tmp_path / "model"), request, workspace / "models", ModelLimits())

    run_child = sandbox.run_child

    def another_run_ends(*words: Any, **more: Any) -> RunFailure | None:
        if more.get("module") == "evaluator.child.asking":  # what the task files say is asked first
            return run_child(*words, **more)
        forget(weights)
        return RunFailure("crashed", f"weights there: {weights.folder.exists()}")

    monkeypatch.setattr(engine_status, "look", lambda _: None)  # the self-test has a child of its own
    monkeypatch.setattr(sandbox, "run_child", another_run_ends)
    outcome = EvaluateShard(request, load(), RunSettings(workspace, offline=True))(Shard("org/held", (MURDER,)))
    assert isinstance(outcome, Outcome)
    assert outcome.failure == RunFailure("crashed", "weights there: True")


@pytest.mark.slow
@pytest.mark.torch
def test_a_part_cannot_publish_a_gated_question_in_its_failure(workspace: Path, tmp_path: Path) -> None:
    model = make_llama(tmp_path / "model")
    settings_file = model / "tokenizer_config.json"
    shouts = {"chat_template": "{{ raise_exception('out of memory: ' + messages[-1].content) }}"}
    settings_file.write_text(json.dumps(json.loads(settings_file.read_text()) | shouts))
    request = Request(model="org/shouts", precision="float32", use_chat_template=True)
    request, _ = adopt(model, request, workspace / "models", ModelLimits())
    settings = RunSettings(workspace, offline=True, limit=2, device="cpu")
    outcome = EvaluateShard(request, load(), settings)(Shard("org/shouts", GPQA))
    assert isinstance(outcome, Outcome)
    assert "SECRET" not in f"{outcome.failure} {outcome.log}"
    assert "kept on the box" in f"{outcome.failure}"


@dataclass(frozen=True)
class Card:
    """A GPU of 24 GB."""

    name: str = "L4"
    memory_bytes: int = 24 * 10**9


def test_a_cluster_claims_what_the_gpus_of_one_machine_hold() -> None:
    cluster = Capacity(gpus=6, gpus_of_one=4, nodes=2)
    assert box_of(cluster, "b", [Card()] * 4) == Box("b", 86.4, ("L4",) * 4)
    assert box_of(cluster, "b", []) == Box("b", 288.0, ("GPU",) * 4)
    assert box_of(Capacity(gpus=0, gpus_of_one=0, nodes=2), "b", []).gpus == ()
    model = Request(model="a/b", params=32.0)
    assert not box_of(Capacity(1, 1, 1), "b", [Card()]).fits(model)
    assert box_of(cluster, "b", [Card()]).gpus_for(model) == 4


def here(shards: list[Shard], work: Any, *_: object, **__: object) -> Generator[tuple[Shard, Any]]:
    """What Ray does, without it."""
    for shard in shards:
        yield shard, work(shard)


@pytest.mark.torch
@pytest.mark.slow
def test_a_suite_of_one_benchmark_can_be_split_too(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_run, "run", here)
    monkeypatch.setattr(split_run, "this_node", lambda: "n")
    settings = RunSettings(workspace, backend="dummy", offline=True, limit=2, wanted=("ifeval",))
    far = RayEvaluate(str(tmp_path), Box("b", 1.0, ()), parts=2)
    outcome = far(Request(model="org/piece", revision="b" * 40), load(), LocalStore(tmp_path), settings)
    assert outcome.failure is None, outcome.failure


@pytest.mark.torch
@pytest.mark.slow
def test_a_part_that_fails_costs_only_itself(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []

    def here_twice(shards: list[Shard], work: Any, *_: object, **__: object) -> Generator[tuple[Shard, Any]]:
        for shard, done in here(shards, work):
            ran.append(shard.tasks)
            broken = len(ran) == 2
            yield shard, Outcome(failure=RunFailure("crashed", "once")) if broken else done

    monkeypatch.setattr(split_run, "run", here_twice)
    monkeypatch.setattr(split_run, "this_node", lambda: "n")
    settings = RunSettings(workspace, backend="dummy", offline=True, limit=2, wanted=("musr",), keep=True)
    request = Request(model="org/resumed", revision="b" * 40)
    far = RayEvaluate(str(tmp_path), Box("b", 1.0, ()), parts=2)
    first = far(request, load(), LocalStore(tmp_path), settings)
    assert first.failure == RunFailure("crashed", "once")
    assert far(request, load(), LocalStore(tmp_path), settings).result is not None
    assert sorted(task for shard in ran[2:] for task in shard) == sorted(ran[1])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClusterUnreachableError, "box"),
        (ShardLostError, "crashed"),
        (ShardFailedError, "unknown"),
        (StoppedError, "stopped"),
    ],
)
@pytest.mark.parametrize("many", [1, 2])
def test_only_an_unreachable_cluster_does_not_count_as_an_attempt(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception], code: str, many: int
) -> None:
    def broken(*_: object, **__: object) -> Generator[tuple[Shard, Any]]:
        raise error("so it is")
        yield

    monkeypatch.setattr(split_run if many > 1 else ray_run, "run", broken)
    settings = RunSettings(workspace, backend="dummy", offline=True, limit=2, wanted=("musr",))
    far = RayEvaluate(str(tmp_path), Box("b", 1.0, ()), parts=many)
    outcome = far(Request(model="org/broken", revision="b" * 40), load(), LocalStore(tmp_path), settings)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.message) == (code, "so it is")


def submit(queue: Queue, *models: str) -> list[str]:
    suite = load()
    fields = {"params": 1.0, "sender": "alice", "suite": suite.name, "suite_version": suite.version}
    return [queue.submit(Request(model=model, revision="b" * 40, **fields)).key for model in models]


@pytest.mark.parametrize(("most", "ended"), [(None, 3), (2, 2), (0, 0)])
def test_parallel_workers_end_at_most_the_given_number_of_requests(
    workspace: Path, tmp_path: Path, most: int | None, ended: int
) -> None:
    queue = Queue(GroupCommitStore(LocalStore(tmp_path)))
    submit(queue, "org/a", "org/b", "org/c")
    settings = RunSettings(workspace, backend="dummy", offline=True, wanted=("musr",))
    output: list[str] = []

    def evaluate(*_: object, **__: object) -> Outcome:
        return Outcome("results/x.json")

    workers = [
        Worker(queue.store, [load()], Box(f"b{i}", 9.0, ()), settings, evaluate=evaluate, queue=queue,
               notice=SharedLines(Lines(output.append)))
        for i in range(3)
    ]  # fmt: skip
    assert work_together(workers, most, wait=None) == ended
    assert len(queue.snapshot().finished) == ended
    assert sum("claimed" in line for line in output) == sum("finished" in line for line in output) == ended


def test_an_exception_of_a_worker_is_raised_after_all_have_ended(workspace: Path, tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, backend="dummy", offline=True, wanted=("musr",))
    workers = [Worker(LocalStore(tmp_path), [load()], Box("b", 9.0, ()), settings) for _ in range(2)]
    with pytest.raises(BadInputError, match="not ready"):
        work_together(workers, wait=None)


def test_only_one_worker_reports_that_there_is_nothing_to_do() -> None:
    output: list[str] = []
    at = [0.0]
    voice = SharedLines(Lines(output.append), lambda: at[0])
    for at[0] in (1.0, 2.0, 61.0, 62.0):
        voice("idle", {"seconds": 60.0, "waiting": {}})
    voice("store", {"problem": "away"})
    assert [line.split(" ", 2)[2].partition(";")[0] for line in output] == [
        "no request to run", "no request to run", "the store does not answer: away",
    ]  # fmt: skip


@pytest.mark.torch
@pytest.mark.slow
@needs_ray
@pytest.mark.timeout(180)
def test_ending_the_service_releases_every_request(workspace: Path, tmp_path: Path) -> None:
    queue = Queue(LocalStore(tmp_path / "board"))
    (key,) = submit(queue, "org/endless")
    flags = ["--store", str(tmp_path / "board"), "--workspace", str(workspace), "--backend", "dummy", "--offline"]
    command = [sys.executable, "-m", "evaluator", "run", *flags, "--ray", "local", "--box", "b"]
    quiet = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    box = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=quiet)
    assert box.stdout is not None
    output = ""
    for line in box.stdout:
        output += line
        if "claimed" in line:
            box.send_signal(signal.SIGTERM)
            break
    output += box.stdout.read()
    assert box.wait(timeout=300) == 0, output
    standing = queue.snapshot()[key]
    assert (standing.status, standing.attempts, standing.failure) == (Status.PENDING, 0, None), output
    assert "returns to the queue" in output


@pytest.mark.slow
@needs_ray
@pytest.mark.torch
@pytest.mark.timeout(300)
def test_a_suite_in_two_parts_publishes_what_one_process_does(workspace: Path, tmp_path: Path) -> None:
    suite = load()
    settings = RunSettings(workspace, offline=True, wanted=("musr", "ifeval"), device="cpu", limit=2)
    request = Request(model="org/tiny", precision="float32", suite=suite.name, suite_version=suite.version)
    model = make_llama(tmp_path / "llama")
    found = []
    for name in ("alone", "parts"):
        request, weights = adopt(model, request, workspace / "models", ModelLimits())
        runs = set((workspace / "runs").glob("*"))
        store = LocalStore(tmp_path / name)
        run = evaluate if name == "alone" else RayEvaluate(str(tmp_path / name), Box("b", 1.0, ()), parts=2)
        with local_ray(2) if name == "parts" else nullcontext():
            outcome = run(request, suite, store, settings)
        assert outcome.failure is None, outcome.failure
        assert set((workspace / "runs").glob("*")) == runs
        assert not weights.folder.exists()
        result = json.loads(store.read(str(outcome.result)))
        assert result["energy"]["kwh"] > 0
        found.append({key: value for key, value in result.items() if key not in OF_THE_RUN})
    assert found[0] == found[1]
    assert found[1]["config"]["engine"]["scoring"] == "packed"
    assert found[1]["config"]["engine"]["generation"] == "rolling"
