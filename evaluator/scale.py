"""`python -m evaluator run --ray [ADDRESS] [--split N]`: the queue's claims become Ray tasks with the GPUs they need.

A claim stays with this process, which renews its lease; the work goes wherever Ray finds the GPUs. A large suite may be
split: every part runs its tasks with a run folder of its own, and what the parts checkpointed is put into one folder,
from which the harness makes the one result it would have made alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evaluator import evaluation, plan, preflight, sandbox
from evaluator.benchmarks import SOURCES
from evaluator.checkpoints import is_done, write_json
from evaluator.download import Unready, Weights, forget, in_use
from evaluator.energy import KG_PER_KWH, Energy, Meter, list_gpus
from evaluator.evaluation import Notice, Outcome, Settings
from evaluator.job import CHECKPOINTS, MODEL, NO_WEIGHTS, Failure, Job, checkpoint_path, plan_job, samples_path
from evaluator.preflight import Box, spread
from evaluator.run_log import RunLog
from evaluator.shares import (
    CannotJoin,
    Capacity,
    OutOfReach,
    Share,
    ShareFailed,
    ShareLost,
    Stopped,
    capacity,
    join_configs,
    run,
    split,
    this_node,
)  # fmt: skip
from evaluator.terminal import Lines, OneVoice, stop_on_signals
from evaluator.worker import Worker, open_board
from src.core.errors import BadInput, BoardError
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import Store
from src.core.store.grouped import Grouped
from src.core.suites import Suite

log = logging.getLogger(__name__)
HERE = "here"  # what `--ray` alone means: the cluster this machine belongs to, else this machine
Files = dict[str, bytes]  # path in a run folder → content


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
                return self._in_parts(request, suite, here, settings, gpus, proof or {}, notice, stop)
            whole = Share(request.model, _tasks(suite, settings), gpus)
            ((_, outcome),) = run(
                [whole], Whole(self.store, request, suite, settings, proof or {}), self.address, stop=stop
            )
            return outcome  # type: ignore[no-any-return]
        except Stopped as error:
            return Outcome(failure=Failure("stopped", str(error)))
        except OutOfReach as error:
            return Outcome(failure=Failure("box", str(error)))
        except ShareLost as error:
            return Outcome(failure=Failure("crashed", str(error)))
        except ShareFailed as error:
            return Outcome(failure=Failure("unknown", str(error), str(error.__cause__)))

    def _in_parts(
        self, request: Request, suite: Suite, here: Store, settings: Settings, gpus: int, proof: Mapping[str, Any],
        notice: Notice, stop: threading.Event | None,
    ) -> Outcome:  # fmt: skip
        """Parts are taken into one run folder here as they end, so that none is run twice; their answers stay there."""
        folder = prepare(request, suite, settings, Weights(settings.workspace / "models"), "joined")
        shares = split_job(request, suite, settings, self.parts, gpus, left(folder))
        brought: dict[str, Weights] = {}  # by machine
        try:
            with closing(run(shares, Part(request, suite, settings), self.address, stop=stop)) as ended:
                for share, done in ended:
                    if isinstance(done, Outcome):
                        return done
                    take(folder, done)
                    brought[done.node] = done.weights
                    notice("checkpoint", {"tasks": list(share.tasks)})
        except CannotJoin as error:
            shutil.rmtree(folder)  # nothing in there is worth going on with
            return Outcome(failure=Failure("harness", str(error)))
        notice("publish", {})
        failure = sandbox.run_child(folder, settings.benchmarks, settings.limits, stop=stop)
        if failure is not None:
            return Outcome(failure=failure)
        energy = Energy.read(folder)
        outcome = evaluation._publish(here, folder, suite, proof, {"energy": asdict(energy) if energy else None})
        if outcome.result and not settings.keep:
            shutil.rmtree(folder, ignore_errors=True)
            self._forget(request, brought)
        return outcome

    def _forget(self, request: Request, brought: Mapping[str, Weights]) -> None:
        places = [Share(request.model, ("forget",), node=node) for node in brought]
        with suppress(BoardError):  # a machine that has gone has forgotten by itself
            list(run(places, Forget(brought), self.address))


def split_job(
    request: Request, suite: Suite, settings: Settings, parts: int, gpus: float = 0, tasks: Sequence[str] | None = None
) -> list[Share]:
    """A request's tasks, or those of `tasks`, in `parts` shares of like work."""
    weights = plan.weigh(plan.items_of(suite))
    wanted = _tasks(suite, settings) if tasks is None else tasks
    return split(request.model, wanted, parts, gpus=gpus, weights=weights) if wanted else []


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


