"""Ask the harness what it knows of a suite's tasks; the answer is kept for as long as the harness is the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evaluator.box import datasets
from evaluator.job import RESULTS, TOKENIZER
from evaluator.run import sandbox
from evaluator.run_files import distrust, read_json, remove, write
from evaluator.settings import ChildLimits, RunSettings
from evaluator.task_facts import HarnessFacts, ItemCounts
from src.core.errors import BadInputError
from src.core.exams import ExamItem
from src.core.suites import Suite

SECONDS = 300.0
FORMAT = 2  # of the kept answers

_known: dict[str, HarnessFacts] = {}


def facts_of(suite: Suite, settings: RunSettings) -> HarnessFacts:
    """Return what the harness knows of all tasks of a suite."""
    return ask([task.name for task in suite.tasks], settings)


def ask(names: Iterable[str], settings: RunSettings) -> HarnessFacts:
    """Return what the harness knows of tasks, groups and tags. Raise BadInputError if it cannot be asked."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return HarnessFacts()
    key = _key(wanted, settings)
    if key not in _known:
        kept = settings.workspace / "asked" / f"{key}.json"
        try:
            _known[key] = HarnessFacts.from_dict(json.loads(kept.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            _known[key] = _ask(wanted, settings)
            kept.write_text(json.dumps(_known[key].as_dict()), encoding="utf-8")
    return _known[key]


def of_tasks(facts: HarnessFacts, settings: RunSettings) -> dict[str, Any]:
    """Return the fields of a job that say where tasks and items lie, and what they may do."""
    beside = [task.name for task in facts.tasks.values() if not task.folder and task.dataset in datasets.FORMATS]
    return {
        "own_tasks": str(settings.own_tasks) if settings.own_tasks else None,
        "own_data": tuple(beside),
        "allow_code": settings.allow_code,
        "datasets": datasets.revisions(settings.benchmarks, facts.tasks.values()),
    }


def count_items(
    shots: Mapping[str, int], facts: HarnessFacts, settings: RunSettings, tokenizer: bytes | None = None
) -> dict[str, ItemCounts]:
    """Return what the items that are here tell of tasks (task → few-shot examples); tasks without items are left out.

    `tokenizer`: the tokenizer.json to count tokens with. Raise BadInputError if the harness cannot be asked.
    """
    known = {name: facts.tasks[name] for name in shots if name in facts.tasks}
    here = [
        name
        for name, task in known.items()
        if task.problem is None
        and (task.folder or not task.helpers or settings.trust_tasks)
        and datasets.is_present(settings.benchmarks, task)
    ]
    if not here:
        return {}
    question = _about_items({name: shots[name] for name in here}, facts, settings)
    more = {TOKENIZER: tokenizer} if tokenizer else {}
    answer = _in_child(question, settings, "evaluator.child.counting", SECONDS + SECONDS_A_TASK * len(here), more)
    with distrust("The harness's answer"):
        return {name: ItemCounts.from_dict(answer[name]) for name in here}


def list_items(shots: Mapping[str, int], facts: HarnessFacts, settings: RunSettings) -> tuple[ExamItem, ...]:
    """Return every item of tasks as the harness has them. Raise BadInputError if the harness cannot be asked."""
    seconds = SECONDS + SECONDS_A_TASK * len(shots)
    answer = _in_child(_about_items(shots, facts, settings), settings, "evaluator.child.exam", seconds, {})
    with distrust("The harness's answer"):
        return tuple(ExamItem(str(task), int(doc_id), dict(doc)) for task, doc_id, doc in answer["items"])


def _about_items(shots: Mapping[str, int], facts: HarnessFacts, settings: RunSettings) -> dict[str, Any]:
    return {
        "shots": dict(shots),
        "folders": facts.folders(shots),
        "own": str(settings.own_tasks) if settings.own_tasks else None,
        "own_data": of_tasks(facts, settings)["own_data"],
    }


SECONDS_A_TASK = 60.0  # at most, to build its prompts


def _ask(names: list[str], settings: RunSettings) -> HarnessFacts:
    question = {"names": names, "own": str(settings.own_tasks) if settings.own_tasks else None}
    answer = _in_child(question, settings, "evaluator.child.asking", SECONDS, {})
    with distrust("The harness's answer"):
        return HarnessFacts.from_dict(answer)


def _in_child(
    question: Mapping[str, Any], settings: RunSettings, module: str, seconds: float, files: Mapping[str, bytes]
) -> Any:
    """Return what a module of the child answers to a question. Raise BadInputError if it does not."""
    settings.benchmarks.mkdir(parents=True, exist_ok=True)
    asked = settings.workspace / "asked"
    asked.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=asked))
    own = settings.own_tasks
    try:
        for name, data in {"ask.json": json.dumps(question).encode(), **files}.items():
            write(folder, name, data)
        limits = ChildLimits(seconds=seconds, fenced=settings.limits.fenced)
        failure = sandbox.run_child(folder, settings.benchmarks, limits, reads=[own] if own else [], module=module)
        if failure is not None:
            raise BadInputError(f"The harness could not be asked: {failure.message}\n{failure.traceback or ''}".strip())
        with distrust("The harness's answer"):
            return read_json(folder, RESULTS)
    finally:
        remove(folder)


def _key(names: list[str], settings: RunSettings) -> str:
    try:
        version = importlib.metadata.version("lm_eval")
    except importlib.metadata.PackageNotFoundError:
        raise BadInputError("lm_eval is not installed: pip install -r evaluator/requirements.txt") from None
    about = [FORMAT, version, names, str(settings.own_tasks), _digest(settings.own_tasks)]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]


def _digest(folder: Path | None) -> str:
    """Return a digest of the files of the board's own tasks."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.is_file():
            digest.update(str(path.relative_to(folder or path)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
