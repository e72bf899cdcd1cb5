"""What the engine of a run tells of itself: how it answered, in which numbers, and how that compared with stock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from src.core.engine_way import way_words


def engine_facts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(title, sentence) pairs out of a result's `config`; none if another harness made it."""
    engine = config.get("engine")
    if not isinstance(engine, Mapping):
        return
    name = " ".join(str(engine[key]) for key in ("engine", "engine_version") if engine.get(key))
    ways = engine.get("scoring"), engine.get("generation")
    yield "Engine", f"{name}: {way_words(*ways)}" if any(ways) else name
    for title, key in (("Likelihoods", "scoring"), ("Generation", "generation")):
        if engine.get(key):
            reason = engine.get(f"{key}_reason")
            yield title, f"{engine[key]} ({reason})" if reason else str(engine[key])
    if numbers := ", ".join(_numbers(engine)):
        yield "Numbers", numbers
    checked = engine.get("verification")
    if isinstance(checked, Mapping) and checked.get("documents"):
        yield "Answered again by stock", ", ".join(_checked(checked))
    versions = engine.get("versions")
    if isinstance(versions, Mapping) and versions:
        yield "Packages", ", ".join(f"{name} {version}" for name, version in versions.items())


def _numbers(engine: Mapping[str, Any]) -> Iterator[str]:
    for key, words in (
        ("dtype", "weights in {}"),
        ("quantization", "quantised by {}"),
        ("autocast", "computed in {}"),
        ("softmax_dtype", "softmax in {}"),
        ("attention", "attention by {}"),
        ("pack_tokens", "packs of {} tokens"),
        ("device", "on {}"),
    ):
        if engine.get(key):
            yield words.format(engine[key])


def _checked(checked: Mapping[str, Any]) -> Iterator[str]:
    yield f"{checked['documents']} documents"
    if checked.get("largest_difference") is not None:
        yield f"largest difference {checked['largest_difference']:.1e} nats"
        yield f"{checked.get('greedy_changed', 0)} greedy marks changed"
    yield f"{checked.get('texts_changed', 0)} texts changed"
