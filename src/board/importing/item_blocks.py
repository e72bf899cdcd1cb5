"""What a run's logged answers tell of its scores, added to the run's result as the evaluator adds it to its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from src.board.importing.reader import FoundResult
from src.core import suites
from src.core.item_errors import KEY as ERRORS
from src.core.item_errors import item_errors
from src.core.option_scores import KEY as OPTIONS
from src.core.option_scores import option_scores
from src.core.scoring import score


def with_item_blocks(found: FoundResult, names: Iterable[str]) -> tuple[FoundResult, str | None]:
    """Return a result with errors from its items and what its options say, for benchmarks of the suites `names`.

    Unchanged if no benchmark has all its answers, or if the file has these blocks already; and with a sentence if the
    logged answers are not as the harness writes them, so that the errors come from counts.
    """
    if not found.samples or {ERRORS, OPTIONS} & set(found.result.settings):
        return found, None
    try:
        blocks = _blocks(found, names)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a stranger's lines can hold anything
        why = f"{found.result.model}: its answers are not as the harness logs them ({error}) and are left out; "
        return replace(found, samples={}), why + "errors come from counts."
    if not blocks:
        return found, None
    fields = json.loads(found.data)
    result = found.result.model_copy(update={"settings": {**found.result.settings, **blocks}})
    return replace(found, result=result, data=json.dumps(fields | blocks, ensure_ascii=False).encode()), None


def _blocks(found: FoundResult, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    lines = {task: list(opened()) for task, opened in found.samples.items()}
    blocks: dict[str, dict[str, Any]] = defaultdict(dict)
    for suite in map(suites.load, names):
        graded = score(found.result, suite)
        for benchmark in suite.benchmarks:
            own = {task.name: name for task in benchmark.tasks for name in (task.name, *task.aliases) if name in lines}
            if not benchmark.tasks or len(own) < len(benchmark.tasks):
                continue
            answers = {task: lines[name] for task, name in own.items()}
            if error := item_errors(benchmark, answers, graded.benchmarks[benchmark.key].raw):
                blocks[ERRORS][benchmark.key] = error.write()
            if certainty := option_scores(benchmark, answers):
                blocks[OPTIONS][benchmark.key] = certainty.write()
    return dict(blocks)
