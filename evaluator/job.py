"""What the parent asks of the child that runs the harness, and what comes back: plain values, written as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evaluator.benchmarks import SOURCES
from src.core.errors import BadInput
from src.core.records import Request
from src.core.suites import Benchmark, Suite


@dataclass(frozen=True)
class Unit:
    """Tasks that must run in one go, in this order; a checkpoint covers a whole unit."""

    benchmark: str
    tasks: tuple[str, ...]
    shots: int


@dataclass(frozen=True)
class Job:
    """One model on one suite."""

    model: str  # org/name, as published
    revision: str  # commit sha
    precision: str
    suite: str
    scorer: str
    units: tuple[Unit, ...]
    task_folders: tuple[str, ...]  # below `lm_eval/tasks`
    groups: dict[str, list[str]]  # the harness's name of a group → its tasks
    weights: str  # folder of the downloaded model
    backend: str = "prefix-tree"  # an lm-eval model name
    backend_args: dict[str, Any] = field(default_factory=dict)  # beyond what the other fields say
    adapter: str | None = None  # folder of a peft adapter that goes on top of `weights`
    delta: str | None = None  # folder of delta weights that are added to `weights`
    chat_template: bool = False
    limit: int | None = None  # items of each task; None: all
    items: dict[str, list[int]] | None = None  # task → document ids to ask, for an estimate; None: all
    device: str | None = None
    batch_size: int = 8

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(task for unit in self.units for task in unit.tasks)

    def fingerprint(self) -> str:
        """Names everything that changes an answer: a run folder of the same fingerprint may be resumed.

        Folders and the batch size are left out: a resumed run may find the same weights elsewhere.
        """
        said = asdict(self) | dict.fromkeys(("weights", "adapter", "delta", "device", "batch_size"))
        said |= {"adapter": bool(self.adapter), "delta": bool(self.delta)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        said = json.loads(path.read_text(encoding="utf-8"))
        said["units"] = tuple(Unit(unit["benchmark"], tuple(unit["tasks"]), unit["shots"]) for unit in said["units"])
        return cls(**said | {"task_folders": tuple(said["task_folders"])})


def benchmarks_of(suite: Suite, wanted: Iterable[str] = ()) -> list[tuple[Benchmark, tuple[str, ...]]]:
    """The benchmarks to run, each with its tasks: all, or those that `wanted` names as benchmark or as task.

    Raises BadInput for a name that the suite does not have, or a benchmark that nobody can run.
    """
    names = set(wanted)
    known = {name for benchmark in suite.benchmarks for name in (benchmark.key, *(t.name for t in benchmark.tasks))}
    if strange := sorted(names - known):
        keys = ", ".join(benchmark.key for benchmark in suite.benchmarks)
        raise BadInput(f"{suite.title} has no {', '.join(strange)}; name a task of it, or one of {keys}.")
    chosen = []
    for benchmark in suite.benchmarks:
        tasks = [task.name for task in benchmark.tasks if not names or names & {benchmark.key, task.name}]
        if tasks and benchmark.key not in SOURCES:
            raise BadInput(f"No evaluator here knows how to run {benchmark.key}; run {', '.join(SOURCES)}.")
        if tasks:
            chosen.append((benchmark, tuple(tasks)))
    return chosen


def plan_job(request: Request, suite: Suite, weights: Path, wanted: Iterable[str] = (), **more: Any) -> Job:
    """The job that answers `request` on `suite`. `more`: the remaining fields of Job."""
    units, groups = [], {}
    chosen = benchmarks_of(suite, wanted)
    for benchmark, tasks in chosen:
        source = SOURCES[benchmark.key]
        parts = [tasks] if source.together else [(task,) for task in tasks]
        shots = {task.name: task.shots for task in benchmark.tasks}
        units += [Unit(benchmark.key, part, shots[part[0]]) for part in parts]
        if source.group and source.group not in tasks:
            groups[source.group] = list(tasks)
    return Job(
        model=request.model,
        revision=request.revision,
        precision=request.precision,
        suite=suite.name,
        scorer=suite.scorer,
        units=tuple(units),
        task_folders=tuple(dict.fromkeys(SOURCES[benchmark.key].tasks for benchmark, _ in chosen)),
        groups=groups,
        weights=str(weights),
        chat_template=bool(request.use_chat_template),
        **more,
    )


@dataclass(frozen=True)
class Failure:
    """Why a run ended without a result: a code of `src.core.queue.FAILURES`, or one of `NOBODYS_FAULT`."""

    code: str
    message: str
    traceback: str | None = None


NOBODYS_FAULT = {"box", "stopped"}
"""The box is not ready, or its owner stopped it: the request goes back into the queue and no attempt is counted."""

RESULTS = "results.json"
MODEL = "model.json"
LOG = "log.txt"
RESPONSES = "responses.sqlite"
CHECKPOINTS = "tasks"
RECORDED = "recorded"
"""The backend that gives the answers of an earlier run, to be graded anew."""
NO_WEIGHTS = {"dummy", RECORDED}
"""Backends that load no model and need no torch."""


def recorded_path(run: Path, task: str) -> Path:
    """Where the sample lines of an earlier run lie for the backend `RECORDED`."""
    return run / f"recorded_{task}.jsonl"


def samples_path(run: Path, task: str) -> Path:
    """Where the sample lines of a task lie in a run folder."""
    return run / CHECKPOINTS / f"samples_{task}.jsonl"


def checkpoint_path(run: Path, task: str) -> Path:
    """Where a finished task's metrics lie in a run folder; written after its samples."""
    return run / CHECKPOINTS / f"{task}.json"
