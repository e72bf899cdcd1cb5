"""How sure a benchmark's score is, from its graded items: the errors that a published result carries.

Miller (2024), "Adding Error Bars to Evals", arXiv:2411.00640. Questions that are asked more than once, and repeats of
one question, count as clusters. Items that were not graded are inside the interval: its low end grades them all wrong,
its high end all right (Manski 2003, "Partial Identification of Probability Distributions").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from src.core import exact
from src.core.items.details import question_hash
from src.core.statistics.intervals import Array, Estimate, Stratum, macro, mean_of_metrics, pooled
from src.core.suites import Benchmark, Task
from src.core.untrusted import number

KEY = "item_errors"
"""The block of a result file: benchmark → `ItemErrors`."""
REPEATED = 0.01
"""Share of repeated questions from which a benchmark's items count as clustered."""
AGREES = 1e-6
"""How far the mean of the items may be from the published raw score, whose error they would else not be."""


Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ItemErrors:
    """One benchmark's error in points of its published score, before clipping at chance.

    low, high: the 95 % interval, ungraded items included; items: graded; clusters: independent questions among them,
    None if every item is one.
    """

    se: float
    low: float
    high: float
    items: int
    ungraded: int = 0
    clusters: int | None = None

    @classmethod
    def read(cls, block: Any) -> Self | None:
        """Return what a result file holds; None if it is not usable."""
        fields = {name: number(block.get(name)) for name in FIELDS} if isinstance(block, Mapping) else {}
        se, low, high, items = (fields.get(name) for name in ("se", "low", "high", "items"))
        if se is None or se <= 0 or low is None or high is None or low > high or not items:
            return None
        clusters = fields["clusters"]
        return cls(se, low, high, int(items), int(fields["ungraded"] or 0), int(clusters) if clusters else None)

    def write(self) -> dict[str, Any]:
        """Return the block of a result file."""
        return exact.rounded_fields(asdict(self))


FIELDS = tuple(ItemErrors.__dataclass_fields__)


def item_errors(benchmark: Benchmark, lines: Mapping[str, Lines], raw: float | None = None) -> ItemErrors | None:
    """Return a benchmark's error from the sample lines of its tasks, as lm-eval logs them.

    `raw`: the published raw score. None if a task is missing or has fewer than two graded items, if scores are no
    shares of right answers, or if their mean is not `raw` (BLEU of a corpus is no mean over its sentences).
    """
    if not benchmark.tasks or any(task.name not in lines for task in benchmark.tasks):
        return None
    tasks = [_graded(benchmark, task, lines[task.name]) for task in benchmark.tasks]
    known = [_without_ungraded(task) for task in tasks]
    if any(len(scores) < 2 or not np.all((scores >= 0) & (scores <= 1)) for task in known for scores in task.metrics):
        return None
    if min(map(len, _questions(benchmark, known))) < 2:  # nothing tells how other questions would vary
        return None
    if raw is not None and abs(_raw(benchmark, known) - raw) > AGREES:
        return None
    estimate = _estimate(benchmark, known)
    low, high = estimate.interval.low, estimate.interval.high
    ungraded = sum(int(task.ungraded.sum()) for task in tasks)
    if ungraded:
        low = _estimate(benchmark, [_filled(task, 0.0) for task in tasks]).interval.low
        high = _estimate(benchmark, [_filled(task, 1.0) for task in tasks]).interval.high
    unit = benchmark.scale / 100
    items = sum(len(task.metrics[0]) for task in known)
    questions = sum(map(len, _questions(benchmark, known)))
    return ItemErrors(
        se=estimate.se * unit, low=low * unit, high=high * unit, items=items, ungraded=ungraded,
        clusters=questions if questions < items else None,
    )  # fmt: skip


@dataclass(frozen=True)
class _Graded:
    """A task's items, metric by metric: scores (NaN: not graded) and the question each belongs to."""

    metrics: tuple[Array, ...]
    questions: tuple[np.ndarray, ...]
    chance: float

    @property
    def ungraded(self) -> np.ndarray:
        return np.isnan(self.metrics[0])


