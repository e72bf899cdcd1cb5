"""Harness numbers → raw value → published score → average, always from the subtasks; what is missing is named.

raw: subtasks pooled as the suite says (plain mean, mean weighted by items, or mean of several metrics), 0..1.
score: scale × raw, or, chance-adjusted, scale × max(0, (x − chance)/(1 − chance)): in each subtask before the
mean ("subtasks") or once from the pooled value ("once"). Lower-is-better benchmarks are never normalised.
average: the suite's aggregation over its benchmarks; None unless every one of them is there.
Checked against the published tables to 1e-9 (`tests/core/test_scoring.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from src.core import exact
from src.core.records import Result
from src.core.statistics.aggregate import aggregate
from src.core.suites import Benchmark, SourceTask, Suite, Task
from src.core.untrusted import number


@dataclass(frozen=True)
class SubtaskScore:
    """One task of a benchmark. `raw` is None if the run lacks it, or ran it otherwise than the suite asks."""

    task: str
    title: str
    raw: float | None  # 0..1
    score: float | None  # with this task's own chance taken off; a benchmark that does so once is not the mean of these
    n: int | None  # items scored; None: the file does not tell
    items: int | None  # items the task has
    shots: int | None
    chance: float | None
    metrics: Mapping[str, float | None] = field(default_factory=dict)  # as the harness reported them, even then
    problem: str | None = None  # why raw is None


@dataclass(frozen=True)
class BenchmarkScore:
    """One benchmark. `raw` and `score` are None as soon as one task is missing."""

    key: str
    raw: float | None
    score: float | None
    missing: tuple[str, ...]  # tasks
    subtasks: tuple[SubtaskScore, ...]


@dataclass(frozen=True)
class Scored:
    """A whole run on a suite."""

    suite: str
    scorer: str | None  # which way of grading the answers; None: nothing tells
    benchmarks: Mapping[str, BenchmarkScore]
    average: float | None


def score(result: Result, suite: Suite) -> Scored:
    """Return how `result` does on `suite`, subtask by subtask."""
    benchmarks = {benchmark.key: _benchmark(result, benchmark) for benchmark in suite.benchmarks}
    return Scored(
        suite=suite.name,
        scorer=scorer_of(result, suite),
        benchmarks=benchmarks,
        average=average_of(benchmarks, suite),
    )


def normalised(raw: float, chance: float, scale: float = 100) -> float:
    """Return `scale` · max(0, (raw − chance)/(1 − chance)): 0 for guessing or worse, `scale` for all right."""
    return scale * max(0.0, (raw - chance) / (1 - chance))


def pooled_score(benchmark: Benchmark, raws: list[float], items: list[int]) -> float:
    """Return a benchmark's score as published from the raw scores of all its tasks and their numbers of items."""
    if benchmark.normalise == "subtasks":
        return exact.mean(_subtask_score(raw, task, benchmark) for raw, task in zip(raws, benchmark.tasks, strict=True))
    raw = _pooled(raws, items, benchmark)
    if benchmark.normalise == "once" and benchmark.chance is not None:
        return normalised(raw, benchmark.chance, benchmark.scale)
    return benchmark.scale * raw


def averages(frame: pd.DataFrame, suite: Suite) -> pd.Series:
    """Return the average of every row of a tidy frame by the suite's aggregation; missing if a benchmark is."""
    used = suite.averaged
    if suite.aggregation == "none" or not used or frame.empty:
        return pd.Series(np.nan, index=frame.index, dtype="float64")
    scores = frame[[f"{benchmark.key}.score" for benchmark in used]].to_numpy(dtype="float64")
    weights = [benchmark.weight for benchmark in used]
    directions = [benchmark.higher_is_better for benchmark in used]
    return pd.Series(aggregate(scores, suite.aggregation, weights, directions), index=frame.index)


