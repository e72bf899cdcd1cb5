"""The run behind a row: its result files, fetched when a reader asks, with every subtask and the exact settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from src.board.engine_facts import engine_facts
from src.board.model import Run
from src.core.errors import BadInput, NotFound
from src.core.frame import newest_first
from src.core.names import is_model_name
from src.core.records import Result
from src.core.scoring import BenchmarkScore, Scored, score
from src.core.store import Store
from src.core.suites import Suite

MOST_FILES = 24  # of one model that are opened to find a run


@dataclass(frozen=True)
class Setting:
    """One thing that was set: long values are shown folded."""

    title: str
    value: str


@dataclass(frozen=True)
class RunDetail:
    """What the files of one run tell."""

    paths: tuple[str, ...]  # newest first
    date: datetime | None  # UTC
    scorer: str | None
    benchmarks: tuple[BenchmarkScore, ...]  # in the suite's order, each from the newest file that has it whole
    stderrs: Mapping[str, float]  # task → standard error of its raw value, 0..1
    settings: tuple[Setting, ...]


def run_detail(store: Store, suite: Suite, run: Run) -> RunDetail:
    """The files of `run` in `store`. Raises NotFound where it keeps none, or another StoreError."""
    results = _results(store, run)
    runs = newest_first([(result, scored) for result in results if _has_any(scored := score(result, suite))])
    if not runs:
        raise NotFound(
            f"The store keeps no result file of {run.model} in {run.precision or 'this precision'}: "
            "only its published scores are known."
        )
    newest, scored = runs[0]
    benchmarks = tuple(_of_newest(runs, benchmark.key) for benchmark in suite.benchmarks)
    return RunDetail(
        paths=tuple(result.path or "" for result, _ in runs),
        date=newest.date,
        scorer=scored.scorer,
        benchmarks=benchmarks,
        stderrs=_stderrs(newest, suite),
        settings=tuple(_settings(newest)),
    )


def _results(store: Store, run: Run) -> list[Result]:
    if not is_model_name(run.model):
        return []
    found: list[Result] = []
    try:
        entries = store.list(f"results/{run.model}")
    except NotFound:  # a store of published tables only
        return []
    for entry in reversed(entries):
        if not entry.path.endswith(".json") or len(found) == MOST_FILES:
            continue
        try:
            result = Result.read(store.read(entry.path), entry.path, run.model)
        except BadInput:
            continue
        same = (result.precision, run.precision), (result.revision, run.revision)
        if result.model == run.model and all(None in pair or pair[0] == pair[1] for pair in same):
            found.append(result)
    return found


def _has_any(scored: Scored) -> bool:
    return any(benchmark.raw is not None for benchmark in scored.benchmarks.values())


def _of_newest(runs: list[tuple[Result, Scored]], key: str) -> BenchmarkScore:
    """The benchmark from the newest file that has it whole, else from the newest."""
    told = [scored.benchmarks[key] for _, scored in runs]
    return next((benchmark for benchmark in told if benchmark.raw is not None), told[0])


def _stderrs(result: Result, suite: Suite) -> dict[str, float]:
    """Those of the metric each benchmark is made of; of several metrics none."""
    known = {}
    for benchmark in suite.benchmarks:
        for task in benchmark.tasks:
            told = result.stderrs.get(task.name, {})
            value = told.get(benchmark.metrics[0]) if len(benchmark.metrics) == 1 else None
            if value is not None:
                known[task.name] = value
    return known


def _settings(result: Result) -> list[Setting]:
    config = result.settings.get("config")
    said: Mapping[str, Any] = {**result.settings, **(config if isinstance(config, Mapping) else {})}
    rows = [Setting(title, text) for title, show in SETTINGS if (text := show(result, said)) not in (None, "", "None")]
    return [*rows, *(Setting(title, text) for title, text in engine_facts(said))]


def _said(name: str, unit: str = "") -> Callable[[Result, Mapping[str, Any]], str | None]:
    return lambda result, said: None if said.get(name) is None else f"{said[name]}{unit}"


def _seconds(result: Result, said: Mapping[str, Any]) -> str | None:
    try:
        seconds = float(said["total_evaluation_time_seconds"])
    except (KeyError, TypeError, ValueError):
        return None
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def _seeds(result: Result, said: Mapping[str, Any]) -> str | None:
    names = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
    told = [f"{name.removesuffix('_seed')} {said[name]}" for name in names if said.get(name) is not None]
    return ", ".join(told) or None


SETTINGS: tuple[tuple[str, Callable[[Result, Mapping[str, Any]], str | None]], ...] = (
    ("Started", lambda result, said: f"{result.date:%Y-%m-%d %H:%M} UTC" if result.date else None),
    ("Took", _seconds),
    ("Model arguments", lambda result, said: str(said.get("model_args") or "") or None),
    ("Revision", lambda result, said: result.revision),
    ("Precision", lambda result, said: result.precision),
    ("Batch size", _said("batch_size")),
    ("Longest context", _said("max_length", " tokens")),
    ("Limit of items", _said("limit")),
    ("Generation arguments", _said("gen_kwargs")),
    ("Seeds", _seeds),
    ("Few-shot examples as turns", _said("fewshot_as_multiturn")),
    ("System prompt", _said("system_instruction")),
    ("Harness", _said("git_hash")),
    ("Transformers", _said("transformers_version")),
    ("Versions of the tasks", lambda result, said: _versions(result)),
    ("Chat template", lambda result, said: result.chat_template),
)
"""What a reader is told of a run, in this order; what the file does not say is left out."""


def _versions(result: Result) -> str | None:
    by_version: dict[str, int] = {}
    for version in result.versions.values():
        by_version[str(version)] = by_version.get(str(version), 0) + 1
    return ", ".join(f"{version} ({count} tasks)" for version, count in sorted(by_version.items())) or None
