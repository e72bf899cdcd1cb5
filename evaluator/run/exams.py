"""The private exams of a box: items and salt in its workspace, their roots in the store before the first run."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from evaluator.run.asking import facts_of, list_items
from evaluator.settings import RunSettings
from evaluator.task_facts import expanded
from src.core import exams
from src.core.errors import BadInputError
from src.core.exams import Exam, ExamItem
from src.core.store import Store
from src.core.suites import Suite

FOLDER = "exams"  # in the workspace


def prepare(store: Store, suite: Suite, settings: RunSettings) -> Mapping[str, Exam]:
    """Return benchmark → exam for the private benchmarks of a suite, with their roots published.

    The items are read again each time: an exam whose items changed has another root, which is published too.
    """
    private = [each for each in suite.benchmarks if each.private and each.tasks]
    if not private:
        return {}
    if settings.subset or settings.limit:
        return {}  # no result of the whole exam comes of it
    facts = facts_of(suite, settings)
    whole = expanded(suite, facts)
    found = {}
    for benchmark in private:
        tasks = whole.benchmark(benchmark.key).tasks
        items = list_items({task.name: task.shots for task in tasks}, facts, settings)
        exam = _with_salt(suite.name, benchmark.key, items, settings.workspace)
        exams.commit(store, exam)
        found[benchmark.key] = exam
    return found


def kept(workspace: Path, suite: str, benchmark: str) -> list[Exam]:
    """Return the exams of a benchmark that a workspace holds: one for each version of its items."""
    files = sorted((workspace / FOLDER / suite / benchmark).glob("*.json"))
    return [Exam.from_dict(json.loads(file.read_text(encoding="utf-8"))) for file in files]


def _with_salt(suite: str, benchmark: str, items: tuple[ExamItem, ...], workspace: Path) -> Exam:
    """Return the kept exam of these items; else a new one with a salt of its own, which is kept first."""
    if not items:
        raise BadInputError(f"The private exam {benchmark} has no items here.")
    for exam in kept(workspace, suite, benchmark):
        if exam.items == items:
            return exam
    exam = Exam(suite, benchmark, secrets.token_hex(32), items)
    folder = workspace / FOLDER / suite / benchmark
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{exam.root[:16]}.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(exam.as_dict(), opened, ensure_ascii=False)
        opened.flush()
        os.fsync(opened.fileno())  # without its salt nobody can ever check the exam
    return exam
