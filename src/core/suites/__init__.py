"""Suites: what a board measures and how its numbers become scores, read from the .toml files beside this one.

A new suite is one new file; `open-llm-v2.toml` is the one to copy. `src.core.scoring` says what the words mean.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from src.core.errors import BadInput, NotFound

Pooling = Literal["mean", "weighted", "mean_of_metrics"]
"""How subtasks become one raw value: plain mean, mean weighted by items, or the plain mean over several metrics."""
Normalise = Literal["none", "subtasks", "once"]
"""Where chance is taken off: nowhere, in each subtask before the mean, or once from the pooled value."""
Aggregation = Literal["mean", "win_rate", "z_mean", "geometric", "median", "distance", "none"]
"""How a row's scores become its average, by `src.core.statistics.aggregate`; "none" where columns must not be added."""
Kind = Literal["scores", "votes"]

FOLDER = Path(__file__).parent
DEFAULT = "open-llm-v2"


@dataclass(frozen=True)
class Task:
    """One subtask as the harness runs it."""

    name: str  # the harness's name for it
    title: str
    shots: int
    items: int | None = None  # how many it has when run whole
    chance: float | None = None  # what guessing earns, 0..1: 1 / options
    aliases: tuple[str, ...] = ()  # the same task in older result files


@dataclass(frozen=True)
class Benchmark:
    """One column of a board: tasks pooled into a raw value (0..1), and from it the published score."""

    key: str
    title: str
    column: str  # its column in a contents table
    raw_column: str | None  # the raw value's column there, where it has one
    tasks: tuple[Task, ...]  # empty where only published values exist
    metrics: tuple[str, ...]  # averaged when pooling is "mean_of_metrics", else one
    spellings: Mapping[str, tuple[str, ...]]  # metric → other names of it, most trusted first
    pooling: Pooling
    normalise: Normalise
    scale: float  # score = scale × raw (after chance is taken off)
    higher_is_better: bool
    weight: float  # in the average; 0 keeps it out
    bounds: tuple[float, float] | None  # what a published score can be
    unit: str
    digits: int
    shots: int | None  # None: the tasks differ
    items: int | None
    independent: float | None  # what the items are worth where questions are asked more than once; None: all count
    chance: float | None  # None: the tasks differ, or there is none
    category: str | None
    help: str
    columns: tuple[str, ...]  # other names of `column` in old or foreign tables
    raw_columns: tuple[str, ...]


@dataclass(frozen=True)
class Scorer:
    """One way the answers were graded; scores of two scorers are not to be compared."""

    name: str
    since: date
    versions: Mapping[str, frozenset[float]]  # task → the harness's versions of it that grade this way
    stamps: frozenset[datetime]  # result files of these times were patched by it, whatever else they say
    help: str


@dataclass(frozen=True)
class Carbon:
    """What a run draws and what a kilowatt hour emits: CO₂ (kg) = kilowatts × hours × kg_per_kwh."""

    kilowatts: float
    kg_per_kwh: float


@dataclass(frozen=True)
class Baseline:
    """Something to hold models against that is no row of the board: guessing, a person, an older system."""

    title: str
    scores: Mapping[str, float]  # benchmark → published score
    help: str


