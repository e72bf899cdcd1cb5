"""Trust: random documents are scored again by stock in the same run, and the largest difference is recorded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from lm_eval.api.instance import Instance

from evaluator.engine.report import Verification


def scores(lm: Any, requests: Sequence[Instance], answers: Sequence[Any], documents: int, seed: str) -> Verification:
    """Compare log-likelihoods of `documents` random documents with stock's."""
    chosen = _of_documents(requests, documents, seed)
    stock = lm.stock_loglikelihood([requests[i] for i in chosen])
    return Verification(
        documents=len({_document(requests[i]) for i in chosen}),
        requests=len(chosen),
        largest_difference=max((abs(answers[i][0] - s[0]) for i, s in zip(chosen, stock, strict=True)), default=None),
        greedy_changed=sum(answers[i][1] != s[1] for i, s in zip(chosen, stock, strict=True)),
    )


def texts(lm: Any, requests: Sequence[Instance], answers: Sequence[str], documents: int, seed: str) -> Verification:
    """Compare generated texts of `documents` random documents with stock's, one at a time."""
    chosen = _of_documents(requests, documents, seed)
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


def _of_documents(requests: Sequence[Instance], count: int, seed: str) -> list[int]:
    """The requests of `count` documents, chosen at random but the same again for the same model and requests."""
    documents = sorted({_document(request) for request in requests})
    chosen = set(random.Random(f"{seed} {len(documents)}").sample(documents, min(count, len(documents))))
    return [i for i, request in enumerate(requests) if _document(request) in chosen]
