"""One request in parts, each a Ray task with a run folder of its own.

What the parts checkpointed is taken into one folder, from which the harness makes the one result that it would have
made alone.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evaluator import evaluation, plan, sandbox
from evaluator.checkpoints import is_done, write_json
from evaluator.download import Unready, Weights, forget
from evaluator.energy import Energy
from evaluator.evaluation import Notice, Outcome, Settings
from evaluator.job import (
    CHECKPOINTS,
    MODEL,
    Failure,
    Job,
    checkpoint_path,
    plan_job,
    samples_path,
)  # fmt: skip
from evaluator.shares import CannotJoin, Share, join_configs, run, split, this_node
from src.core.errors import BadInput, BoardError
from src.core.records import Request
from src.core.store import Store
from src.core.suites import Suite

Files = dict[str, bytes]  # path in a run folder → content


def run_in_parts(
    request: Request, suite: Suite, store: Store, settings: Settings, *, parts: int, gpus: int = 0,
    address: str | None = None, proof: Mapping[str, object], notice: Notice = lambda *_: None,
    stop: threading.Event | None = None,
) -> Outcome:  # fmt: skip
    """Evaluate and publish in at most `parts` Ray tasks of `gpus` each. Raises as `shares.run` does.

    Parts are taken into one run folder here as they end, so that none is run twice, whatever becomes of the others.
    """
    folder = prepare(request, suite, settings, Weights(settings.workspace / "models"), "joined")
    weights = plan.weigh(plan.items_of(suite))
    shares = split(request.model, left(folder), parts, gpus=gpus, weights=weights)
    brought: dict[str, Weights] = {}  # by machine
    try:
        with closing(run(shares, Part(request, suite, settings), address, stop=stop)) as ended:
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
    outcome = evaluation.publish_run(store, folder, suite, proof, {"energy": asdict(energy) if energy else None})
    if outcome.result and not settings.keep:
        shutil.rmtree(folder, ignore_errors=True)
        _forget(request, brought, address)
    return outcome


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
        try:
            punkt = evaluation.ready(self.suite, settings)
            request, weights = evaluation.weights_for(self.request, settings)
            folder = prepare(request, self.suite, settings, weights)
            told = evaluation.log_of(folder)
            with evaluation.in_use(weights, settings), evaluation.meter_of(folder, self.suite) as meter:
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


def _forget(request: Request, brought: Mapping[str, Weights], address: str | None) -> None:
    places = [Share(request.model, ("forget",), node=node) for node in brought]
    with suppress(BoardError):  # a machine that has gone has forgotten by itself
        list(run(places, Forget(brought), address))
