"""Run one request as several shards, each a Ray task with its own run folder.

The checkpoints of the shards are collected in one folder, from which the harness writes the same result as a single
run would.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evaluator.box.download import Weights, forget
from evaluator.box.energy import Energy
from evaluator.child.checkpoints import is_done
from evaluator.cluster.ray_tasks import CannotJoinError, Shard, join_configs, run, split, this_node
from evaluator.job import (
    MODEL,
    Job,
    RunFailure,
    checkpoint_name,
    samples_name,
)  # fmt: skip
from evaluator.plan import loads
from evaluator.run import engine_status, evaluate, sandbox
from evaluator.run.evaluate import Notice, Outcome
from evaluator.run_files import MOST_SAMPLES, BadRunError, distrust, is_file, read, read_json, remove, write
from evaluator.settings import RunSettings
from src.core.errors import BoardError
from src.core.records import Request
from src.core.store import Store
from src.core.suites import Suite

Files = dict[str, bytes]  # path in a run folder → content


def run_in_parts(
    request: Request, suite: Suite, store: Store, settings: RunSettings, *, parts: int, gpus: int = 0,
    address: str | None = None, proof: Mapping[str, object], notice: Notice = lambda *_: None,
    stop: threading.Event | None = None,
) -> Outcome:  # fmt: skip
    """Evaluate and publish in at most `parts` Ray tasks of `gpus` each. Raise what `ray_tasks.run` raises.

    Shards are collected in one local run folder as they end, so that none runs twice even if others fail.
    """
    if any(benchmark.private for benchmark in suite.benchmarks):
        message = f"{suite.title} has a private exam, whose items stay on one box: run it without --split."
        return Outcome(failure=RunFailure("box", message))
    folder = evaluate.prepare(request, suite, settings, Weights(settings.workspace / "models"), "joined")
    weights = loads.weigh(loads.items_of(suite))
    together = {task: unit.tasks[0] for unit in Job.read(folder / "job.json").units for task in unit.tasks}
    shards = split(request.model, left(folder), parts, gpus=gpus, weights=weights, together=together)
    downloaded: dict[str, Weights] = {}  # machine → weights
    sandboxes: dict[str, None] = {}  # of the shards, in order
    notes: dict[str, None] = {}  # on their weights, in order
    try:
        with closing(run(shards, EvaluateShard(request, suite, settings), address, stop=stop)) as ended:
            for shard, done in ended:
                if isinstance(done, Outcome):
                    return done
                take(folder, done)
                downloaded[done.node] = done.weights
                sandboxes[done.facts["sandbox"]] = None
                notes |= dict.fromkeys(done.facts.get("notes", ()))
                notice("checkpoint", {"tasks": list(shard.tasks)})
    except (CannotJoinError, BadRunError) as error:
        remove(folder)  # its contents cannot be resumed
        return Outcome(failure=RunFailure("harness", str(error)))
    notice("publish", {})
    failure = sandbox.run_child(folder, settings.benchmarks, settings.limits, stop=stop)
    if failure is not None:
        return Outcome(failure=failure)
    energy = Energy.read(folder)
    more = {"energy": asdict(energy) if energy else None}
    # without a shard of this call the merged result names it already
    config: dict[str, object] = {"sandbox": "; ".join(sandboxes)} if sandboxes else {}
    config |= {"notes": list(notes)} if notes else {}
    outcome = evaluate.publish_run(store, folder, suite, proof, more, config)
    if outcome.result and not settings.keep:
        remove(folder)
        _forget(request, downloaded, address)
    return outcome


@dataclass(frozen=True)
class ShardResult:
    """The result of a shard: its checkpoints, the energy it used, and where its weights are."""

    files: Files
    energy: Energy
    node: str
    weights: Weights
    facts: Mapping[str, Any]  # its sandbox, and the notes on its weights


@dataclass(frozen=True)
class EvaluateShard:
    """Runs a shard's tasks up to their checkpoints, on the machine that Ray chooses."""

    request: Request
    suite: Suite
    settings: RunSettings

    def __call__(self, shard: Shard) -> ShardResult | Outcome:
        """Run the shard; return an Outcome if it failed."""
        settings = replace(self.settings, wanted=shard.tasks)
        settings = engine_status.apply(settings, engine_status.look(settings))
        ran = evaluate.answer(self.request, self.suite, settings)
        if isinstance(ran, Outcome):
            return ran
        try:
            done = ShardResult(checkpoints(ran.folder), ran.energy, this_node(), ran.weights, ran.facts)
        except BadRunError as error:
            return Outcome(failure=RunFailure("harness", str(error)), log=ran.log)
        if not settings.keep:
            remove(ran.folder)
        return done


@dataclass(frozen=True)
class Forget:
    """Deletes weights on the machines where shards ran: node → weights."""

    weights: Mapping[str, Weights]

    def __call__(self, shard: Shard) -> None:
        """Delete the weights on this machine."""
        forget(self.weights[shard.node or ""])


def left(folder: Path) -> list[str]:
    """Return the tasks of a run that have no checkpoint yet."""
    units = Job.read(folder / "job.json").units
    return [task for unit in units if not is_done(folder, unit) for task in unit.tasks]


def checkpoints(folder: Path) -> Files:
    """Return a run's checkpoint files: the model's description, then the samples and metrics of each task.

    Raise BadRunError if one of them is missing or is not a regular file.
    """
    files = {MODEL: read(folder, MODEL)}
    for task in Job.read(folder / "job.json").tasks:
        files[samples_name(task)] = read(folder, samples_name(task), MOST_SAMPLES)
        files[checkpoint_name(task)] = read(folder, checkpoint_name(task))
    return files


def take(folder: Path, done: ShardResult) -> None:
    """Copy the result of a shard into the run folder of the whole run.

    Raise CannotJoinError if earlier shards ran with other settings, BadRunError if the shard's files are invalid.
    """
    energy = done.energy
    with distrust("A shard of the run"):
        about = json.loads(done.files[MODEL])
        if is_file(folder, MODEL):
            previous = read_json(folder, MODEL)
            about = previous | {
                "config": join_configs([previous["config"], about["config"]]),
                "load_seconds": max(previous["load_seconds"], about["load_seconds"]),
            }
            earlier = Energy.read(folder)
            energy = earlier + energy if earlier else energy
        data = json.dumps(about, indent=2, ensure_ascii=False).encode()
    write(folder, MODEL, data)
    energy.write(folder)
    for name, content in done.files.items():
        if name != MODEL:
            write(folder, name, content)


def _forget(request: Request, weights: Mapping[str, Weights], address: str | None) -> None:
    shards = [Shard(request.model, ("forget",), node=node) for node in weights]
    with suppress(BoardError):  # a machine that is gone needs no cleaning
        list(run(shards, Forget(weights), address))
