"""`python -m evaluator run --ray [ADDRESS] [--split N]`: the queue's claims become Ray tasks with the GPUs they need.

A claim stays with this process, which renews its lease; the work goes wherever Ray finds the GPUs. A large suite may be
split: every part runs its tasks with a run folder of its own, and what the parts checkpointed is put into one folder,
from which the harness makes the one result it would have made alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluator import evaluation, plan, preflight, sandbox
from evaluator.evaluation import Notice, Outcome, Settings
from evaluator.job import CHECKPOINTS, MODEL, Failure, plan_job
from evaluator.preflight import Box
from evaluator.shares import (
    CannotJoin,
    Capacity,
    Share,
    ShareLost,
    Stopped,
    capacity,
    gpus_for,
    join_configs,
    run,
    split,
)  # fmt: skip
from evaluator.worker import Worker, open_board
from src.core.errors import BadInput, BoardError
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import Store, open_store
from src.core.store.grouped import Grouped
from src.core.suites import Suite

log = logging.getLogger(__name__)
HERE = "here"  # what `--ray` alone means: the cluster this machine belongs to, else this machine
GPU_BYTES = 80 * 10**9  # of one GPU, where this process sees none itself
Files = dict[str, bytes]  # path in a run folder → content


def run_on_ray(args: argparse.Namespace, settings: Settings, suites: Sequence[Suite]) -> int:
    """Claim as many requests at once as the cluster has GPUs (else CPUs) and evaluate each as Ray tasks."""
    address = None if args.ray == HERE else args.ray
    cluster = capacity(address)
    box = _box(args.box, cluster)
    far = Far(args.store, settings, address, parts=args.split, with_gpus=cluster.gpus > 0)
    slots = max(1, int(cluster.gpus or cluster.nodes))
    # one queue for all: they share commits, and never want the same request
    store = Grouped(open_board(args.store))
    queue = Queue(store)
    workers = [Worker(store, suites, box, settings, evaluate=far, queue=queue) for _ in range(slots)]
    ended: list[int] = []
    problems: list[BoardError] = []

    def work(worker: Worker) -> None:
        try:
            ended.append(worker.run(args.most, wait=None if args.drain else 60.0))
        except BoardError as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        _await(threads)
    except KeyboardInterrupt:
        print("stopping: the requests go back into the queue", flush=True)
        for worker in workers:
            worker.stop.set()
        _await(threads)
    print(f"{sum(ended)} request(s) ended", flush=True)
    if problems:
        raise problems[0]
    return 0


def _await(threads: Sequence[threading.Thread]) -> None:
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(timeout=0.5)


@dataclass(frozen=True)
class Far:
    """`evaluation.evaluate`, elsewhere: to be given to a Worker."""

    store: str  # as `open_store` takes it; every machine must reach it
    settings: Settings
    address: str | None = None
    parts: int = 1
    with_gpus: bool = False

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
        gpus = self._gpus(request)
        if gpus > 1:
            settings = replace(settings, backend_args=sharded(settings.backend, gpus) | settings.backend_args)
        try:
            found: dict[Share, Files] = {}
            if self.parts > 1:
                shares = split_job(request, suite, settings, self.parts, gpus)
                for share, (files, failure) in run(shares, Part(request, suite, settings), self.address, stop=stop):
                    if failure is not None:
                        return Outcome(failure=failure)
                    found[share] = files
                    notice("checkpoint", {"tasks": list(share.tasks)})
                found = {share: found[share] for share in shares}
            whole = Share(request.model, tuple(_tasks(suite, settings)), 0 if found else gpus)
            finish = Finish(self.store, request, suite, settings, together(list(found.values())), dict(proof or {}))
            ((_, outcome),) = run([whole], finish, self.address, stop=stop)
            return outcome  # type: ignore[no-any-return]
        except Stopped as error:
            return Outcome(failure=Failure("stopped", str(error)))
        except ShareLost as error:
            return Outcome(failure=Failure("box", str(error)))
        except CannotJoin as error:
            return Outcome(failure=Failure("harness", str(error)))

    def _gpus(self, request: Request) -> int:
        if not self.with_gpus:
            return 0
        return gpus_for(int(preflight.needed_gb(request.params or 1.0, request.precision) * 1e9), GPU_BYTES)


def sharded(backend: str, gpus: int) -> dict[str, Any]:
    """The arguments with which a backend spreads one model over several GPUs."""
    return {"tensor_parallel_size": gpus} if backend == "vllm" else {"parallelize": True}


def split_job(request: Request, suite: Suite, settings: Settings, parts: int, gpus: float = 0) -> list[Share]:
    """A request's tasks in `parts` shares of like work."""
    weights = plan.weigh(plan.items_of(suite))
    return split(request.model, _tasks(suite, settings), parts, gpus=gpus, weights=weights)