@dataclass(frozen=True)
class Done:
    """What a part leaves: what it checkpointed and drew, and where its weights lie."""

    files: Files
    energy: Energy
    node: str
    weights: Weights


@dataclass(frozen=True)
class Part:
    """Runs a share's tasks to their checkpoints, on whatever machine Ray calls it."""

    request: Request
    suite: Suite
    settings: Settings

    def __call__(self, share: Share) -> Done | Outcome:
        """An Outcome where it failed."""
        settings = replace(self.settings, wanted=share.tasks)
        carbon = self.suite.carbon
        try:
            punkt = evaluation.ready(self.suite, settings)
            request, weights = evaluation._weights(self.request, settings, None, None)
            folder = prepare(request, self.suite, settings, weights)
            told = RunLog(folder, [key for key, source in SOURCES.items() if source.gated])
            held = nullcontext() if settings.backend in NO_WEIGHTS else in_use(weights)
            with held, Meter(folder, kg_per_kwh=carbon.kg_per_kwh if carbon else KG_PER_KWH) as meter:
                failure = sandbox.run_child(folder, settings.benchmarks, settings.limits, nltk_data=punkt, log=told)
        except BadInput as error:
            return Outcome(failure=Failure("box", str(error)))
        except Unready as unready:
            return Outcome(failure=unready.failure)
        if failure is not None:
            return Outcome(failure=failure, log=told.text())
        done = Done(checkpoints(folder), meter.energy(), this_node(), weights)
        if not settings.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return done


@dataclass(frozen=True)
class Forget:
    """Makes room again on the machines where parts ran: node → weights."""

    brought: Mapping[str, Weights]

    def __call__(self, share: Share) -> None:
        weights = self.brought[share.node or ""]
        forget((weights.folder, weights.adapter, weights.delta))


def prepare(request: Request, suite: Suite, settings: Settings, weights: Weights, place: str = "runs") -> Path:
    """The run folder of a job with its description written, as `evaluation.evaluate` has it."""
    job = plan_job(
        request, suite, weights.folder, settings.wanted,
        adapter=str(weights.adapter) if weights.adapter else None,
        delta=str(weights.delta) if weights.delta else None,
        backend=settings.backend, backend_args=settings.backend_args, limit=settings.limit, device=settings.device,
        batch_size=settings.batch_size,
    )  # fmt: skip
    folder = settings.workspace / place / job.fingerprint()
    (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    job.write(folder / "job.json")
    return folder


def left(folder: Path) -> list[str]:
    """The tasks of a run that are not checkpointed yet."""
    units = Job.read(folder / "job.json").units
    return [task for unit in units if not is_done(folder, unit) for task in unit.tasks]


def checkpoints(folder: Path) -> Files:
    """What a run has checkpointed: what the model said of itself, then its tasks' samples, each with its metrics."""
    tasks = Job.read(folder / "job.json").tasks
    paths = [each for task in tasks for each in (samples_path(folder, task), checkpoint_path(folder, task))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in (folder / MODEL, *paths)}


def take(folder: Path, done: Done) -> None:
    """Put what a part left into the run folder of the whole. Raises CannotJoin where earlier parts ran differently."""
    about = json.loads(done.files[MODEL])
    energy = done.energy
    if (folder / MODEL).exists():
        told = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        about = told | {
            "config": join_configs([told["config"], about["config"]]),
            "load_seconds": max(told["load_seconds"], about["load_seconds"]),
        }
        earlier = Energy.read(folder)
        energy = earlier + energy if earlier else energy
    write_json(folder / MODEL, about)
    energy.write(folder)
    for name, content in done.files.items():
        if name != MODEL:
            part = folder / f"{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)


def _tasks(suite: Suite, settings: Settings) -> tuple[str, ...]:
    from evaluator.job import benchmarks_of

    return tuple(task for _, tasks in benchmarks_of(suite, settings.wanted) for task in tasks)


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
