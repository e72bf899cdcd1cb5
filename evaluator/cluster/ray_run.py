"""`python -m evaluator run --ray [ADDRESS] [--split N]`: run the queue's requests as Ray tasks on GPUs of a cluster.

This process holds the claims and renews their leases; the work runs where Ray has free GPUs, in one task or split into
several (`evaluator.cluster.split_run`).
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluator.box import preflight
from evaluator.box.energy import list_gpus
from evaluator.box.preflight import Box, spread
from evaluator.cluster.ray_tasks import (
    Capacity,
    ClusterUnreachableError,
    Shard,
    ShardFailedError,
    ShardLostError,
    StoppedError,
    capacity,
    run,
)
from evaluator.cluster.split_run import run_in_parts
from evaluator.job import RunFailure, benchmarks_of
from evaluator.run import box_trial, engine_status, evaluate
from evaluator.run.engine_status import EngineStatus
from evaluator.run.evaluate import Notice, Outcome
from evaluator.settings import RunSettings
from evaluator.terminal import Lines, SharedLines, stop_on_signals
from evaluator.worker import Worker, open_board
from src.core.errors import BoardError
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import Store
from src.core.store.group_commit import GroupCommitStore
from src.core.suites import Suite

HERE = "here"  # `--ray` without an address: the cluster this machine belongs to, else this machine


def run_on_ray(args: argparse.Namespace, settings: RunSettings, suites: Sequence[Suite]) -> int:
    """Claim as many requests at once as the cluster has GPUs (else CPUs) and evaluate each as Ray tasks."""
    address = None if args.ray == HERE else args.ray
    cluster = capacity(address)
    box = box_of(cluster, args.box)
    count = max(1, cluster.gpus or cluster.nodes)
    print(f"{box.name}: {count} run(s) at once on {cluster.nodes} machine(s) with {cluster.gpus} GPU(s)", flush=True)
    print(engine_there(settings, min(1, cluster.gpus), address), flush=True)
    # one queue for all workers: they share commits and never claim the same request
    store = GroupCommitStore(open_board(args.store))
    queue = Queue(store)
    evaluate_on_ray = RayEvaluate(args.store, box, address, parts=args.split)
    notice = SharedLines(Lines())
    workers = [
        Worker(store, suites, box, settings, notice=notice, evaluate=evaluate_on_ray, queue=queue) for _ in range(count)
    ]
    stop_on_signals([worker.stop for worker in workers])  # after Ray, which installs its own signal handlers
    try:
        ended = work_together(workers, args.most, wait=None if args.drain else 60.0)
    except KeyboardInterrupt:
        return 130
    print(f"{ended} request(s) ended", flush=True)
    return 0


def work_together(workers: Sequence[Worker], most: int | None = None, wait: float | None = 60.0) -> int:
    """Run every worker in a thread of its own; return how many requests ended, at most `most` in total.

    After all threads have ended, raise the first exception that a worker raised.
    """
    ended: list[int] = []
    problems: list[Exception] = []
    remaining = threading.Semaphore(most or 0)

    def work(worker: Worker) -> None:
        try:
            if most is None:
                ended.append(worker.run(wait=wait))
            while remaining.acquire(blocking=False) and worker.run(1, wait):
                ended.append(1)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(timeout=0.5)
    if problems:
        raise problems[0]
    return sum(ended)


@dataclass(frozen=True)
class RayEvaluate:
    """Runs `evaluate.evaluate` on a Ray cluster; to be passed to a Worker."""

    store: str  # as `open_store` takes it; every machine must be able to reach it
    box: Box
    address: str | None = None
    parts: int = 1

    def __call__(
        self,
        request: Request,
        suite: Suite,
        here: Store,
        settings: RunSettings,
        *,
        proof: Mapping[str, Any] | None = None,
        notice: Notice = lambda *_: None,
        stop: threading.Event | None = None,
    ) -> Outcome:
        """Evaluate and publish on the cluster; a shard whose worker is killed runs again."""
        gpus = self.box.gpus_for(request)
        settings = spread(settings, gpus)
        try:
            if self.parts > 1:
                return run_in_parts(
                    request, suite, here, settings, parts=self.parts, gpus=gpus, address=self.address,
                    proof=proof or {}, notice=notice, stop=stop,
                )  # fmt: skip
            tasks = tuple(task for _, tasks in benchmarks_of(suite, settings.wanted) for task in tasks)
            whole = Shard(request.model, tasks, gpus)
            work = EvaluateWhole(self.store, request, suite, settings, proof or {})
            ((_, outcome),) = run([whole], work, self.address, stop=stop)
            return outcome  # type: ignore[no-any-return]
        except StoppedError as error:
            return Outcome(failure=RunFailure("stopped", str(error)))
        except ClusterUnreachableError as error:
            return Outcome(failure=RunFailure("box", str(error)))
        except ShardLostError as error:
            return Outcome(failure=RunFailure("crashed", str(error)))
        except ShardFailedError as error:
            return Outcome(failure=RunFailure("unknown", str(error), str(error.__cause__)))


@dataclass(frozen=True)
class EvaluateWhole:
    """Evaluates and publishes a complete request, on the machine that Ray chooses."""

    store: str
    request: Request
    suite: Suite
    settings: RunSettings
    proof: Mapping[str, Any]

    def __call__(self, shard: Shard) -> Outcome:
        """Evaluate and publish the request."""
        store = open_board(self.store)
        settings = engine_status.apply(self.settings, engine_status.look(self.settings))
        try:
            settings = box_trial.require(settings, self.suite)
        except BoardError as error:
            return Outcome(failure=RunFailure("box", str(error)))
        return evaluate.evaluate(self.request, self.suite, store, settings, proof=self.proof)


@dataclass(frozen=True)
class LookAtEngine:
    """Runs the engine's self-test or reads its stored outcome, on the machine that Ray chooses."""

    settings: RunSettings

    def __call__(self, shard: Shard) -> EngineStatus | None:
        """Return the engine's status on this machine."""
        return engine_status.look(self.settings)


def engine_there(settings: RunSettings, gpus: int, address: str | None) -> str:
    """Return a sentence on whether the engine works on one machine of the cluster; each run checks its own machine."""
    try:
        ((_, status),) = run([Shard("engine", ("self-test",), gpus)], LookAtEngine(settings), address)
    except (ShardLostError, ShardFailedError) as error:
        return EngineStatus(reason=f"{error} {error.__cause__ or ''}".strip()).sentence()
    return status.sentence() if status else f"engine: none, the backend is {settings.backend}"


def box_of(cluster: Capacity, name: str | None = None, cards: Sequence[Any] | None = None) -> Box:
    """Describe a cluster as one box: a model must fit on the GPUs of one machine. `cards`: GPUs of this machine."""
    cards = list_gpus() if cards is None else cards
    if not cluster.gpus:
        return preflight.describe_box(name, [])
    seen = cards or [Unseen()]
    return preflight.describe_box(name, [min(seen, key=lambda card: card.memory_bytes)] * cluster.gpus_of_one)


@dataclass(frozen=True)
class Unseen:
    """A GPU of a cluster whose head node has no GPU."""

    name: str = "GPU"
    memory_bytes: int = 80 * 10**9
