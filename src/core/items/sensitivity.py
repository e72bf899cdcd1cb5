"""How much a multiple-choice score depends on the order and the labels of the options.

A run with `--perturb` asks every question again with its options in other orders or under other labels; the sample
lines hold the answers. A model that knows the answer chooses the same option each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from src.core import exact
from src.core.items.details import PERTURBED, option_likelihoods
from src.core.items.options import known_answers
from src.core.result_files import number
from src.core.scoring import pooled_score
from src.core.suites import Benchmark

KEY = "option_sensitivity"
"""The block of a result file: benchmark → `OptionSensitivity`."""
KINDS = ("order", "labels")


@dataclass(frozen=True)
class OptionSensitivity:
    """What other orders and labels of the options do to one benchmark's score.

    items: asked in several ways; changed: the share of them in which some way has another option chosen; score: of the
    original way; order, labels: the scores of the other ways, as scores are published; without: tasks of the benchmark
    whose options have no letters or numbers, and which keep their score in every way.
    """

    items: int
    changed: float
    score: float
    order: tuple[float, ...] = ()
    labels: tuple[float, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def low(self) -> float:
        """The lowest score of all ways."""
        return min(self.score, *self.order, *self.labels)

    @property
    def high(self) -> float:
        """The highest score of all ways."""
        return max(self.score, *self.order, *self.labels)

    @classmethod
    def read(cls, block: Any) -> Self | None:
        """Return what a result file holds; None if it is not usable."""
        if not isinstance(block, Mapping):
            return None
        items, changed, score = (number(block.get(name)) for name in ("items", "changed", "score"))
        ways = {kind: [number(each) for each in _list(block.get(kind))] for kind in KINDS}
        if not items or changed is None or score is None or not any(ways.values()):
            return None
        known = {kind: tuple(each for each in own if each is not None) for kind, own in ways.items()}
        if any(len(known[kind]) < len(ways[kind]) for kind in KINDS):
            return None
        without = tuple(str(name)[:200] for name in _list(block.get("without")))
        return cls(int(items), changed, score, known["order"], known["labels"], without)

    def write(self) -> dict[str, Any]:
        """Return the block of a result file."""
        return asdict(self)


def option_sensitivity(
    benchmark: Benchmark, lines: Mapping[str, Sequence[Mapping[str, Any]]]
) -> OptionSensitivity | None:
    """Return a benchmark's figures from the sample lines of its tasks; None if no question was asked in several ways.

    Items that were asked in one way only keep their grade in every way.
    """
    tasks = [_graded(lines[task.name], "acc_norm" in benchmark.metrics) for task in benchmark.tasks]
    items = sum(task.perturbed for task in tasks)
    if not items or any(not task.grades for task in tasks):
        return None

    def score(kind: str, way: int) -> float:
        raws = [exact.mean(_of_way(grades, kind, way) for grades in task.grades) for task in tasks]
        return pooled_score(benchmark, raws, [len(task.grades) for task in tasks])

    most = {kind: max((task.ways.get(kind, 0) for task in tasks), default=0) for kind in KINDS}
    return OptionSensitivity(
        items=items,
        changed=sum(task.changed for task in tasks) / items,
        score=score("", 0),
        order=tuple(score("order", way) for way in range(most["order"])),
        labels=tuple(score("labels", way) for way in range(most["labels"])),
        without=tuple(task.name for task, own in zip(benchmark.tasks, tasks, strict=True) if not own.perturbed),
    )


Grades = dict[str, list[float]]
"""The grades of one item: "" → the original way's, a kind → those of its other ways."""


@dataclass(frozen=True)
class _GradedOrders:
    grades: list[Grades]
    perturbed: int
    changed: int

    @property
    def ways(self) -> dict[str, int]:
        return {kind: max((len(own.get(kind, ())) for own in self.grades), default=0) for kind in KINDS}


def _of_way(grades: Grades, kind: str, way: int) -> float:
    own = grades.get(kind) or grades[""]
    return own[way % len(own)]  # two options have one other order only


def _graded(lines: Sequence[Mapping[str, Any]], by_length: bool) -> _GradedOrders:
    answers = known_answers(lines, by_length)
    grades: list[Grades] = []
    perturbed = changed = 0
    for line, answer in zip(lines, answers or [None] * len(lines), strict=True):
        grade = number(line.get("acc_norm" if by_length else "acc"))
        if grade is None:
            continue
        own: Grades = {"": [grade]}
        options, likelihoods = option_likelihoods(line)
        block = line.get(PERTURBED)
        if answer is not None and isinstance(block, Mapping) and None not in likelihoods:
            original = _choice(likelihoods, options, by_length)
            chosen = {kind: _choices(block.get(kind), options, by_length) for kind in KINDS}
            own |= {kind: [float(each == answer) for each in each_kind] for kind, each_kind in chosen.items()}
            ways = [each for each_kind in chosen.values() for each in each_kind]
            perturbed += bool(ways)
            changed += any(each != original for each in ways)
        grades.append(own)
    return _GradedOrders(grades, perturbed, changed)


def _choices(ways: Any, options: Sequence[str], by_length: bool) -> list[int]:
    found = []
    for way in _list(ways):
        likelihoods = [number(each) for each in _list(way.get("loglikelihoods"))] if isinstance(way, Mapping) else []
        if len(likelihoods) == len(options) and None not in likelihoods:
            found.append(_choice(likelihoods, options, by_length))
    return found


def _choice(likelihoods: Sequence[float | None], options: Sequence[str], by_length: bool) -> int:
    lengths = [max(len(option), 1) if by_length else 1 for option in options]
    weights = [float(value or 0) / n for value, n in zip(likelihoods, lengths, strict=True)]
    return weights.index(max(weights))


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
