"""Run the built-in tiny model as requests are run: before a claim, and after a failure that may be the box's.

If the tiny model fails too, the machine is at fault, not the model that was submitted.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluator.box.preflight import find_punkt
from evaluator.job import NO_WEIGHTS, UNSUPPORTED, benchmarks_of, plan_job
from evaluator.run import engine_status, sandbox
from evaluator.run.asking import facts_of, of_tasks
from evaluator.run.run_log import RunLog
from evaluator.run_files import distrust, read_json, remove
from evaluator.settings import RunSettings
from evaluator.task_facts import expanded
from src.core.errors import BadInputError
from src.core.records import Request
from src.core.suites import Suite

KEPT = "trials.json"  # in the workspace
MOST_KEPT = 20
SECONDS = 900.0  # a backend that compiles needs minutes
CHILD = "evaluator.child.box_trial"

MAY_BE_THE_BOX = {"load-failed", "crashed", "harness", "unknown", "out-of-memory", "not-finite", "timed-out"}
"""Failure codes that a fault of the machine can cause."""


@dataclass(frozen=True)
class Trial:
    """The outcome of the tiny model: what stops this machine ("" if nothing), and what it cannot load."""

    problem: str = ""
    unsupported: dict[str, str] = field(default_factory=dict)


def require(settings: RunSettings, suite: Suite) -> RunSettings:
    """Return settings that name what this machine cannot load. Raise BadInputError if it cannot run models at all.

    A trial that passed is kept until an installed package, the machine or the settings change.
    """
    if settings.backend in NO_WEIGHTS:
        return settings
    path, key = settings.workspace / KEPT, _fingerprint(settings)
    kept = engine_status.read_kept(path)
    if key not in kept:
        trial = run(Request(model="box/tiny", precision="bfloat16"), suite, settings)
        if trial.problem:
            raise BadInputError(f"This machine is not ready.\n- The trial of a tiny model failed: {trial.problem}")
        kept = dict(list(kept.items())[1 - MOST_KEPT :]) | {key: trial.unsupported}
        engine_status.write_kept(path, kept)
    with distrust("The kept trial"):
        return replace(settings, unsupported={str(name): str(why) for name, why in kept[key].items()})


def problem_with(request: Request, suite: Suite, settings: RunSettings) -> str:
    """Run the tiny model as `request` ran; return why this machine cannot run it, or ""."""
    return "" if settings.backend in NO_WEIGHTS else run(request, suite, settings).problem


def run(request: Request, suite: Suite, settings: RunSettings) -> Trial:
    """Answer one item of the suite's smallest task with the tiny model, with `request`'s precision and template."""
    from evaluator.box.tiny_model import make_llama

    settings.workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="trial-", dir=settings.workspace))
    try:
        model = make_llama(folder / "model")
        facts = facts_of(suite, settings)
        job = plan_job(
            request.model_copy(update={"precision": "bfloat16" if request.precision == "GPTQ" else request.precision}),
            suite, model, [_smallest_task(expanded(suite, facts), settings)], facts, backend=settings.backend,
            **of_tasks(facts, settings),
            backend_args=settings.backend_args, device=settings.device, batch_size=settings.batch_size, limit=1,
        )  # fmt: skip
        place = folder / "run"
        place.mkdir()
        job.write(place / "job.json")
        log = RunLog(place)
        failure = sandbox.run_child(
            place, settings.benchmarks, replace(settings.limits, seconds=SECONDS), log=log,
            reads=[model, *([settings.own_tasks] if settings.own_tasks else [])],
            module=CHILD, nltk_data=find_punkt(),
        )  # fmt: skip
        if failure is not None:
            return Trial(f"{failure.code}: {failure.message}")
        with distrust("The trial"):
            return Trial(unsupported=dict(read_json(place, UNSUPPORTED)))
    except OSError as error:
        return Trial(f"{settings.workspace} cannot be used: {error}")
    finally:
        remove(folder)


def _smallest_task(suite: Suite, settings: RunSettings) -> str:
    tasks = [task for _, tasks in benchmarks_of(suite, settings.wanted) for task in tasks]
    sizes = {task.name: task.items or 1_000_000 for task in suite.tasks}
    return min(tasks, key=lambda name: sizes[name])


def _fingerprint(settings: RunSettings) -> str:
    about: list[Any] = [
        engine_status.fingerprint(settings.device), settings.backend, settings.backend_args, str(settings.batch_size),
        settings.limits.fenced,
        sorted(f"{one.name} {one.version}" for one in importlib.metadata.distributions()),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