@dataclass(frozen=True)
class Part:
    """Runs a share's tasks to their checkpoints, on whatever machine Ray calls it."""

    request: Request
    suite: Suite
    settings: Settings

    def __call__(self, share: Share) -> tuple[Files, Failure | None]:
        settings = replace(self.settings, wanted=share.tasks)
        try:
            punkt = evaluation.ready(self.suite, settings)
            folder, failure = prepare(self.request, self.suite, settings)
        except BadInput as error:
            return {}, Failure("box", str(error))
        failure = failure or sandbox.run_child(folder, settings.benchmarks, settings.limits, nltk_data=punkt)
        return {} if failure else checkpoints(folder), failure


@dataclass(frozen=True)
class Finish:
    """Evaluates and publishes a request whose tasks are checkpointed in `files` (or none are: then it runs them)."""

    store: str
    request: Request
    suite: Suite
    settings: Settings
    files: Files
    proof: dict[str, Any]

    def __call__(self, share: Share) -> Outcome:
        if self.files:
            folder, failure = prepare(self.request, self.suite, self.settings)
            if failure is not None:
                return Outcome(failure=failure)
            for name, content in self.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        return evaluation.evaluate(self.request, self.suite, open_store(self.store), self.settings, proof=self.proof)


def prepare(request: Request, suite: Suite, settings: Settings) -> tuple[Path, Failure | None]:
    """The run folder of a job with its weights at hand and its description written, as `evaluation.evaluate` has it."""
    from evaluator import download

    try:
        request, weights = evaluation._weights(request, settings, None, None)
    except download.Unready as unready:
        return Path(), unready.failure
    job = plan_job(
        request, suite, weights.folder, settings.wanted,
        adapter=str(weights.adapter) if weights.adapter else None,
        delta=str(weights.delta) if weights.delta else None,
        backend=settings.backend, backend_args=settings.backend_args, limit=settings.limit, device=settings.device,
        batch_size=settings.batch_size,
    )  # fmt: skip
    folder = settings.workspace / "runs" / job.fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    job.write(folder / "job.json")
    return folder, None


def checkpoints(folder: Path) -> Files:
    """What a run has checkpointed: its tasks' metrics and samples, and what the model said of itself."""
    paths = [folder / MODEL, *(folder / CHECKPOINTS).iterdir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


def together(parts: Sequence[Files]) -> Files:
    """What several parts have checkpointed, as one folder's files. Raises CannotJoin where they ran differently."""
    if not parts:
        return {}
    files = {name: content for part in parts for name, content in part.items()}
    told = [json.loads(part[MODEL]) for part in parts]
    about = told[0] | {
        "config": join_configs([each["config"] for each in told]),
        "load_seconds": max(each["load_seconds"] for each in told),
    }
    return files | {MODEL: json.dumps(about).encode()}


def _tasks(suite: Suite, settings: Settings) -> tuple[str, ...]:
    from evaluator.job import benchmarks_of

    return tuple(task for _, tasks in benchmarks_of(suite, settings.wanted) for task in tasks)


def _box(name: str | None, cluster: Capacity) -> Box:
    here = preflight.describe_box(name)
    if not cluster.gpus:
        return here
    return Box(here.name, cluster.gpus * GPU_BYTES / 1e9, tuple("GPU" for _ in range(int(cluster.gpus))))
