"""A unit is planned together and never split over workers: a task, or tasks about the same documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def group(tasks: Iterable[str], together: Mapping[str, str]) -> dict[str, list[str]]:
    """Group tasks by unit, in the given order. `together`: task → unit, for those that share documents."""
    units: dict[str, list[str]] = {}
    for task in tasks:
        units.setdefault(together.get(task, task), []).append(task)
    return units
