"""Why a result gives no score: benchmarks that a run has in part, and tasks that no suite has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from src.core.records import Result
from src.core.scoring import BenchmarkScore, score
from src.core.suites import Suite, load

MOST = 4
DRAFT = "`python app.py suite FILE` drafts a suite of them; docs/suites.md says how"


def of_results(results: Iterable[Result], names: Sequence[str]) -> list[str]:
    """Return a sentence for each benchmark that a run began and has no score of, and for its unknown tasks."""
    known = [load(name) for name in names]
    return list(dict.fromkeys(note for result in results for note in _of_result(result, known)))


def _of_result(result: Result, known: Sequence[Suite]) -> Iterator[str]:
    used: set[str] = set()
    for suite in known:
        scored = score(result, suite)
        for benchmark in suite.benchmarks:
            each = scored.benchmarks[benchmark.key]
            ran = {task.task for task in each.subtasks if task.problem != "not run"}
            named = {name for name in result.tasks if any(task.task.startswith(f"{name}_") for task in each.subtasks)}
            used |= ran | named | {name for task in benchmark.tasks for name in task.aliases}
            if each.raw is None and (ran or named):
                yield f"{result.model}: no {benchmark.title} of {suite.title}: {_why(each, named)}."
            source = benchmark.sources.get(result.harness)
            if each.raw is not None and source and source.fallback in each.subtasks[0].metrics:
                yield f"{result.model}: {benchmark.title} is {result.harness}'s {source.fallback}, graded otherwise."
    if unknown := [task for task in result.tasks if task not in used and task not in result.groups]:
        shown = ", ".join(unknown[:MOST]) + (f" and {len(unknown) - MOST} more" if len(unknown) > MOST else "")
        if not used & result.tasks.keys():
            yield f"{result.model}: no suite has the tasks {shown}; {DRAFT}."


def _why(each: BenchmarkScore, groups: set[str]) -> str:
    """Return what is wrong with a benchmark's tasks, the most frequent reason first."""
    by_problem: dict[str, list[str]] = {}
    for task in each.subtasks:
        if task.problem:
            by_problem.setdefault(task.problem, []).append(task.task)
    parts = []
    for problem, tasks in sorted(by_problem.items(), key=lambda item: -len(item[1])):
        shown = ", ".join(tasks[:MOST]) + (f" and {len(tasks) - MOST} more" if len(tasks) > MOST else "")
        parts.append(f"{problem} ({len(tasks)} of {len(each.subtasks)} tasks: {shown})")
    if len(parts) > 2:
        parts[2:] = [f"and {len(parts) - 2} reasons more"]
    if groups:
        parts.append(f"the file has only the group value {', '.join(sorted(groups))}, and groups are not read")
    return "; ".join(parts)
