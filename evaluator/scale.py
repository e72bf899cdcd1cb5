"""`python -m evaluator run --ray [ADDRESS] [--split N]`: the queue's claims become Ray tasks with the GPUs they need.

A claim stays with this process, which renews its lease; the work goes wherever Ray finds the GPUs, in one piece or in
parts (`evaluator.parts`).
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluator import evaluation, preflight
from evaluator.energy import list_gpus
from evaluator.evaluation import Notice, Outcome, Settings
from evaluator.job import Failure, benchmarks_of
from evaluator.parts import run_in_parts
from evaluator.preflight import Box, spread
from evaluator.shares import Capacity, OutOfReach, Share, ShareFailed, ShareLost, Stopped, capacity, run
from evaluator.terminal import Lines, OneVoice, stop_on_signals
from evaluator.worker import Worker, open_board
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import Store
from src.core.store.grouped import Grouped
from src.core.suites import Suite

HERE = "here"  # what `--ray` alone means: the cluster this machine belongs to, else this machine


def run_on_ray(args: argparse.Namespace, settings: Settings, suites: Sequence[Suite]) -> int:
    """Claim as many requests at once as the cluster has GPUs (else CPUs) and evaluate each as Ray tasks."""
    address = None if args.ray == HERE else args.ray
    cluster = capacity(address)
    box = box_of(cluster, args.box)
    slots = max(1, cluster.gpus or cluster.nodes)
    print(f"{box.name}: {slots} run(s) at once on {cluster.nodes} machine(s) with {cluster.gpus} GPU(s)", flush=True)
    # one queue for all: they share commits, and never want the same request
    store = Grouped(open_board(args.store))
    queue = Queue(store)
    far = Far(args.store, box, address, parts=args.split)
    notice = OneVoice(Lines())
    workers = [Worker(store, suites, box, settings, notice=notice, evaluate=far, queue=queue) for _ in range(slots)]
    stop_on_signals([worker.stop for worker in workers])  # Ray has set its own as it was reached
    try:
        ended = work_together(workers, args.most, wait=None if args.drain else 60.0)
    except KeyboardInterrupt:
        return 130
    print(f"{ended} request(s) ended", flush=True)
    return 0


def work_together(workers: Sequence[Worker], most: int | None = None, wait: float | None = 60.0) -> int:
    """Let every worker work in a thread of its own; returns how many requests ended, at most `most` in all.

    Raises what the first of them raised, once all have ended.
    """
    ended: list[int] = []
    problems: list[Exception] = []
    left = threading.Semaphore(most or 0)

    def work(worker: Worker) -> None:
        try:
            if most is None:
                ended.append(worker.run(wait=wait))
            while left.acquire(blocking=False) and worker.run(1, wait):
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
class Far:
    """`evaluation.evaluate`, elsewhere: to be given to a Worker."""

    store: str  # as `open_store` takes it; every machine must reach it
    box: Box
    address: str | None = None
    parts: int = 1

    def __call__(
        self,
        request: Request,
        suite: Suite,
        here: Store,
        settings: Settings,
        *,
        proof: Mapping[str, Any] | None = None,
        notice: Notice = lambda *_: None,
        stop: threading.Event | None = None,
    ) -> Outcome:
        """Evaluate and publish on the cluster; a part whose worker is killed is run again."""
        gpus = self.box.gpus_for(request)
        settings = spread(settings, gpus)
        try:
            if self.parts > 1:
                return run_in_parts(
                    request, suite, here, settings, parts=self.parts, gpus=gpus, address=self.address,
                    proof=proof or {}, notice=notice, stop=stop,
                )  # fmt: skip
            tasks = tuple(task for _, tasks in benchmarks_of(suite, settings.wanted) for task in tasks)
            whole = Share(request.model, tasks, gpus)
            work = Whole(self.store, request, suite, settings, proof or {})
            ((_, outcome),) = run([whole], work, self.address, stop=stop)
            return outcome  # type: ignore[no-any-return]
        except Stopped as error:
            return Outcome(failure=Failure("stopped", str(error)))
        except OutOfReach as error:
            return Outcome(failure=Failure("box", str(error)))
        except ShareLost as error:
            return Outcome(failure=Failure("crashed", str(error)))
        except ShareFailed as error:
            return Outcome(failure=Failure("unknown", str(error), str(error.__cause__)))


@dataclass(frozen=True)
class Whole:
    """Evaluates and publishes a request, on whatever machine Ray calls it."""

    store: str
    request: Request
    suite: Suite
    settings: Settings
    proof: Mapping[str, Any]

    def __call__(self, share: Share) -> Outcome:
        store = open_board(self.store)
        return evaluation.evaluate(self.request, self.suite, store, self.settings, proof=self.proof)


def box_of(cluster: Capacity, name: str | None = None, cards: Sequence[Any] | None = None) -> Box:
    """A cluster as one box: a model must fit the GPUs of one machine. `cards`: those that this process sees."""
    cards = list_gpus() if cards is None else cards
    if not cluster.gpus:
        return preflight.describe_box(name, [])
    seen = cards or [Unseen()]
    return preflight.describe_box(name, [min(seen, key=lambda card: card.memory_bytes)] * cluster.gpus_of_one)


@dataclass(frozen=True)
class Unseen:
    """A GPU of a cluster whose head has none."""

    name: str = "GPU"
    memory_bytes: int = 80 * 10**9