@dataclass(frozen=True)
class Suite:
    """What one board measures."""

    name: str
    title: str
    version: int
    kind: Kind
    help: str
    aggregation: Aggregation
    benchmarks: tuple[Benchmark, ...]
    scorers: tuple[Scorer, ...]  # oldest first
    carbon: Carbon | None
    baselines: tuple[Baseline, ...] = ()

    @property
    def scorer(self) -> str:
        """The newest scorer's name."""
        return self.scorers[-1].name

    @property
    def averaged(self) -> tuple[Benchmark, ...]:
        """The benchmarks that enter the average."""
        return tuple(benchmark for benchmark in self.benchmarks if benchmark.weight)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Every task, in the order of the benchmarks."""
        return tuple(task for benchmark in self.benchmarks for task in benchmark.tasks)

    def benchmark(self, key: str) -> Benchmark:
        """The benchmark of that key. Raises NotFound."""
        for benchmark in self.benchmarks:
            if benchmark.key == key:
                return benchmark
        known = ", ".join(benchmark.key for benchmark in self.benchmarks)
        raise NotFound(f"{self.title} has no benchmark '{key}'; it has {known}.")


def names() -> tuple[str, ...]:
    """The suites at hand: the default first, then the Open LLM Leaderboard before it, then the others."""
    every = (path.stem for path in FOLDER.glob("*.toml"))
    return tuple(sorted(every, key=lambda name: (name != DEFAULT, not name.startswith("open-llm"), name)))


def load(name: str | Path = DEFAULT) -> Suite:
    """The suite of that name, or in that .toml file. Raises NotFound, or BadInput where the file makes no sense."""
    path = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file() or (path.parent == FOLDER and path.stem not in names()):
        raise NotFound(f"There is no suite '{name}'; choose one of {', '.join(names())}, or give the path of a .toml.")
    return _load(path)


@cache
def _load(path: Path) -> Suite:
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path.name} is no suite: {error!r}. Compare it with {DEFAULT}.toml.") from error


def parse(data: Mapping[str, Any]) -> Suite:
    """The suite that a parsed .toml describes. Raises BadInput where its parts contradict one another."""
    suite = Suite(
        name=data["name"],
        title=data["title"],
        version=data.get("version", 1),
        kind=_one_of(Kind, data.get("kind", "scores")),
        help=data.get("help", ""),
        aggregation=_one_of(Aggregation, data.get("aggregation", "mean")),
        benchmarks=tuple(_benchmark(each) for each in data["benchmark"]),
        scorers=tuple(_scorer(each) for each in data.get("scorer", [{"name": f"{data['name']}-1"}])),
        carbon=Carbon(**data["carbon"]) if "carbon" in data else None,
        baselines=tuple(
            Baseline(each["title"], each["scores"], each.get("help", "")) for each in data.get("baseline", ())
        ),
    )
    _check(suite)
    return suite


def _benchmark(data: Mapping[str, Any]) -> Benchmark:
    tasks = tuple(_task(each, data) for each in data.get("tasks", ()))
    column = data.get("column", data["title"])
    scale = float(data.get("scale", 100))
    bounds = data.get("bounds", [0, scale] if data.get("unit", "%") == "%" else None)
    return Benchmark(
        key=data["key"],
        title=data["title"],
        column=column,
        raw_column=data.get("raw_column"),
        tasks=tasks,
        metrics=tuple(data.get("metrics", ())),
        spellings={metric: tuple(others) for metric, others in data.get("spellings", {}).items()},
        pooling=_one_of(Pooling, data.get("pooling", "mean")),
        normalise=_one_of(Normalise, data.get("normalise", "none")),
        scale=scale,
        higher_is_better=data.get("higher_is_better", True),
        weight=float(data.get("weight", 1)),
        bounds=(float(bounds[0]), float(bounds[1])) if bounds else None,
        unit=data.get("unit", "%"),
        digits=data.get("digits", 2),
        shots=_shared(task.shots for task in tasks),
        items=sum(task.items for task in tasks if task.items) or data.get("items"),
        independent=data.get("independent"),
        chance=_shared(task.chance for task in tasks),
        category=data.get("category"),
        help=data.get("help", ""),
        columns=tuple(data.get("columns", ())),
        raw_columns=tuple(data.get("raw_columns", ())),
    )


def _task(data: Mapping[str, Any], benchmark: Mapping[str, Any]) -> Task:
    options = data.get("options", benchmark.get("options"))
    return Task(
        name=data["name"],
        title=data.get("title", data["name"]),
        shots=data.get("shots", benchmark.get("shots", 0)),
        items=data.get("items"),
        chance=1 / options if options else None,
        aliases=tuple(data.get("aliases", ())),
    )


def _scorer(data: Mapping[str, Any]) -> Scorer:
    return Scorer(
        name=data["name"],
        since=data.get("since", date.min),
        versions={task: frozenset(map(float, versions)) for task, versions in data.get("versions", {}).items()},
        stamps=frozenset(stamp.replace(tzinfo=UTC) for stamp in data.get("stamps", ())),
        help=data.get("help", ""),
    )


def _check(suite: Suite) -> None:
    keys = [benchmark.key for benchmark in suite.benchmarks]
    if len(set(keys)) < len(keys):
        raise BadInput(f"{suite.name}: two benchmarks share a key ({', '.join(keys)}).")
    directions = {benchmark.higher_is_better for benchmark in suite.averaged}
    units = {benchmark.unit for benchmark in suite.averaged}
    if suite.aggregation not in ("win_rate", "z_mean", "none") and (
        len(units) > 1 or (len(directions) > 1 and suite.aggregation != "distance")
    ):
        raise BadInput(
            f"{suite.name}: '{suite.aggregation}' would add up columns of different directions or units; "
            "give the others weight = 0, or use aggregation = 'win_rate', 'z_mean' or 'none'."
        )
    for baseline in suite.baselines:
        if strange := sorted(baseline.scores.keys() - set(keys)):
            raise BadInput(
                f"{suite.name}: the baseline {baseline.title} has a score of '{strange[0]}', no benchmark here."
            )
    for benchmark in suite.benchmarks:
        if benchmark.tasks and len(benchmark.metrics) != 1 and benchmark.pooling != "mean_of_metrics":
            raise BadInput(f"{suite.name}: {benchmark.key} needs exactly one metric, or pooling = 'mean_of_metrics'.")
        if benchmark.normalise != "none" and any(task.chance is None for task in benchmark.tasks):
            raise BadInput(f"{suite.name}: {benchmark.key} takes chance off, so each task needs its number of options.")
        if benchmark.normalise == "once" and benchmark.chance is None:
            raise BadInput(f"{suite.name}: {benchmark.key} takes chance off once, so its tasks must share one.")
        if benchmark.pooling == "weighted" and any(task.items is None for task in benchmark.tasks):
            raise BadInput(f"{suite.name}: {benchmark.key} is weighted by items, so each task needs their number.")


def _one_of(choice: Any, word: str) -> Any:
    if word not in get_args(choice):
        raise BadInput(f"'{word}' is none of {', '.join(get_args(choice))}.")
    return word


def _shared(values: Any) -> Any:
    """The one value that all share, else None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
