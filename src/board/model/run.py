"""The run behind a row: its result files, fetched when a reader asks, with every subtask and the exact settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from src.board.model.engine_facts import engine_facts
from src.board.model.overview import Run
from src.core.errors import BadInputError, NotFoundError
from src.core.frames.frame import newest_first
from src.core.items.errors import KEY as ERRORS
from src.core.items.errors import ItemErrors
from src.core.items.habits import KEY as HABITS
from src.core.items.habits import AnswerHabit, read_habits
from src.core.items.options import KEY as OPTIONS
from src.core.items.options import OptionScores
from src.core.items.repeats import KEY as REPEATS
from src.core.items.repeats import read as read_repeats
from src.core.items.sensitivity import KEY as SENSITIVITY
from src.core.items.sensitivity import OptionSensitivity
from src.core.names import folder_of
from src.core.records import Result
from src.core.run_identity import RunIdentity, used_template
from src.core.scoring import BenchmarkScore, Scored, score
from src.core.statistics.repeats import RepeatedScore
from src.core.store import Store
from src.core.suites import Suite
from src.core.untrusted import mapping, number

B = TypeVar("B")

MOST_FILES = 24  # of one model that are opened to find a run
SAME = 0.001  # raw shares closer than this are one number


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
    errors: Mapping[str, ItemErrors]  # benchmark → its error from the graded items, if the files have it
    options: Mapping[str, OptionScores]  # benchmark → what the options say of the model's certainty
    repeats: Mapping[str, RepeatedScore]  # benchmark → what several tries of each item earned
    sensitivity: Mapping[str, OptionSensitivity]  # benchmark → what other orders of the options do to its score
    habits: Mapping[str, Mapping[str, AnswerHabit]]  # benchmark → task → how it was answered


def run_detail(store: Store, suite: Suite, run: Run, others: Sequence[Run] = ()) -> RunDetail:
    """Return the files of `run` in `store`. Raises NotFoundError if it keeps none, or another StoreError.

    `others`: the model's other rows, whose files are not this run's.
    """
    graded = [(result, score(result, suite)) for result in _results(store, run.model)]
    files = [(result, grades) for result, grades in graded if _has_any(grades)]
    runs = newest_first(_files_of(run, others, files))
    if not runs:
        raise NotFoundError(
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
        errors=_blocks(runs, ERRORS, ItemErrors.read),
        options=_blocks(runs, OPTIONS, OptionScores.read),
        sensitivity=_blocks(runs, SENSITIVITY, OptionSensitivity.read),
        repeats=_blocks(runs, REPEATS, read_repeats),
        habits=_blocks(runs, HABITS, read_habits),
    )


def _results(store: Store, model: str) -> list[Result]:
    found: list[Result] = []
    try:
        entries = store.list(f"results/{folder_of(model)}")
    except (NotFoundError, BadInputError):  # a store of published tables only
        return []
    for entry in reversed(entries):
        if not entry.path.endswith(".json") or len(found) == MOST_FILES:
            continue
        try:
            result = Result.read(store.read(entry.path), entry.path, model)
        except BadInputError:
            continue
        if result.model == model:
            found.append(result)
    return found


def _files_of(run: Run, others: Sequence[Run], files: Sequence[tuple[Result, Scored]]) -> list[tuple[Result, Scored]]:
    """Return the files of exactly this run; if there is none, those that may be of it and agree with its scores.

    A file that is exactly another row's is never this run's, however much of its identity the row leaves open.
    """
    exact = [pair for pair in files if _is_exactly(pair[0], run)]
    if exact:
        return exact
    elsewhere = [other for other in others if other.id != run.id]
    return [
        (result, scored)
        for result, scored in files
        if _may_be(result, run)
        and not any(_is_exactly(result, other) for other in elsewhere)
        and _agrees(scored, run.raw)
    ]


def _is_exactly(result: Result, run: Run) -> bool:
    if run.result_path and result.path == run.result_path:
        return True
    # rows from before configurations were distinguished have none, whatever their runs were
    identity = (result.precision, result.revision)
    configured = run.configuration is None or run.configuration == RunIdentity.of(result).configuration
    return None not in identity and identity == (run.precision, run.revision) and configured


def _may_be(result: Result, run: Run) -> bool:
    template = used_template(result), run.chat_template
    pairs = (result.precision, run.precision), (result.revision, run.revision), template
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _agrees(scored: Scored, raw: Mapping[str, float]) -> bool:
    """Return whether most benchmarks that both know have one value: rules of grading change some of them."""
    pairs = [(each.raw, raw[key]) for key, each in scored.benchmarks.items() if each.raw is not None and key in raw]
    return 2 * sum(abs(one - other) <= SAME for one, other in pairs) >= len(pairs)


def _has_any(scored: Scored) -> bool:
    return any(benchmark.raw is not None for benchmark in scored.benchmarks.values())


def _of_newest(runs: list[tuple[Result, Scored]], key: str) -> BenchmarkScore:
    """Return the benchmark from the newest file that has it whole, else from the newest."""
    data = [scored.benchmarks[key] for _, scored in runs]
    return next((benchmark for benchmark in data if benchmark.raw is not None), data[0])


def _blocks(runs: Sequence[tuple[Result, Scored]], name: str, read: Callable[[Any], B | None]) -> dict[str, B]:
    """Return what the items of each benchmark tell, from the newest file that has the benchmark whole."""
    blocks: dict[str, B] = {}
    for key in runs[0][1].benchmarks:
        source = next((result for result, scored in runs if scored.benchmarks[key].raw is not None), None)
        if source and (block := read(mapping(source.settings.get(name)).get(key))):
            blocks[key] = block
    return blocks


def _stderrs(result: Result, suite: Suite) -> dict[str, float]:
    """Return those of the metric each benchmark is made of; of several metrics none."""
    known = {}
    for benchmark in suite.benchmarks:
        for task in benchmark.tasks:
            data = result.stderrs.get(task.name, {})
            value = data.get(benchmark.metrics[0]) if len(benchmark.metrics) == 1 else None
            if value is not None:
                known[task.name] = value
    return known


def _settings(result: Result) -> list[Setting]:
    config = result.settings.get("config")
    data: Mapping[str, Any] = {**result.settings, **(config if isinstance(config, Mapping) else {})}
    rows = [Setting(title, text) for title, show in SETTINGS if (text := show(result, data)) not in (None, "", "None")]
    return [*rows, *(Setting(title, text) for title, text in engine_facts(data))]


def _said(name: str, unit: str = "") -> Callable[[Result, Mapping[str, Any]], str | None]:
    return lambda result, data: None if data.get(name) is None else f"{data[name]}{unit}"


def _seconds(result: Result, data: Mapping[str, Any]) -> str | None:
    try:
        seconds = float(data["total_evaluation_time_seconds"])
    except (KeyError, TypeError, ValueError):
        return None
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def _seeds(result: Result, data: Mapping[str, Any]) -> str | None:
    names = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
    payload = [f"{name.removesuffix('_seed')} {data[name]}" for name in names if data.get(name) is not None]
    return ", ".join(payload) or None


SETTINGS: tuple[tuple[str, Callable[[Result, Mapping[str, Any]], str | None]], ...] = (
    ("Started", lambda result, settings: f"{result.date:%Y-%m-%d %H:%M} UTC" if result.date else None),
    ("Took", _seconds),
    ("Answered by a server", lambda result, settings: _server(settings)),
    ("Cost", lambda result, settings: _cost(settings)),
    ("Model arguments", lambda result, settings: str(settings.get("model_args") or "") or None),
    ("Revision", lambda result, settings: result.revision),
    ("Precision", lambda result, settings: result.precision),
    ("Notes on the weights", lambda result, settings: _notes(settings)),
    ("Batch size", _said("batch_size")),
    ("Longest context", _said("max_length", " tokens")),
    ("Limit of items", _said("limit")),
    ("Generation arguments", _said("gen_kwargs")),
    ("Seeds", _seeds),
    ("Few-shot examples as turns", _said("fewshot_as_multiturn")),
    ("System prompt", _said("system_instruction")),
    ("Harness", _said("git_hash")),
    ("Transformers", _said("transformers_version")),
    ("Versions of the tasks", lambda result, settings: _versions(result)),
    ("Chat template", lambda result, settings: result.chat_template),
)
"""What a reader sees of a run, in this order; what the file does not hold is left out."""


def _server(settings: Mapping[str, Any]) -> str | None:
    """Return which model of which server answered, when, and how many tokens it took."""
    block = settings.get("served")
    if not isinstance(block, Mapping):
        return None
    prompt, completion = number(block.get("prompt_tokens")), number(block.get("completion_tokens"))
    metered = prompt is not None and completion is not None
    tokens = f"; {prompt:,.0f} tokens in, {completion:,.0f} out" if metered else "; it counted no tokens"
    return f"{block.get('model')} of {block.get('provider')} on {block.get('date')}, which may change{tokens}"


def _cost(settings: Mapping[str, Any]) -> str | None:
    """Return what the run cost, and how that is known."""
    block = settings.get("cost")
    dollars = number(block.get("dollars")) if isinstance(block, Mapping) else None
    if not isinstance(block, Mapping) or dollars is None:
        return None
    hours, price = number(block.get("device_hours")), number(block.get("dollars_per_device_hour"))
    if hours is not None and price is not None:
        return f"${dollars:,.2f}: {hours:,.2f} device-hours at ${price:,.2f}"
    prices = [number(block.get(name)) for name in ("price_in", "price_out")]
    unsure = number(block.get("unsure_dollars"))
    return (
        f"${dollars:,.2f}"
        + (f", at ${prices[0]:,g} and ${prices[1]:,g} for a million tokens in and out" if None not in prices else "")
        + (f"; at most ${unsure:,.2f} more for answers that broke off" if unsure else "")
    )


def _notes(settings: Mapping[str, Any]) -> str | None:
    """Return what the form noted of the weights, and what the loader found no use for."""
    notes = settings.get("notes")
    found = [str(note) for note in notes] if isinstance(notes, list) else []
    unused = settings.get("unused_tensors")
    if isinstance(unused, Mapping) and not any("no place in the model" in note for note in found):
        found.append(f"{unused.get('count')} tensors were not used.")
    return " ".join(found) or None


def _versions(result: Result) -> str | None:
    by_version: dict[str, int] = {}
    for version in result.versions.values():
        by_version[str(version)] = by_version.get(str(version), 0) + 1
    return ", ".join(f"{version} ({count} tasks)" for version, count in sorted(by_version.items())) or None
