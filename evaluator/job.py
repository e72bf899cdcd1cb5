"""The job that the parent gives to the child that runs the harness, and the files of a run: plain values, as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evaluator.task_facts import HarnessFacts, expanded
from src.core.errors import BadInputError
from src.core.records import Request
from src.core.suites import CHAT_DATE, Benchmark, Suite


@dataclass(frozen=True)
class Unit:
    """Tasks that must run together, in this order; a checkpoint covers a whole unit."""

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
    task_folders: tuple[str, ...]  # under `lm_eval/tasks`; empty: the child looks for them
    groups: dict[str, list[str]]  # the harness's name of a group → its tasks
    weights: str  # folder of the downloaded model
    backend: str = "prefix-tree"  # an lm-eval model name
    backend_args: dict[str, Any] = field(default_factory=dict)  # in addition to the other fields
    adapter: str | None = None  # folder of a peft adapter applied to `weights`
    delta: str | None = None  # folder of delta weights added to `weights`
    tokenizer: str | None = None  # folder of the tokenizer and its chat template; None: in `weights`
    chat_template: bool = False
    generation_defaults: str = "model"  # or "none": a model's own generation settings do not count
    chat_date: str = CHAT_DATE.isoformat()  # the day that chat templates read as today
    limit: float | None = None  # items of each task, or below 1 a share of them; None: all
    perturb: tuple[str, ...] = ()  # "order", "labels": ask multiple-choice questions in these other ways too
    items: dict[str, list[int]] | None = None  # task → document ids to ask, for an estimate; None: all
    device: str | None = None
    batch_size: int | str = 8  # or "auto", as the harness has it
    own_tasks: str | None = None  # folder of the board's own task files
    own_data: tuple[str, ...] = ()  # tasks whose items are files in that folder
    allow_code: bool = False  # tasks may execute the model's answers
    aggregations: dict[str, dict[str, str]] = field(default_factory=dict)  # task → metric → how items become one value
    datasets: dict[str, str | None] = field(default_factory=dict)  # dataset → commit, if it was downloaded
    endpoint: dict[str, Any] | None = None  # what the child knows of the server that answers; no address, no key

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, in the order in which they run."""
        return tuple(task for unit in self.units for task in unit.tasks)

    def fingerprint(self) -> str:
        """Return a hash of everything that changes an answer: a run folder of the same fingerprint may be resumed.

        Folders and the batch size are excluded: the same weights may be in another folder when a run is resumed.
        """
        places = ("weights", "adapter", "delta", "tokenizer", "device", "batch_size", "own_tasks")
        fields = asdict(self) | dict.fromkeys(places)
        fields |= {name: bool(getattr(self, name)) for name in ("adapter", "delta", "tokenizer")}
        if self.endpoint is None:
            del fields["endpoint"]  # runs from before there were any keep their folders
        else:
            fields |= {"revision": None, "endpoint": self.endpoint | {"concurrency": None}}  # resumed on another day
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    def write(self, path: Path) -> None:
        """Write the job as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job that `write` has written."""
        data = json.loads(path.read_text(encoding="utf-8"))
        data["units"] = tuple(Unit(unit["benchmark"], tuple(unit["tasks"]), unit["shots"]) for unit in data["units"])
        lists = {name: tuple(data[name]) for name in ("task_folders", "own_data", "perturb")}
        return cls(**data | lists)


def benchmarks_of(suite: Suite, wanted: Iterable[str] = ()) -> list[tuple[Benchmark, tuple[str, ...]]]:
    """Return the benchmarks to run with their tasks: all, or those that `wanted` names as benchmark or as task.

    Raise BadInputError for a name that the suite does not have, or if it has no task to run.
    """
    names = set(wanted)
    known = {name for benchmark in suite.benchmarks for name in (benchmark.key, *(t.name for t in benchmark.tasks))}
    if unknown := sorted(names - known):
        keys = ", ".join(benchmark.key for benchmark in suite.benchmarks)
        raise BadInputError(f"{suite.title} has no {', '.join(unknown)}; name one of its tasks, or one of {keys}.")
    chosen = []
    for benchmark in suite.benchmarks:
        tasks = [task.name for task in benchmark.tasks if not names or names & {benchmark.key, task.name}]
        if tasks:
            chosen.append((benchmark, tuple(tasks)))
    if not chosen:
        raise BadInputError(f"{suite.title} names no task of the harness, so there is nothing to run.")
    return chosen


