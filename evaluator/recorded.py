"""A model that answers what it answered before: an earlier run's samples, for grading them anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class ItemsChanged(ValueError):
    """The benchmark at hand is not the one that was answered."""


class Recorded:
    """Answers as lm-eval asks, by task, item and option. Raises ItemsChanged where an item was not asked then."""

    rank, world_size = 0, 1  # what lm-eval wants to know of any model

    def __init__(self, samples: Mapping[str, Path]) -> None:
        self._lines: dict[str, dict[tuple[int, str], dict[str, Any]]] = {}
        self._responses: dict[str, dict[int, Any]] = {}
        for task, path in samples.items():
            with path.open(encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            self._lines[task] = {(line["doc_id"], line.get("filter", "none")): line for line in lines}
            self._responses[task] = {line["doc_id"]: line["resps"] for line in lines}

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        answers = []
        for request in requests:
            likelihood, greedy = self._answer(request)
            answers.append((float(likelihood), str(greedy) == "True"))
        return answers

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        return [str(self._answer(request)) for request in requests]

    def restore(self, task: str, sample: Mapping[str, Any]) -> dict[str, Any]:
        """The recorded sample with the new metrics; prompts and responses stay as they were."""
        before = self._lines[task][sample["doc_id"], sample["filter"]]
        if before["doc_hash"] != sample["doc_hash"]:
            raise ItemsChanged(f"Item {sample['doc_id']} of {task} is not the one that was answered.")
        return before | {name: sample[name] for name in sample["metrics"]} | {"metrics": sample["metrics"]}

    def _answer(self, request: Any) -> Any:
        responses = self._responses[request.task_name].get(request.doc_id)
        if responses is None:
            raise ItemsChanged(f"Item {request.doc_id} of {request.task_name} was not asked then.")
        return responses[request.idx][0]
