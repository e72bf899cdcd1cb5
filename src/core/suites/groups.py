"""A suite may name a group of the harness: its tasks are known from the harness, or from a result's own file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from src.core.suites.suite import Benchmark, Suite, Task


def with_groups(suite: Suite, groups: Mapping[str, Sequence[str]], tasks: Collection[str] = ()) -> Suite:
    """Return the suite with each group replaced by its tasks, unless it is one of `tasks` itself."""
    if not any(task.name in groups and task.name not in tasks for task in suite.tasks):
        return suite
    return replace(suite, benchmarks=tuple(_with_groups(each, groups, tasks) for each in suite.benchmarks))


def _with_groups(benchmark: Benchmark, groups: Mapping[str, Sequence[str]], tasks: Collection[str]) -> Benchmark:
    found: list[Task] = []
    for task in benchmark.tasks:
        members = [] if task.name in tasks else leaves(task.name, groups)
        found += [replace(task, name=each, title=each, items=None, aliases=()) for each in members] or [task]
    return replace(benchmark, tasks=tuple(found))


def leaves(name: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tasks of a group, of groups within it too; none if it is no group."""
    found: list[str] = []
    left, seen = list(reversed(groups.get(name, ()))), {name}
    while left:
        each = left.pop()
        if each in seen:
            continue
        seen.add(each)
        inner = groups.get(each, ())
        if inner:
            left += reversed(inner)
        else:
            found.append(each)
    return found