def scorer_of(result: Result, suite: Suite) -> str | None:
    """Return which of the suite's scorers graded the run.

    By the file's stamp, else its task versions, else its date.
    """
    if len(suite.scorers) == 1:
        return suite.scorer
    for scorer in suite.scorers:
        if result.written and result.written in scorer.stamps:
            return scorer.name
    for scorer in suite.scorers:
        if any(result.versions.get(task) in versions for task, versions in scorer.versions.items()):
            return scorer.name
    when = result.date or result.written
    earlier = [scorer.name for scorer in suite.scorers if when and scorer.since <= when.date()]
    return earlier[-1] if earlier else None


def co2_kg(result: Result, suite: Suite) -> float | None:
    """CO₂ of the run in kg: as measured with it, else power × hours × carbon intensity as the suite's board reckoned.

    None if neither the run nor the suite tells.
    """
    energy = result.settings.get("energy")
    if isinstance(energy, dict) and (measured := number(energy.get("co2_kg"))) is not None:
        return measured
    seconds = number(result.settings.get("total_evaluation_time_seconds"))
    if isinstance(result.settings.get("served"), dict):  # a machine elsewhere computed it
        return None
    if suite.carbon is None or seconds is None or seconds <= 0:
        return None
    return suite.carbon.kilowatts * seconds / 3600 * suite.carbon.kg_per_kwh


def _benchmark(result: Result, benchmark: Benchmark) -> BenchmarkScore:
    source = benchmark.sources.get(result.harness)
    if source is not None and _source_name(result, source.task) is not None:
        subtasks: tuple[SubtaskScore, ...] = (_sourced(result, benchmark, source),)
    else:
        expanded = (_expanded(result, task) for task in benchmark.tasks)
        subtasks = tuple(_subtask(result, benchmark, task) for tasks in expanded for task in tasks)
    missing = tuple(subtask.task for subtask in subtasks if subtask.raw is None)
    raws = [subtask.raw for subtask in subtasks if subtask.raw is not None]
    if missing or not raws:
        return BenchmarkScore(benchmark.key, None, None, missing, subtasks)
    raw = _pooled(raws, [subtask.items or subtask.n or 0 for subtask in subtasks], benchmark)
    published: float | None
    if benchmark.normalise == "subtasks":
        scores = [subtask.score for subtask in subtasks if subtask.score is not None]
        published = exact.mean(scores) if len(scores) == len(subtasks) else None
    elif benchmark.normalise == "once" and benchmark.chance is not None:
        published = normalised(raw, benchmark.chance, benchmark.scale)
    else:
        published = benchmark.scale * raw
    return BenchmarkScore(benchmark.key, raw, published, (), subtasks)


def _expanded(result: Result, task: Task) -> tuple[Task, ...]:
    """Return the tasks of a group that the suite names as one task; any other task alone."""
    name = next((name for name in (task.name, *task.aliases) if name in result.groups), None)
    if name is None or name in result.tasks:
        return (task,)
    leaves: list[str] = []
    waiting, seen = list(result.groups[name]), {name}
    while waiting:
        member = waiting.pop(0)
        if member not in seen:
            seen.add(member)
            waiting = [*result.groups.get(member, ()), *waiting]
            leaves += [] if member in result.groups else [member]
    return tuple(replace(task, name=leaf, title=leaf, items=None, aliases=()) for leaf in leaves) or (task,)


def _source_name(result: Result, task: str) -> str | None:
    """Return the name of a source's task in a result, written with or without its collection."""
    short = task.rpartition("/")[2]
    return next((name for name in (task, short) if name in result.tasks), None)


def _sourced(result: Result, benchmark: Benchmark, source: SourceTask) -> SubtaskScore:
    """Return a benchmark as another harness measured it as a whole: one task, whatever the suite is made of."""
    name = _source_name(result, source.task) or source.task
    data = result.tasks[name]
    metrics = source.metrics or benchmark.metrics
    known = all(_metric(data, metric, benchmark) is not None for metric in metrics)
    if not known and source.fallback in data:
        metrics = (str(source.fallback),)
    elif not known and not source.metrics and len(data) == 1:
        metrics = tuple(data)
    shots = source.shots if source.shots is not None else benchmark.shots
    task = Task(name, benchmark.title, 0 if shots is None else shots, benchmark.items, benchmark.chance)
    taken = replace(benchmark, metrics=metrics, tasks=(task,))
    scored = _subtask(result, taken, task)
    if benchmark.normalise == "subtasks" and len(benchmark.tasks) > 1:
        return replace(scored, score=None)  # each of its subtasks has a chance level of its own
    return scored


