"""`python -m evaluator suite TASK…`: draft a suite from what the harness knows of tasks, groups and tags."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping

from evaluator.box import datasets
from evaluator.run.asking import ask, count_items
from evaluator.settings import RunSettings
from evaluator.task_facts import HarnessFacts, ItemCounts, TaskFacts
from src.core.errors import BadInputError
from src.core.suites.drafting import DraftBenchmark, DraftTask, draft


def run(args: argparse.Namespace, settings: RunSettings) -> int:
    """Print the suite; say on standard error what is unknown."""
    note(f"asking the harness about {', '.join(args.tasks[:5])}{' and others' if len(args.tasks) > 5 else ''}")
    facts = ask(args.tasks, settings)
    if facts.problems:
        raise BadInputError("\n".join(f"{name}: {why}" for name, why in facts.problems.items()))
    if args.fetch:
        note("downloading the items that are not here")
        datasets.fetch(settings.benchmarks, facts.tasks.values(), settings.token)
    shots = {name: task.shots or 0 for name, task in facts.tasks.items()}
    note("counting the items that are here")
    counts = count_items(shots, facts, settings)
    print(draft(args.name, benchmarks(args.tasks, facts, counts), "these tasks"))
    say_unknown(facts.tasks.values(), counts)
    return 0


def benchmarks(names: Iterable[str], facts: HarnessFacts, counts: Mapping[str, ItemCounts]) -> list[DraftBenchmark]:
    """Return a benchmark for each name: a task, or a group or tag with its tasks."""
    found = []
    for name in dict.fromkeys(names):
        tasks = [facts.tasks[task] for task in facts.groups.get(name, (name,))]
        title = facts.titles.get(name) or (tasks[0].title if len(tasks) == 1 else None)
        drafted = tuple(_task(task, counts.get(task.name, ItemCounts())) for task in tasks)
        found.append(DraftBenchmark(name, drafted, title, tuple(dict.fromkeys(_notes(tasks)))))
    return found


def say_unknown(tasks: Iterable[TaskFacts], counts: Mapping[str, ItemCounts]) -> None:
    """Name on standard error the tasks whose items could not be counted."""
    absent: dict[str, list[str]] = {}
    for task in tasks:
        if task.name not in counts and task.problem is None:
            absent.setdefault(str(task.dataset), []).append(task.name)
        elif task.name in counts and counts[task.name].problem:
            note(f"unknown: the items of {task.name} cannot be read: {counts[task.name].problem}", end="")
    for dataset, names in absent.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        note(f"unknown: the items of {names[0]}{others} are not here ({dataset}); --fetch downloads them", end="")


def note(step: str, end: str = " …") -> None:
    """Report a step on standard error: standard output is a file for other programs."""
    print(f"{step}{end}", file=sys.stderr, flush=True)


def _task(facts: TaskFacts, counts: ItemCounts) -> DraftTask:
    plain = {metric: metric.removesuffix(",none") for metric in facts.metrics}
    return DraftTask(
        name=facts.name,
        title=facts.title.replace("_", " ") if facts.title else None,
        metrics=tuple(plain.values()),
        lower_is_better=frozenset(
            plain[metric] for metric, about in facts.metrics.items() if not about["higher_is_better"]
        ),
        shots=facts.shots or 0,
        options=counts.options or facts.options,
        items=counts.items,
    )


def _notes(tasks: Iterable[TaskFacts]) -> Iterable[str]:
    for task in tasks:
        if task.problem:
            yield f"{task.name} cannot be run here: {task.problem}."
        if task.runs_code:
            yield f"{task.name} executes what the model wrote: boxes need --allow-code."
        if task.helpers and not task.folder:
            yield f"{task.name} runs Python of the board's own tasks: boxes need --trust-tasks."
