"""A suite's .toml, drafted from what is known of tasks: titles, shots, metrics, options and items."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from src.core.errors import BadInputError
from src.core.suites.parsing import metric_kind, parse_text

PREFERRED = (
    "acc_norm", "acc", "exact_match", "prompt_level_strict_acc", "f1", "em", "pass@1", "bleu", "chrf", "wer",
    "word_perplexity",
)  # fmt: skip
"""Metrics that become a benchmark's, the first of them that its tasks have."""


@dataclass(frozen=True)
class DraftTask:
    """One task. Unknown is None."""

    name: str
    title: str | None = None
    metrics: tuple[str, ...] = ()  # `acc_norm`, or `exact_match,strict-match`
    lower_is_better: frozenset[str] = frozenset()  # of the metrics
    shots: int = 0
    options: int | None = None
    items: int | None = None


@dataclass(frozen=True)
class DraftBenchmark:
    """One column: tasks that share a metric."""

    name: str  # of its task or group
    tasks: tuple[DraftTask, ...]
    title: str | None = None
    notes: tuple[str, ...] = field(default=())  # written above it as comments


def draft(name: str, benchmarks: Iterable[DraftBenchmark], source: str) -> str:
    """Return the text of a suite, which is known to load. Raise BadInputError for a name that addresses cannot hold."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise BadInputError("--name is made of small letters, digits and hyphens.")
    parts = [part for benchmark in benchmarks for part in _by_metric(benchmark)]
    if not parts:
        raise BadInputError(f"{source} names no task with a metric, so there is nothing to draft.")
    text = "\n".join(_suite(name, parts))
    parse_text(text, f"the draft of {source}")
    return text


def metric_of(tasks: Sequence[DraftTask]) -> str | None:
    """Return the metric that stands for tasks: the first preferred one that all have, else the first that all have."""
    shared = [metric for metric in tasks[0].metrics if all(metric in task.metrics for task in tasks)]
    preferred = (metric for word in PREFERRED for metric in shared if metric.partition(",")[0] == word)
    return next(preferred, shared[0] if shared else None)


def _by_metric(benchmark: DraftBenchmark) -> list[DraftBenchmark]:
    """Return the benchmark, or one for each of its tasks if they have no metric in common; none without a metric."""
    if metric_of(benchmark.tasks):
        return [benchmark]
    alone = (replace(benchmark, name=task.name, title=task.title, tasks=(task,)) for task in benchmark.tasks)
    return [each for each in alone if metric_of(each.tasks)]


def _suite(name: str, benchmarks: Sequence[DraftBenchmark]) -> Iterator[str]:
    metrics = [str(metric_of(each.tasks)) for each in benchmarks]
    kinds = [metric_kind([metric]) for metric in metrics]
    lower = [_is_lower(metric, each.tasks) for metric, each in zip(metrics, benchmarks, strict=True)]
    yield from (f"name = {_text(name)}", f"title = {_text(name.replace('-', ' ').title())}")
    if len({kind["unit"] for kind in kinds}) > 1 or len(set(lower)) > 1:
        yield 'aggregation = "win_rate"  # the columns differ in unit or direction, so they cannot be added up'
    else:
        yield 'aggregation = "mean"'
    keys: set[str] = set()
    for benchmark, metric, kind, is_lower in zip(benchmarks, metrics, kinds, lower, strict=True):
        key = re.sub(r"\W+", "_", benchmark.name.lower()).strip("_") or "task"
        while key in keys:
            key += "_2"
        keys.add(key)
        yield ""
        yield from (f"# {' '.join(note.split())}" for note in benchmark.notes)
        title = benchmark.title or benchmark.name.replace("_", " ")
        yield from ("[[benchmark]]", f"key = {_text(key)}", f"title = {_text(title)}", f"metrics = [{_text(metric)}]")
        if is_lower != (not kind.get("higher_is_better", True)):
            yield f"higher_is_better = {str(not is_lower).lower()}"
        yield from _tasks(benchmark.tasks)


def _tasks(tasks: Sequence[DraftTask]) -> Iterator[str]:
    options, shots = {task.options for task in tasks}, {task.shots for task in tasks}
    shared = next(iter(options)) if len(options) == 1 else None
    if shared:
        yield f'options = {shared}  # guessing scores 1 / options; add normalise = "subtasks" to take it off'
    if len(shots) == 1:
        yield f"shots = {next(iter(shots))}"
    lines = []
    for task in tasks:
        title = f", title = {_text(task.title)}" if task.title and len(tasks) > 1 else ""
        own_shots = f", shots = {task.shots}" if len(shots) > 1 else ""
        own_options = f", options = {task.options}" if task.options and not shared else ""
        items = f", items = {task.items}" if task.items else ""
        lines.append(f"{{ name = {_text(task.name)}{title}{own_shots}{own_options}{items} }}")
    yield (
        f"tasks = [{lines[0]}]" if len(lines) == 1 else "tasks = [\n" + "".join(f"  {line},\n" for line in lines) + "]"
    )


def _is_lower(metric: str, tasks: Sequence[DraftTask]) -> bool:
    if any(task.lower_is_better for task in tasks):
        return all(metric in task.lower_is_better for task in tasks)
    return not metric_kind([metric]).get("higher_is_better", True)


def _text(value: str) -> str:
    """Return a TOML string: JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
