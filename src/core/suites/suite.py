"""What a suite says, as values: what a board measures and how its numbers become scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from src.core.errors import NotFoundError

Pooling = Literal["mean", "weighted", "mean_of_metrics"]
"""How subtasks become one raw value: plain mean, mean weighted by items, or the plain mean over several metrics."""
Normalise = Literal["none", "subtasks", "once"]
"""Where chance is taken off: nowhere, in each subtask before the mean, or once from the pooled value."""
Aggregation = Literal["mean", "win_rate", "z_mean", "geometric", "median", "distance", "none"]
"""How a row's scores become its average, by `src.core.statistics.aggregate`; "none" if columns must not be added."""
Kind = Literal["scores", "votes"]


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
class CitedWork:
    """Something to cite: `where` is an arXiv number or a URL."""

    key: str
    title: str
    authors: str
    year: str
    where: str


@dataclass(frozen=True)
class HubData:
    """A benchmark's dataset on the Hub, the task in it that the harness runs, and a note on how it is scored."""

    dataset: str
    task: str
    note: str = ""


@dataclass(frozen=True)
class CardLine:
    """One benchmark of a card: `label` is its row in the table and the name of its data set in `model-index`."""

    key: str  # of the suite's benchmark
    label: str
    dataset: str
    shots: int
    metric: str
    metric_name: str | None
    config: str | None = None
    split: str | None = None
    aliases: tuple[str, ...] = ()  # other spellings that authors and earlier bots used, without case and punctuation


@dataclass(frozen=True)
class CardSource:
    """Who a card's block says it comes from: a Space, and the owner of the details data sets."""

    space: str
    owner: str
    details: str = "{owner}/{org}__{name}-details"

    @property
    def url(self) -> str:
        return f"https://huggingface.co/spaces/{self.space}"

    def details_url(self, model: str) -> str:
        org, _, name = model.rpartition("/")
        repo = self.details.format(owner=self.owner, org=org, name=name) if org else f"{self.owner}/{name}-details"
        return f"https://huggingface.co/datasets/{repo}"


@dataclass(frozen=True)
class PublishedCards:
    """The block that thousands of cards already carry for a suite: who wrote it, and benchmarks it no longer has."""

    source: CardSource
    retired: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceTask:
    """What a benchmark takes from another harness's files: a task, and its metrics, of which the mean counts."""

    task: str
    metrics: tuple[str, ...] = ()  # empty: the benchmark's own, else the only one there is
    fallback: str | None = None  # a metric that stands in, with a note, for files without `metrics`
    shots: int | None = None

    @classmethod
    def read(cls, data: str | Mapping[str, Any]) -> SourceTask:
        """Return `"task"`, `"task|shots"` or `{ task = …, metrics = […], fallback = … }`."""
        fields: Mapping[str, Any] = {"task": data} if isinstance(data, str) else data
        name, _, shots = fields["task"].rpartition("|") if "|" in fields["task"] else (fields["task"], "", "")
        metrics = tuple(fields.get("metrics", ()))
        return cls(name.rpartition("|")[2], metrics, fields.get("fallback"), int(shots) if shots else None)


@dataclass(frozen=True)
class Benchmark:
    """One column of a board: tasks pooled into a raw value (0..1), and from it the published score."""

    key: str
    title: str
    column: str  # its column in a contents table
    raw_column: str | None  # the raw value's column there, if it has one
    tasks: tuple[Task, ...]  # empty if only published values exist
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
    answer_tokens: int | None  # the longest answer that the harness lets a model write; None: nothing is written
    independent: float | None  # what the items are worth where questions are asked more than once; None: all count
    chance: float | None  # None: the tasks differ, or there is none
    category: str | None
    help: str
    columns: tuple[str, ...]  # other names of `column` in old or foreign tables
    raw_columns: tuple[str, ...]
    group: str | None = None  # the harness's name for its tasks together
    together: bool = False  # its tasks share documents, random numbers or a generation batch: run them together
    gated: bool = False  # its authors ask not to publish the questions in plain text
    private: bool = False  # the board's own exam: its items never leave the box
    needs: tuple[str, ...] = ()  # what scoring needs besides the harness: "punkt_tab"
    cite: CitedWork | None = None
    hub: HubData | None = None
    card: CardLine | None = None
    sources: Mapping[str, SourceTask] = field(default_factory=dict)  # harness → what is taken from its files: `from`

    @property
    def withheld(self) -> bool:
        """Whether only hashes and scores of its items may leave the box."""
        return self.gated or self.private


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


CHAT_DATE = date(2024, 7, 26)
"""The day that Llama 3's templates print if there is no clock."""
GenerationDefaults = Literal["model", "none"]
"""Whether a model's generation_config.json shapes its texts, as in the harness, or only its special tokens count."""


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
    group: str | None = None  # the harness's name for the whole suite; it brings its own shots
    cite: CitedWork | None = None
    cards: PublishedCards | None = None
    generation_defaults: GenerationDefaults = "model"
    chat_date: date = CHAT_DATE  # the day that chat templates read as today

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
        """Return the benchmark of that key. Raises NotFoundError."""
        for benchmark in self.benchmarks:
            if benchmark.key == key:
                return benchmark
        known = ", ".join(benchmark.key for benchmark in self.benchmarks)
        raise NotFoundError(f"{self.title} has no benchmark '{key}'; it has {known}.")
