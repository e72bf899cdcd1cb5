"""What the harness's own task files say of a suite's tasks, as plain values: asked of it once, in a fenced child."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from src.core.errors import BadInputError
from src.core.suites import Suite, with_groups


@dataclass(frozen=True)
class TaskFacts:
    """One task of the harness."""

    name: str
    folder: str  # below `lm_eval/tasks`; "" for a task of the board's own
    dataset: str | None  # on the Hub, or a format ("json") for files beside the task
    config: str | None
    kwargs: dict[str, Any]
    splits: dict[str, str]  # test, validation, training, fewshot → the dataset's split
    output_type: str
    metrics: dict[str, dict[str, Any]]  # "acc,none" → higher_is_better, aggregation
    shots: int | None
    generation: dict[str, Any]
    repeats: int
    runs_code: bool  # the model's own answers are executed
    helpers: bool  # Python files beside the task file are run
    version: float | None
    problem: str | None = None  # why it cannot be run here
    title: str | None = None  # the harness's own name for its tables
    options: int | None = None  # to choose from, if the file itself lists them

    @property
    def aggregations(self) -> dict[str, str]:
        """Metric → the harness's name of how items become one value."""
        return {metric: about["aggregation"] for metric, about in self.metrics.items()}


@dataclass(frozen=True)
class HarnessFacts:
    """The tasks that were asked about; `groups` holds groups and tags with their tasks."""

    tasks: Mapping[str, TaskFacts] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)  # name → why nothing is known of it
    titles: Mapping[str, str] = field(default_factory=dict)  # of groups, if the harness has one

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HarnessFacts:
        """Return what `as_dict` has written."""
        return cls(
            {name: TaskFacts(**fields) for name, fields in data["tasks"].items()},
            {name: tuple(tasks) for name, tasks in data["groups"].items()},
            dict(data["problems"]),
            dict(data["titles"]),
        )

    def folders(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """Return the harness's folders that hold the task files."""
        known = (self.tasks[task].folder for task in tasks if task in self.tasks)
        return tuple(dict.fromkeys(folder for folder in known if folder))


@dataclass(frozen=True)
class Work:
    """The tokens of a task's prompts: forwarded once for all documents, and the mean of a document."""

    shared: float  # that all prompts begin with
    document: float  # of the trie of prompts
    scored: float
    stock: float  # that stock `hf` forwards
    answer: float | None = None  # of a typical text; None if nothing is generated
    answer_limit: float | None = None  # the longest text that may be generated


@dataclass(frozen=True)
class ItemCounts:
    """What the items of a task tell. Unknown is None."""

    items: int | None = None
    options: int | None = None  # if every item has as many
    work: Work | None = None
    problem: str | None = None  # why nothing is known

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ItemCounts:
        """Return what `as_dict` has written."""
        return cls(**{**data, "work": Work(**data["work"]) if data["work"] else None})


def expanded(suite: Suite, facts: HarnessFacts) -> Suite:
    """Return the suite with each group of the harness replaced by its tasks.

    Raise BadInputError for a task that the harness does not have.
    """
    for name, why in facts.problems.items():
        raise BadInputError(f"{suite.title} names {name}: {why}")
    return with_groups(suite, facts.groups)
