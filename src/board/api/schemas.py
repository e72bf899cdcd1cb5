"""The shapes of the answers, for the description at `/api/openapi.json`; the tests hold the answers against them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """An answer, exactly: a field more or less is a fault."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Problem(Shape):
    """What went wrong, after RFC 9457."""

    title: str
    status: int
    detail: str = Field(description="A sentence that says what to do.")


class Score(Shape):
    """One benchmark of a row."""

    raw: float | None = Field(default=None, description="0 to 1, before chance is taken off.")
    score: float | None = Field(default=None, description="As published, 0 to 100.")
    se: float | None = Field(default=None, description="Standard error of the score, in points.")
    low: float | None = Field(default=None, description="Lower end of the 95 % interval, before clipping at chance.")
    high: float | None = None


class Row(Shape):
    """One published result: a model at a revision, run in a precision."""

    rank: int | None = Field(description="Place by average; null while a benchmark is missing.")
    id: str
    model: str
    precision: str | None
    revision: str | None
    model_type: str | None
    weight_type: str | None
    architecture: str | None
    params_b: float | None = Field(description="Billions of parameters.")
    license: str | None
    likes: int | None
    available: bool | None = Field(description="Still public on the Hub.")
    moe: bool | None
    merged: bool | None
    flagged: bool | None
    official: bool | None
    chat_template: bool | None
    co2_kg: float | None
    upload_date: str | None
    submission_date: str | None
    generation: int | None
    base_model: str | None
    family: str | None
    scorer: str | None = None
    rank_low: float | None = Field(default=None, description="The best place it may have, with 95 % confidence.")
    rank_high: float | None = None
    tied: bool | None = Field(default=None, description="Cannot be told from the best.")
    average: float | None
    average_se: float | None = None
    average_low: float | None = None
    average_high: float | None = None
    benchmarks: dict[str, Score]


class Page(Shape):
    """Rows of a query."""

    suite: str
    revision: str
    total: int = Field(description="Rows on the board.")
    matches: int = Field(description="Rows that the query finds.")
    offset: int
    unread: list[str] = Field(description="Parameters that filtered nothing: misspelt, or holding the default.")
    rows: list[Row]


class ModelAnswer(Shape):
    """Every result of one model on a suite."""

    suite: str
    revision: str
    model: str
    rows: list[Row]


class Contrast(Shape):
    """A model against the first one, in points; positive: it is ahead."""

    value: float
    low: float
    high: float
    p: float
    clear: bool = Field(description="More than chance at the 5 % level.")
    method: str


class ComparedLine(Shape):
    """One benchmark, or the average, of the models in their order."""

    key: str
    title: str
    scores: list[float | None]
    contrasts: list[Contrast | None]


class Unlike(Shape):
    """A setting in which the runs differ."""

    title: str
    values: list[str]
    why: str


class Comparison(Shape):
    """Models side by side; the others are held against the first."""

    suite: str
    revision: str
    ids: list[str]
    average: ComparedLine
    benchmarks: list[ComparedLine]
    unlike: list[Unlike]


class BenchmarkShape(Shape):
    """One benchmark of a suite."""

    key: str
    title: str
    help: str
    shots: int | None
    items: int | None
    unit: str
    higher_is_better: bool
    weight: float


class SuiteShape(Shape):
    """A suite of this board."""

    name: str
    title: str
    version: int
    rows: int
    revision: str
    source: str = Field(description="live, copy, sample (made-up rows), local, or none.")
    as_of: str
    problem: str | None
    benchmarks: list[BenchmarkShape]
    snapshots: list[str] = Field(description="Days that `at` may name.")


class QueueEntry(Shape):
    """One request and how it stands."""

    model: str
    revision: str
    precision: str
    suite: str
    status: str
    submitted: str | None
    place: int | None
    wait_s: float | None = Field(description="Estimated seconds until a box takes it.")
    votes: int
    attempts: int
    ended: str | None
    failure: str | None
    advice: str | None


class QueueAnswer(Shape):
    """The queue now."""

    now: str
    counts: dict[str, int]
    order: str
    requests: list[QueueEntry]


class ResultFile(Shape):
    """A stored result file."""

    path: str
    size: int
    url: str


class ResultFiles(Shape):
    """The result files of a model, newest first."""

    model: str
    files: list[ResultFile]


class RescoredShape(Shape):
    """A run whose numbers changed."""

    id: str
    model: str
    precision: str | None
    scores: dict[str, list[float | None]] = Field(description="Benchmark or `average` → [before, after].")


class ChangesAnswer(Shape):
    """What changed between two days."""

    suite: str
    since: str
    until: str
    added: int
    removed: int
    rescored: int
    rows_added: list[dict[str, Any]]
    rows_removed: list[dict[str, Any]]
    rows_rescored: list[RescoredShape]


class CardAnswer(Shape):
    """What goes into the model's card."""

    model: str
    suite: str
    metadata: str = Field(description="`model-index`, as YAML.")
    section: str = Field(description="The section, as Markdown.")
    eval_results: dict[str, str] = Field(description="Path in the model's repository → YAML.")
