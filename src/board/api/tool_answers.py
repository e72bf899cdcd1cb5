"""What the tools return, as types: an agent reads the schemas that are made of them before it asks."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class AnswerSource(TypedDict):
    """Which board the answer is from."""

    board: NotRequired[str]
    suite: str
    as_of: str
    warning: NotRequired[str]


class Brief(TypedDict):
    """What is needed to choose a model: scores from 0 to 100, `params_b` in billions, unknown values null."""

    rank: int | None
    model: str
    precision: str | None
    type: str | None
    params_b: float | None
    license: str | None
    average: float | None
    average_95: NotRequired[list[float | None]]
    scores: dict[str, float | None]
    official: bool | None
    flagged: bool | None
    memory_gb: NotRequired[float]


class FoundModels(AnswerSource):
    """How many models match, the first of them, and how many were left out because their size cannot be."""

    matches: int
    left_out: int
    models: list[Brief]


class ModelForBudget(FoundModels):
    """The best models that fit, and how the memory is estimated."""

    estimate: str


class ModelRuns(AnswerSource):
    """One entry for each run of a model, best first."""

    model: str
    runs: list[dict[str, Any]]


class RescoredRun(TypedDict):
    """A run whose numbers changed."""

    model: str
    precision: str | None
    before_and_after: dict[str, Any]


class BoardChanges(AnswerSource):
    """Counts of each kind of change, and the first of them."""

    since: str
    added: int
    removed: int
    rescored: int
    models_added: list[Brief]
    models_removed: list[Brief]
    models_rescored: list[RescoredRun]