def _graded(benchmark: Benchmark, task: Task, lines: Lines) -> _Graded:
    """Read a task's lines; of a metric that grades parts of an answer (instructions) every part is an item."""
    scores, questions = [], []
    for metric in benchmark.metrics:
        values: list[float] = []
        owners: list[str] = []
        for line, value in _values(lines, (metric, *benchmark.spellings.get(metric, ()))):
            parts = value if isinstance(value, list) and value else [value]
            values += [np.nan if (part := number(each)) is None else part for each in parts]
            owners += [question_hash(line) or f"{task.name}/{line.get('doc_id')}"] * len(parts)
        scores.append(np.array(values, float))
        questions.append(np.array(owners, str))
    chance = (task.chance or 0.0) if benchmark.normalise != "none" else 0.0
    return _Graded(tuple(scores), tuple(questions), chance)


def _values(lines: Lines, names: Sequence[str]) -> list[tuple[Mapping[str, Any], Any]]:
    """Return each line of the metric's filter with the metric's value, under the first name that any line has."""
    for name in names:
        metric, _, filter_ = name.partition(",")
        chosen = [line for line in lines if not filter_ or line.get("filter", filter_) == filter_]
        if any(line.get(metric) is not None for line in chosen):
            return [(line, line.get(metric)) for line in chosen]
    return [(line, None) for line in lines]


def _without_ungraded(task: _Graded) -> _Graded:
    kept = [~np.isnan(scores) for scores in task.metrics]
    return _Graded(
        tuple(scores[keep] for scores, keep in zip(task.metrics, kept, strict=True)),
        tuple(questions[keep] for questions, keep in zip(task.questions, kept, strict=True)),
        task.chance,
    )


def _filled(task: _Graded, value: float) -> _Graded:
    return _Graded(
        tuple(np.where(np.isnan(scores), value, scores) for scores in task.metrics), task.questions, task.chance
    )


def _estimate(benchmark: Benchmark, tasks: Sequence[_Graded]) -> Estimate:
    if benchmark.pooling == "mean_of_metrics":
        count = len(benchmark.metrics)
        joined = [np.concatenate([task.metrics[m] for task in tasks]) for m in range(count)]
        owners = [np.concatenate([task.questions[m] for task in tasks]) for m in range(count)]
        return mean_of_metrics([Stratum(*each) for each in zip(joined, [0.0] * count, owners, strict=True)])
    scores = [task.metrics[0] for task in tasks]
    if benchmark.pooling == "mean" and len(tasks) > 1:
        clusters = [_clusters([task]) for task in tasks]
        return macro([
            Stratum(x, task.chance, c[0] if c else None) for x, task, c in zip(scores, tasks, clusters, strict=True)
        ])  # fmt: skip
    labels = _clusters(tasks)
    return pooled([
        Stratum(x, task.chance, None if labels is None else labels[at])
        for at, (x, task) in enumerate(zip(scores, tasks, strict=True))
    ])  # fmt: skip


def _clusters(tasks: Sequence[_Graded]) -> list[np.ndarray] | None:
    """Return the questions as clusters if enough of them are asked more than once."""
    questions = [task.questions[0] for task in tasks]
    every = np.concatenate(questions)
    return questions if len(np.unique(every)) < (1 - REPEATED) * len(every) else None


def _questions(benchmark: Benchmark, tasks: Sequence[_Graded]) -> list[np.ndarray]:
    """Return the different questions of each stratum: of every subtask if scores are averaged, else of all together."""
    groups = [[task] for task in tasks] if benchmark.pooling == "mean" else [list(tasks)]
    return [np.unique(np.concatenate([task.questions[0] for task in group])) for group in groups]


def _raw(benchmark: Benchmark, tasks: Sequence[_Graded]) -> float:
    if benchmark.pooling == "mean_of_metrics":
        return float(
            np.mean([np.concatenate([t.metrics[m] for t in tasks]).mean() for m in range(len(benchmark.metrics))])
        )
    if benchmark.pooling == "mean":
        return float(np.mean([task.metrics[0].mean() for task in tasks]))
    return float(np.concatenate([task.metrics[0] for task in tasks]).mean())