def plan_job(
    request: Request, suite: Suite, weights: Path, wanted: Iterable[str] = (), facts: HarnessFacts | None = None,
    **more: Any,
) -> Job:  # fmt: skip
    """Return the job that evaluates `request` on `suite`. `more`: the remaining fields of Job.

    `facts`: what the harness knows of the tasks; None: no group is expanded, and the child looks for their files.
    """
    units, groups = [], {}
    known = facts or HarnessFacts()
    chosen = benchmarks_of(expanded(suite, known), wanted)
    for benchmark, tasks in chosen:
        shots = {task.name: task.shots for task in benchmark.tasks}
        # one unit has one number of shots
        parts = [tasks] if benchmark.together and benchmark.shots is not None else [(task,) for task in tasks]
        units += [Unit(benchmark.key, part, shots[part[0]]) for part in parts]
        if benchmark.group and benchmark.group not in tasks:
            groups[benchmark.group] = list(tasks)
    names = [task for _, tasks in chosen for task in tasks]
    own = (task.name for task in suite.tasks if task.name in known.groups)
    groups |= {name: [task for task in known.groups[name] if task in names] for name in own}
    groups = {name: tasks for name, tasks in groups.items() if tasks}
    return Job(
        model=request.model,
        revision=request.revision,
        precision=request.precision,
        suite=suite.name,
        scorer=suite.scorer,
        units=tuple(units),
        task_folders=known.folders(names),
        groups=groups,
        weights=str(weights),
        chat_template=bool(request.use_chat_template),
        generation_defaults=suite.generation_defaults,
        chat_date=suite.chat_date.isoformat(),
        aggregations={name: known.tasks[name].aggregations for name in names if name in known.tasks},
        **more,
    )


@dataclass(frozen=True)
class RunFailure:
    """Why a run ended without a result: a code of `src.core.queue.FAILURES`, or one of `NOT_COUNTED`."""

    code: str
    message: str
    traceback: str | None = None


NOT_COUNTED = {"box", "stopped", "disk-full", "unsuited"}
"""The machine is not ready, its disk is full, its owner stopped it, or it lacks a library that only this model needs:
release the request without counting a try."""

WORK = "work"
"""The folder in a run folder that the child may write to; everything else in it belongs to the evaluator."""
RESULTS = f"{WORK}/results.json"
MODEL = f"{WORK}/model.json"
LOG = "log.txt"
SELF_CHECK = "selfcheck.json"
"""The outcome of an earlier self-check of the engine, for the child to read."""
TOKENIZER = "tokenizer.json"
"""A model's tokenizer beside a question about items, to count tokens with."""
RESPONSES = f"{WORK}/responses.sqlite"
CHECKPOINTS = f"{WORK}/tasks"
UNSUPPORTED = f"{WORK}/unsupported.json"
"""Quantisation methods that this machine cannot load → the reason; written by the trial of a box."""
REPLAY = "recorded"
"""The backend that repeats the answers of an earlier run, to grade them again."""
SERVED = {"local-completions", "local-chat-completions"}
"""Backends that ask a server, through the evaluator."""
NO_WEIGHTS = {"dummy", REPLAY, *SERVED}
"""Backends that load no model and need no torch."""


def recorded_path(run: Path, task: str) -> Path:
    """Return the path of an earlier run's sample lines for the backend `REPLAY`."""
    return run / f"recorded_{task}.jsonl"


def samples_path(run: Path, task: str) -> Path:
    """Return the path of a task's sample lines in a run folder."""
    return run / samples_name(task)


def checkpoint_path(run: Path, task: str) -> Path:
    """Return the path of a finished task's metrics in a run folder; they are written after its samples."""
    return run / checkpoint_name(task)


def samples_name(task: str) -> str:
    """Return the path of a task's sample lines relative to a run folder."""
    return f"{CHECKPOINTS}/samples_{task}.jsonl"


def checkpoint_name(task: str) -> str:
    """Return the path of a finished task's metrics relative to a run folder."""
    return f"{CHECKPOINTS}/{task}.json"
