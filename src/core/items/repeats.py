"""What sampling an answer several times tells of a benchmark's score: a block of a published result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from src.core import exact
from src.core.items.details import REPEAT_OF, TRIES
from src.core.statistics.repeats import RepeatedScore, repeated_score
from src.core.suites import Benchmark
from src.core.untrusted import mapping, number

KEY = "repeats"
"""The block of a result file: benchmark → the fields of `RepeatedScore`."""

Lines = Sequence[Mapping[str, Any]]


def repeats_of(benchmark: Benchmark, lines: Mapping[str, Lines]) -> RepeatedScore | None:
    """Return a benchmark's score over all tries of its items; None if they were tried once."""
    names = [name.partition(",")[0] for name in benchmark.metrics]
    items = [grades for task in benchmark.tasks for grades in _items(lines[task.name], names)]
    return repeated_score(items) if all(len(each) > 1 for each in items) else None


def _items(lines: Lines, names: Sequence[str]) -> Iterator[list[float]]:
    """Yield the grades of each item's tries: in one line, or in lines of their own."""
    apart: defaultdict[str, list[float]] = defaultdict(list)
    for at, line in enumerate(lines):
        tries = mapping(line.get(TRIES))
        if all(isinstance(tries.get(name), list) for name in names):
            yield [exact.mean(map(float, grades)) for grades in zip(*(tries[name] for name in names), strict=True)]
            continue
        grades = [number(line.get(name)) for name in names]
        known = [grade for grade in grades if grade is not None]
        if len(known) == len(names):
            apart[str(line.get(REPEAT_OF, at))].append(exact.mean(known))
    yield from apart.values()


def write(score: RepeatedScore) -> dict[str, Any]:
    """Return the block of a result file."""
    block = asdict(score) | {"pass_at": _texts(score.pass_at), "pass_all": _texts(score.pass_all)}
    return exact.rounded_fields(block)


def read(block: Any) -> RepeatedScore | None:
    """Return what a result file holds; None if it is not usable."""
    fields = mapping(block)
    found = {name: number(fields.get(name)) for name in ("items", "repeats", "average", "se", "low", "high", "within")}
    if any(value is None or value < 0 for value in found.values()) or not found["repeats"]:
        return None
    known = {name: float(value or 0) for name, value in found.items()}
    shares = [known[name] for name in ("average", "low", "high", "within")]
    consistency = number(fields.get("consistency"))
    if any(share > 1 for share in shares) or (consistency is not None and not 0 <= consistency <= 1):
        return None
    return RepeatedScore(
        int(known["items"]), int(known["repeats"]), known["average"], known["se"], known["low"], known["high"],
        known["within"], _numbers(fields.get("pass_at")), _numbers(fields.get("pass_all")),
        consistency,
    )  # fmt: skip


def _texts(values: Mapping[int, float]) -> dict[str, float]:
    return {str(k): exact.rounded(value) for k, value in values.items()}


def _numbers(block: Any) -> dict[int, float]:
    pairs = [(str(k), number(value)) for k, value in mapping(block).items()]
    return {
        int(k): value for k, value in pairs if k.isdecimal() and len(k) < 6 and value is not None and 0 <= value <= 1
    }
