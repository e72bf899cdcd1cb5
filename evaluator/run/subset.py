"""Subset mode: estimate scores from a hundred randomly chosen questions of each benchmark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from evaluator.job import Job, benchmarks_of
from evaluator.run.publish import read_samples
from src.core import exact
from src.core.errors import BadInputError, NotFoundError
from src.core.estimates import EstimateRecord, Guess, calibration_path, read_calibration, write_calibration
from src.core.items.details import item_score
from src.core.names import details_dataset
from src.core.statistics.intervals import normal_interval
from src.core.statistics.subset import LEAST_REFERENCES, choose_subset, clamped_mean, estimate, fit_item_model
from src.core.store import Store
from src.core.suites import Benchmark, Suite

SIZE = 100
SEED = 20240601


def choose(suite: Suite, wanted: Iterable[str] = (), size: int = SIZE, seed: int = SEED) -> dict[str, list[int]]:
    """Choose `size` items of every benchmark in proportion to its subtasks; return task → document ids.

    Equal seeds choose equal items. Raise BadInputError for a part of a benchmark (its score cannot be estimated) or if
    item counts are unknown.
    """
    chosen: dict[str, list[int]] = {}
    for benchmark, tasks in benchmarks_of(suite, wanted):
        if len(tasks) < len(benchmark.tasks):
            raise BadInputError(
                f"An estimate of {benchmark.title} needs questions of all its tasks; name the whole benchmark."
            )
        strata = _tasks_of_items(benchmark)
        if not strata:
            raise BadInputError(f"{suite.title} does not say how many items {benchmark.title} has.")
        rows = choose_subset(strata, min(size, len(strata)), np.random.default_rng(seed))
        first = {task: strata.index(task) for task in dict.fromkeys(strata)}
        for row in rows:
            chosen.setdefault(strata[row], []).append(int(row) - first[strata[row]])
    return chosen


def estimated(run: Path, suite: Suite, store: Store, when: datetime, seed: int = SEED) -> EstimateRecord:
    """Estimate scores of the complete benchmarks from a run's answers, with the store's calibration if it has one.

    Raise BadInputError if an answer has no score.
    """
    job = Job.read(run / "job.json")
    guesses = {}
    for benchmark in suite.benchmarks:
        if any(task.name in job.tasks for task in benchmark.tasks):
            guesses[benchmark.key] = _guess(run, benchmark, suite, store, seed)
    return EstimateRecord(
        model=job.model,
        revision=job.revision,
        precision=job.precision,
        suite=suite.name,
        seed=seed,
        date=when,
        benchmarks=guesses,
        average=_average(guesses, suite),
    )


def calibrate(store: Store, suite: Suite, models: Iterable[str]) -> list[str]:
    """Publish item models of the benchmarks that at least 400 of `models` answered completely; return their paths.

    Read the answers from the models' details datasets. Raise BadInputError if no benchmark has enough.
    """
    names, most = list(dict.fromkeys(models)), 0
    written: dict[str, bytes | None] = {}
    for benchmark in suite.benchmarks:
        strata = _tasks_of_items(benchmark)
        rows = [row for name in names if strata and (row := _answers(store, name, benchmark)) is not None]
        most = max(most, len(rows))
        if len(rows) >= LEAST_REFERENCES:
            item_model = fit_item_model(np.array(rows))
            written[calibration_path(suite.name, benchmark.key)] = write_calibration(item_model, strata)
    if not written:
        raise BadInputError(
            f"Calibration needs the complete answers of at least {LEAST_REFERENCES} models on a benchmark; this board "
            f"has those of at most {most}. Estimates work without it, but their intervals are wider."
        )
    try:
        head = store.head("calibration")
    except NotFoundError:
        head = None
    store.replace(written, head, f"Calibrate {suite.name}")
    return list(written)


def _answers(store: Store, model: str, benchmark: Benchmark) -> np.ndarray | None:
    """Return a model's scores on every item of a benchmark, in the order of its tasks; None if one is missing."""
    try:
        paths = [entry.path for entry in store.list(details_dataset(model))]
    except (NotFoundError, BadInputError):
        return None
    values = []
    for task in benchmark.tasks:
        twins = sorted(path for path in paths if f"/samples_{task.name}_" in path and path.endswith(".parquet"))
        if not twins:
            return None
        with store.open(twins[-1]) as file:
            table = pq.read_table(file, columns=["doc_id", "score"]).to_pydict()
        scores = dict(zip(table["doc_id"], table["score"], strict=True))
        if sorted(scores) != list(range(task.items or 0)) or None in scores.values():
            return None
        values += [scores[item] for item in range(task.items or 0)]
    return np.array(values, dtype=float)


