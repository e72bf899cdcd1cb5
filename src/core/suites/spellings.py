"""The names that other tables, cards and records give a benchmark."""

from __future__ import annotations

import re
from functools import cache

from src.core.suites.suite import Benchmark


@cache
def fold(label: str) -> str:
    """Return a label without shots, links, case, spaces or punctuation: `MATH Lvl 5 (4-Shot)` → `mathlvl5`."""
    return re.sub(r"[\W_]+", "", re.sub(r"\([^()]*\)", "", label[:200])).casefold()


def spellings(benchmark: Benchmark) -> set[str]:
    """Return the names of a benchmark, folded; that of its task if it has one alone."""
    tasks = [task.name for task in benchmark.tasks] if len(benchmark.tasks) == 1 else []
    return {fold(name) for name in (benchmark.key, benchmark.title, benchmark.column, *benchmark.columns, *tasks)}
