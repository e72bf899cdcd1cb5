"""Grade every try of a task that samples each answer several times.

The harness grades what the task's filters leave, which is the first try or a vote; each try by itself tells how far
chance in sampling moves a score.
"""

from __future__ import annotations

from typing import Any

from lm_eval.api.instance import Instance

from src.core.items.details import TRIES
from src.core.untrusted import number


def note_tries(task: Any, samples: list[dict[str, Any]]) -> None:
    """Add to the sample lines of a generating task with `repeats` metric → the grade of each try, in their order."""
    if task.OUTPUT_TYPE != "generate_until" or int(task.config.repeats or 1) < 2:
        return
    for sample in samples:
        texts = sample["resps"][0]
        graded = [_grades(task, sample["doc"], text, sample["filter"]) for text in texts]
        names = [name for name in sample["metrics"] if all(number(each.get(name)) is not None for each in graded)]
        sample[TRIES] = {name: [float(each[name]) for each in graded] for name in names}


def _grades(task: Any, doc: dict[str, Any], text: str, chosen: str) -> dict[str, Any]:
    one = Instance("generate_until", doc, ("", {}), 0, (task.config.task, 0, 1), resps=[text])
    for ensemble in task._filters:
        if ensemble.name == chosen:
            ensemble.apply([one])
    grades: dict[str, Any] = task.process_results(doc, [one.filtered_resps[chosen]])
    return grades