def _guess(run: Path, benchmark: Benchmark, suite: Suite, store: Store, seed: int) -> Guess:
    strata = _tasks_of_items(benchmark)
    first = {task: strata.index(task) for task in dict.fromkeys(strata)}
    scores: dict[int, float] = {}
    for task in benchmark.tasks:
        for line in read_samples(run, task.name):
            score = item_score(line, benchmark.metrics)
            if score is None or not 0 <= score <= 1:
                raise BadInputError(f"{task.name}: item {line['doc_id']} has no score, so nothing can be estimated.")
            scores[first[task.name] + int(line["doc_id"])] = score
    rows = np.array(sorted(scores), dtype=np.intp)
    model = read_calibration(store, suite.name, benchmark.key, strata)
    worth, chance = _worth(benchmark, strata)
    result = estimate(model, rows, [scores[row] for row in rows], strata, rng=np.random.default_rng(seed), worth=worth)
    unclamped, se = exact.rounded(result.value - chance), exact.rounded(result.se)
    is_clamped = benchmark.normalise == "subtasks" and len(benchmark.tasks) > 1
    value = exact.rounded(clamped_mean(unclamped, se)) if is_clamped else unclamped
    interval = normal_interval(value, se)
    return Guess(
        value=value, se=se, low=interval.low, high=interval.high, asked=result.asked, items=result.items,
        references=model.references,
    )  # fmt: skip


def _worth(benchmark: Benchmark, strata: Sequence[str]) -> tuple[np.ndarray, float]:
    """Return the points of each item in the published score, and the points of guessing, which are subtracted."""
    sizes = {task.name: strata.count(task.name) for task in benchmark.tasks}
    takes_off = benchmark.normalise != "none"
    chance = {task.name: (task.chance or 0.0) if takes_off else 0.0 for task in benchmark.tasks}
    is_macro = benchmark.pooling == "mean" and len(benchmark.tasks) > 1
    share = {name: 1 / len(sizes) if is_macro else size / len(strata) for name, size in sizes.items()}
    points = {name: benchmark.scale / (1 - chance[name]) * share[name] for name in sizes}
    off = exact.total(points[name] * chance[name] for name in sizes)
    return np.array([points[task] / sizes[task] for task in strata]), off


def _average(guesses: Mapping[str, Guess], suite: Suite) -> Guess | None:
    averaged = suite.averaged
    if suite.aggregation != "mean" or any(benchmark.key not in guesses for benchmark in averaged):
        return None
    total = exact.total(benchmark.weight for benchmark in averaged)
    parts = [(benchmark.weight / total, guesses[benchmark.key]) for benchmark in averaged]
    value = exact.total(weight * part.value for weight, part in parts)
    se = math.sqrt(exact.total((weight * part.se) ** 2 for weight, part in parts))
    interval = normal_interval(value, se)
    return Guess(
        value=value, se=se, low=interval.low, high=interval.high, asked=sum(part.asked for _, part in parts),
        items=sum(part.items for _, part in parts), references=min(part.references for _, part in parts),
    )  # fmt: skip


def _tasks_of_items(benchmark: Benchmark) -> list[str]:
    """Return the task of every item of a benchmark, in order; empty if a count is unknown."""
    if any(task.items is None for task in benchmark.tasks):
        return []
    return [task.name for task in benchmark.tasks for _ in range(task.items or 0)]
