"""Ask the harness what it knows of a suite's tasks; the answer is kept for as long as the harness is the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evaluator.box import datasets
from evaluator.job import RESULTS
from evaluator.run import sandbox
from evaluator.run_files import distrust, read_json, remove, write
from evaluator.settings import ChildLimits, RunSettings
from evaluator.task_facts import HarnessFacts
from src.core.errors import BadInputError
from src.core.suites import Suite

SECONDS = 300.0
FORMAT = 1  # of the kept answers

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
            _known[key] = _ask(wanted, settings, key)
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


def _ask(names: list[str], settings: RunSettings, key: str) -> HarnessFacts:
    folder = settings.workspace / "asked" / key
    folder.mkdir(parents=True, exist_ok=True)
    settings.benchmarks.mkdir(parents=True, exist_ok=True)
    own = settings.own_tasks
    try:
        write(folder, "ask.json", json.dumps({"names": names, "own": str(own) if own else None}).encode())
        limits = ChildLimits(seconds=SECONDS, fenced=settings.limits.fenced)
        failure = sandbox.run_child(
            folder, settings.benchmarks, limits, reads=[own] if own else [], module="evaluator.child.asking"
        )
        if failure is not None:
            raise BadInputError(f"The harness could not be asked about {', '.join(names[:3])}: {failure.message}\n"
                                f"{failure.traceback or ''}")  # fmt: skip
        with distrust("The harness's answer"):
            return HarnessFacts.from_dict(read_json(folder, RESULTS))
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