def _pooled(raws: list[float], items: list[int], benchmark: Benchmark) -> float:
    if benchmark.pooling == "weighted" and all(items):
        return exact.weighted_mean(raws, items)
    return exact.mean(raws)


def _subtask(result: Result, benchmark: Benchmark, task: Task) -> SubtaskScore:
    name = next((name for name in (task.name, *task.aliases) if name in result.tasks), None)
    data = result.tasks.get(name, {}) if name else {}
    metrics = {metric: _metric(data, metric, benchmark) for metric in benchmark.metrics}
    n, shots = (result.samples.get(name), result.shots.get(name)) if name else (None, None)
    values = [value for value in metrics.values() if value is not None]
    problem = None
    if name is None:
        problem = "not run"
    elif len(values) < len(metrics):
        problem = "no " + " and ".join(metric for metric, value in metrics.items() if value is None)
    elif shots is not None and shots != task.shots:
        problem = f"{shots} examples, not {task.shots}"
    elif n is not None and task.items is not None and n < task.items:
        problem = f"only {n:,} of {task.items:,} items"
    elif n is None and (limited := _limited(result, task)):
        problem = limited
    elif strange := [value for value in values if not _is_within(value * benchmark.scale, benchmark.bounds)]:
        problem = f"{strange[0]:g} cannot be"
    raw = exact.mean(values) if values and not problem else None
    return SubtaskScore(
        task=task.name,
        title=task.title,
        raw=raw,
        score=None if raw is None else _subtask_score(raw, task, benchmark),
        n=n,
        items=task.items,
        shots=shots,
        chance=task.chance,
        metrics=metrics,
        problem=problem,
    )


def _limited(result: Result, task: Task) -> str | None:
    """Return how the run's own settings limited a task, in words; None if they let it run whole."""
    config = result.settings.get("config")
    limit = number(config.get("limit")) if isinstance(config, Mapping) else None
    if limit is None or limit <= 0 or (task.items is not None and limit >= task.items):
        return None
    share = f"{limit:.0%} of" if limit < 1 else f"only {limit:,.0f} of"
    return f"{share} {task.items:,} items" if task.items is not None else f"{share} the items"


def _is_within(score: float, bounds: tuple[float, float] | None) -> bool:
    return bounds is None or bounds[0] - 1e-9 <= score <= bounds[1] + 1e-9


def _subtask_score(raw: float, task: Task, benchmark: Benchmark) -> float:
    if benchmark.normalise == "none" or task.chance is None:
        return benchmark.scale * raw
    return normalised(raw, task.chance, benchmark.scale)


def _metric(data: Mapping[str, float | None], metric: str, benchmark: Benchmark) -> float | None:
    spellings = (metric, *benchmark.spellings.get(metric, ()))
    return next((data[name] for name in spellings if data.get(name) is not None), None)


def average_of(benchmarks: Mapping[str, BenchmarkScore], suite: Suite) -> float | None:
    """Return the average of a run's scores; None if one is missing.

    None too for a win rate, which needs the other rows: `averages` of a frame tells it.
    """
    scores = [benchmarks[benchmark.key].score for benchmark in suite.averaged]
    known = [score for score in scores if score is not None]
    if suite.aggregation in ("none", "win_rate") or not scores or len(known) < len(scores):
        return None
    weights = [benchmark.weight for benchmark in suite.averaged]
    directions = [benchmark.higher_is_better for benchmark in suite.averaged]
    return float(aggregate([known], suite.aggregation, weights, directions)[0])
