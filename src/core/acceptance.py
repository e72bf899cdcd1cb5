"""Which result files count: those that a queue accepted, and those that no queue asked for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from src.core.queue import Queue, QueueState, request_key
from src.core.records import Request, Result


class Verdict(Enum):
    """How a result file stands with the queue of its store."""

    ACCEPTED = "its request ended with it"
    FOREIGN = "it was imported, or is another board's: no run of this queue"
    OPEN = "its request has not ended yet"
    OTHER_RUN = "another run of that request was accepted"
    WITHDRAWN = "its request was put back into the queue"
    OTHER_MODEL = "it speaks of another model than its request"


class Judged(NamedTuple):
    """A verdict, and the request if it is known."""

    verdict: Verdict
    request: Request | None = None


def judge(result: Result, body: Any, queue: Queue, state: QueueState) -> Judged:
    """Say whether a result counts.

    What ended a request is known from the name of its last event. So a result still counts if the request, or what
    its box wrote at the end, can no longer be read.

    Args:
        result: The result.
        body: The same file as parsed JSON.
        queue: The queue of its store.
        state: The state of that queue.
    """
    claim = _claim(body)
    key = str(claim.get("request", ""))
    ended_with_it = queue.is_accepted(key, _whole(claim.get("slot")), str(claim.get("nonce", "")))
    if key not in state:
        if not queue.knows(key):
            return Judged(Verdict.FOREIGN)
        return Judged(Verdict.ACCEPTED if ended_with_it else Verdict.OPEN)
    entry = state[key]
    if entry.ended is None:
        return Judged(Verdict.OPEN)
    accepted = queue.results(key)
    origin = body.get("rescored_from") if isinstance(body, dict) else None
    if result.path not in accepted and origin not in accepted and (accepted or not ended_with_it):
        return Judged(Verdict.OTHER_RUN)
    if result.model != entry.request.model:
        return Judged(Verdict.OTHER_MODEL)
    if request_key(entry.request.model_copy(update={"again": entry.request.again + 1})) in state:
        return Judged(Verdict.WITHDRAWN)
    return Judged(Verdict.ACCEPTED, entry.request)


def _claim(body: Any) -> Mapping[str, Any]:
    """Return the claim that a result says it answers."""
    config = body.get("config") if isinstance(body, dict) else None
    claim = config.get("claim") if isinstance(config, dict) else None
    return claim if isinstance(claim, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else -1
