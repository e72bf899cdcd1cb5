"""Verification: score random documents again with stock in the same run, and record the largest difference."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from lm_eval.api.instance import Instance

from evaluator.engine.report import Verification


class Lottery:
    """Draws random documents of a run whose requests arrive task by task: a document's lot depends only on itself."""

    def __init__(self, count: int, seed: str) -> None:
        self._count, self._seed = count, seed
        self.lowest: list[str] = []  # lots drawn so far

    def draw(self, requests: Sequence[Instance]) -> list[int]:
        """Return the requests of documents whose lots are among the `count` lowest seen so far."""
        lots = {_document(request): self._lot(_document(request)) for request in requests}
        self.lowest = sorted({*self.lowest, *lots.values()})[: self._count]
        return [i for i, request in enumerate(requests) if lots[_document(request)] in self.lowest]

    def _lot(self, document: tuple[str, int]) -> str:
        return hashlib.sha256(f"{self._seed} {document}".encode()).hexdigest()


def verify_scores(lm: Any, requests: Sequence[Instance], answers: Sequence[Any], chosen: Sequence[int]) -> Verification:
    """Compare the log-likelihoods of the chosen requests with stock's."""
    stock = lm.stock_loglikelihood([requests[i] for i in chosen])
    return Verification(
        documents=len({_document(requests[i]) for i in chosen}),
        requests=len(chosen),
        largest_difference=max((abs(answers[i][0] - s[0]) for i, s in zip(chosen, stock, strict=True)), default=None),
        greedy_changed=sum(answers[i][1] != s[1] for i, s in zip(chosen, stock, strict=True)),
    )


def verify_texts(lm: Any, requests: Sequence[Instance], answers: Sequence[str], chosen: Sequence[int]) -> Verification:
    """Compare the generated texts of the chosen requests with stock's, one at a time."""
    size, lm.batch_size_per_gpu = lm.batch_size_per_gpu, 1
    try:
        stock = lm.stock_generate([requests[i] for i in chosen])
    finally:
        lm.batch_size_per_gpu = size
    return Verification(
        documents=len({_document(requests[i]) for i in chosen}),
        requests=len(chosen),
        texts_changed=sum(answers[i] != s for i, s in zip(chosen, stock, strict=True)),
    )


def _document(request: Instance) -> tuple[str, int]:
    return request.task_name or "", request.doc_id or 0
