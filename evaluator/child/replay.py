"""A model that repeats the answers of an earlier run, to grade them again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class ItemsChangedError(ValueError):
    """Raised if the items of a benchmark differ from those that were answered."""


class Replay:
    """A model for lm-eval that answers by task, item and option. Raise ItemsChangedError for an unknown item."""

    rank, world_size = 0, 1  # lm-eval reads these of every model

    def __init__(self, samples: Mapping[str, Path]) -> None:
        self._lines: dict[str, dict[tuple[int, str], dict[str, Any]]] = {}
        self._responses: dict[str, dict[int, Any]] = {}
        for task, path in samples.items():
            with path.open(encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            self._lines[task] = {(line["doc_id"], line.get("filter", "none")): line for line in lines}
            self._responses[task] = {line["doc_id"]: line["resps"] for line in lines}

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Return the recorded log-likelihoods, each with whether greedy decoding gives the continuation."""
        answers = []
        for request in requests:
            likelihood, greedy = self._answer(request)
            answers.append((float(likelihood), str(greedy) == "True"))
        return answers

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Return the recorded texts."""
        return [str(self._answer(request)) for request in requests]

    def restore(self, task: str, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recorded sample with the new metrics; prompts and responses do not change."""
        before = self._lines[task][sample["doc_id"], sample["filter"]]
        if before["doc_hash"] != sample["doc_hash"]:
            raise ItemsChangedError(f"Item {sample['doc_id']} of {task} differs from the item that was answered.")
        return before | {name: sample[name] for name in sample["metrics"]} | {"metrics": sample["metrics"]}

    def _answer(self, request: Any) -> Any:
        responses = self._responses[request.task_name].get(request.doc_id)
        if responses is None:
            raise ItemsChangedError(f"Item {request.doc_id} of {request.task_name} is not among the recorded answers.")
        return responses[request.idx][0]
