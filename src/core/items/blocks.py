"""The blocks of a result that only its items tell, for a run of our own and for one that is imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from src.core.items import errors, habits, options, repeats, sensitivity
from src.core.records import Result
from src.core.scoring import score
from src.core.suites import Suite

SampleLines = Callable[[], Iterable[Mapping[str, Any]]]
"""Opens the answers of one task, one mapping an item, with the fields of lm-eval's sample lines."""

KEYS = (errors.KEY, options.KEY, sensitivity.KEY, habits.KEY, repeats.KEY)


def blocks_of_items(result: Result, suite: Suite, samples: Mapping[str, SampleLines]) -> dict[str, Any]:
    """Return block → benchmark → what its items tell, for each benchmark of `suite` whose tasks all have samples.

    A task's samples stand under any of the names that the suite knows for it. One benchmark's lines are in memory at
    a time.
    """
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    scored = score(result, suite)
    for benchmark in suite.benchmarks:
        names = {task.name: name for task in benchmark.tasks for name in (task.name, *task.aliases) if name in samples}
        if not benchmark.tasks or len(names) < len(benchmark.tasks):
            continue
        lines = {task: list(samples[name]()) for task, name in names.items()}
        if error := errors.item_errors(benchmark, lines, scored.benchmarks[benchmark.key].raw):
            found[errors.KEY][benchmark.key] = error.write()
        if uncertainty := options.option_scores(benchmark, lines):
            found[options.KEY][benchmark.key] = uncertainty.write()
        if sensitive := sensitivity.option_sensitivity(benchmark, lines):
            found[sensitivity.KEY][benchmark.key] = sensitive.write()
        if repeated := repeats.repeats_of(benchmark, lines):
            found[repeats.KEY][benchmark.key] = repeats.write(repeated)
        if habit := habits.answer_habits(benchmark, lines):
            found[habits.KEY][benchmark.key] = habit
    return dict(found)
