"""A unit is planned together and never split over workers: a task, or tasks about the same documents."""

from __future__ import annotations

from collections.abc import Iterable

SHARE_DOCUMENTS = ("leaderboard_gpqa",)  # diamond is part of main, main of extended


def unit_of(task: str) -> str:
    """The unit that a task belongs to."""
    return next((prefix for prefix in SHARE_DOCUMENTS if task.startswith(prefix)), task)


def group(tasks: Iterable[str]) -> dict[str, list[str]]:
    """Tasks by unit, in the order given."""
    units: dict[str, list[str]] = {}
    for task in tasks:
        units.setdefault(unit_of(task), []).append(task)
    return units
