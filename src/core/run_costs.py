"""What a run took: tokens and seconds for an item, dollars in all, and who answered. Unknown is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.core.records import Result
from src.core.run_identity import backend_of, is_served
from src.core.untrusted import number

WEIGHTS = "weights"
SERVED = "served"


def run_costs(result: Result) -> dict[str, Any]:
    """Return the frame's columns `served`, `tokens_per_item`, `seconds_per_item` and `dollars` of one run."""
    return {
        "served": answered_by(result),
        "tokens_per_item": _tokens_per_item(result),
        "seconds_per_item": _seconds_per_item(result),
        "dollars": _dollars(result),
    }


def answered_by(result: Result) -> str | None:
    """Return "weights", or "served: PROVIDER, DAY" as far as the file says; None if it names no backend."""
    block = _block(result, "served")
    known = [str(value) for name in ("provider", "date") if (value := block.get(name))]
    if known:
        return f"{SERVED}: {', '.join(known)}"
    backend = backend_of(result)
    if backend is None:
        return None
    if not is_served(backend):
        return WEIGHTS
    return f"{SERVED}: {', '.join([backend, *([f'{result.date:%Y-%m-%d}'] if result.date else [])])}"


def is_of_server(served: Any) -> bool:
    """Return whether the frame's `served` says that a server answered."""
    return isinstance(served, str) and served.startswith(SERVED)


def _tokens_per_item(result: Result) -> float | None:
    """Return the mean tokens of a generated answer, thinking included: as the server counted, else as the run did."""
    block = _block(result, "served")
    tokens, answers = number(block.get("generated_tokens")), number(block.get("generated_answers"))
    if tokens is not None and answers:
        return tokens / answers
    counted = [
        (number(each.get("answers")), number(each.get("tokens")))
        for each in _block(result, "thinking").values()
        if isinstance(each, Mapping)
    ]
    known = [(answers, tokens) for answers, tokens in counted if answers and tokens is not None]
    if not known or len(known) < len(counted):
        return None
    return sum(answers * tokens for answers, tokens in known) / sum(answers for answers, _ in known)


def _seconds_per_item(result: Result) -> float | None:
    seconds, items = number(result.settings.get("total_evaluation_time_seconds")), sum(result.samples.values())
    return seconds / items if seconds and seconds > 0 and items else None


def _dollars(result: Result) -> float | None:
    """Return what the run cost. A price of 0 is that of hardware of one's own, whose cost nobody stated."""
    return number(_block(result, "cost").get("dollars")) or None


def _block(result: Result, name: str) -> Mapping[str, Any]:
    block = result.settings.get(name)
    return block if isinstance(block, Mapping) else {}
