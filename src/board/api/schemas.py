"""The types of the answers: the code that builds them is checked against them, the API and the tools describe them."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from src.board.live.history import Rescored
from src.core.estimates import EstimateRecord


class Problem(BaseModel):
    """What went wrong, after RFC 9457."""

    model_config = ConfigDict(extra="forbid")

    title: str
    status: int
    detail: str = Field(description="A sentence that says what to do.")


exact = with_config(ConfigDict(extra="forbid"))
"""An answer has these fields and no others."""


@exact
class Score(TypedDict):
    """One benchmark of a row."""

    raw: NotRequired[Annotated[float | None, Field(description="0 to 1, before chance is taken off.")]]
    score: NotRequired[Annotated[float | None, Field(description="As published, 0 to 100.")]]
    se: NotRequired[Annotated[float | None, Field(description="Standard error of the score, in points.")]]
    low: NotRequired[
        Annotated[float | None, Field(description="Lower end of the 95 % interval, not clipped at chance.")]
    ]
    high: NotRequired[float | None]
    approximate: NotRequired[Annotated[bool | None, Field(description="From counts, not from graded items.")]]
    claimed: NotRequired[Annotated[float | None, Field(description="What the makers claim: raw, in per cent.")]]


@exact
class Row(TypedDict):
    """One published result: a model at a revision, run in a precision."""

    rank: Annotated[int | None, Field(description="Place by average; null while a benchmark is missing.")]
    id: str
    model: str
    precision: str | None
    revision: str | None
    model_type: str | None
    weight_type: str | None
    architecture: str | None
    params_b: Annotated[float | None, Field(description="Billions of parameters.")]
    license: str | None
    likes: int | None
    available: Annotated[bool | None, Field(description="Still public on the Hub.")]
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
    scorer: NotRequired[str | None]
    rank_low: NotRequired[Annotated[float | None, Field(description="The best rank at 95 % confidence.")]]
    rank_high: NotRequired[float | None]
    tied: NotRequired[Annotated[bool | None, Field(description="Not distinguishable from the best.")]]
    tier: NotRequired[Annotated[float | None, Field(description="1: not distinguishable from the best row; then on.")]]
    set_size: NotRequired[Annotated[float | None, Field(description="Mean options in a 90 % prediction set.")]]
    coverage: NotRequired[Annotated[float | None, Field(description="Sets that hold the right option, per cent.")]]
    uacc: NotRequired[Annotated[float | None, Field(description="Uncertainty-adjusted accuracy, points.")]]
    ece: NotRequired[Annotated[float | None, Field(description="Expected calibration error, points.")]]
    served: NotRequired[Annotated[str | None, Field(description="weights, or served: provider, day (may change).")]]
    tokens_per_item: NotRequired[Annotated[float | None, Field(description="Mean tokens of a generated answer.")]]
    seconds_per_item: NotRequired[Annotated[float | None, Field(description="The run's time over its items.")]]
    dollars: NotRequired[Annotated[float | None, Field(description="Cost of the run in US dollars.")]]
    sensitivity: NotRequired[
        Annotated[float | None, Field(description="Points between the best and the worst order of the options.")]
    ]
    average: float | None
    average_se: NotRequired[float | None]
    average_low: NotRequired[float | None]
    average_high: NotRequired[float | None]
    average_approximate: NotRequired[Annotated[bool | None, Field(description="From counts, not from graded items.")]]
    benchmarks: dict[str, Score]


@exact
class EstimatesAnswer(TypedDict):
    """Scores of one model estimated from a few questions: never ranked among measured ones."""

    model: str
    suite: str
    estimates: list[EstimateRecord]


@exact
class RowsAnswer(TypedDict):
    """Rows of a query."""

    suite: str
    revision: str
    total: Annotated[int, Field(description="Rows on the board.")]
    matches: Annotated[int, Field(description="Rows that the query finds.")]
    offset: int
    ranked_by: Annotated[str, Field(description="What `average` is: the board’s own, or as the parameters ask.")]
    unread: Annotated[list[str], Field(description="Parameters without effect: misspelt, or holding the default.")]
    rows: list[Row]


@exact
class ModelAnswer(TypedDict):
    """Every result of one model on a suite."""

    suite: str
    revision: str
    model: str
    rows: list[Row]


@exact
class ContrastNumbers(TypedDict):
    """A model against the first one, in points; positive: it is ahead."""

    value: float
    low: float
    high: float
    p: float
    clear: Annotated[bool, Field(description="More than chance at the 5 % level.")]
    method: str


@exact
class ComparedLine(TypedDict):
    """One benchmark, or the average, of the models in their order."""

    key: str
    title: str
    scores: list[float | None]
    contrasts: list[ContrastNumbers | None]


@exact
class DifferentSetting(TypedDict):
    """A setting in which the runs differ."""

    title: str
    values: list[str]
    why: str


@exact
class ComparedModels(TypedDict):
    """Models side by side; the others are held against the first."""

    suite: str
    revision: str
    ids: list[str]
    average: ComparedLine
    benchmarks: list[ComparedLine]
    unlike: list[DifferentSetting]


@exact
class BenchmarkShape(TypedDict):
    """One benchmark of a suite."""

    key: str
    title: str
    help: str
    shots: int | None
    items: int | None
    unit: str
    higher_is_better: bool
    weight: float


@exact
class SuiteShape(TypedDict):
    """A suite of this board."""

    name: str
    title: str
    version: int
    rows: int
    hidden: Annotated[int, Field(description="Rows that the operators hide; `/v1/decisions` says why.")]
    revision: str
    source: Annotated[str, Field(description="live, copy, sample (made-up rows), local, or none.")]
    as_of: str
    problem: str | None
    benchmarks: list[BenchmarkShape]
    snapshots: Annotated[list[str], Field(description="Days that `at` may name.")]


@exact
class Decision(TypedDict):
    """What an operator decided about rows, or an author's answer to it."""

    id: str
    action: Annotated[str, Field(description="flag, hide, withdraw, correct, official, merge, answer or lift.")]
    by: str
    when: str
    reason: str
    counts: Annotated[bool, Field(description="Whether it counts now: false once it is lifted.")]
    url: NotRequired[str]
    model: NotRequired[str]
    precision: NotRequired[str]
    revision: NotRequired[str]
    configuration: NotRequired[str]
    suite: NotRequired[str]
    benchmark: NotRequired[str]
    value: NotRequired[Annotated[float, Field(description="The score as it is published now.")]]
    was: NotRequired[Annotated[float, Field(description="The score before.")]]
    into: NotRequired[str]
    organisation: NotRequired[str]
    of: NotRequired[Annotated[str, Field(description="The decision that is answered or lifted.")]]


@exact
class QueuedRequest(TypedDict):
    """One request and how it stands."""

    model: str
    revision: str
    precision: str
    suite: str
    status: str
    submitted: str | None
    place: int | None
    wait_s: Annotated[float | None, Field(description="Estimated seconds until a box takes it.")]
    votes: int
    attempts: int
    ended: str | None
    trial: Annotated[str | None, Field(description="What was run instead of the whole suite: no row comes of it.")]
    failure: str | None
    advice: str | None


@exact
class QueueReport(TypedDict):
    """The queue now."""

    now: str
    counts: dict[str, int]
    order: str
    requests: list[QueuedRequest]


@exact
class ResultFile(TypedDict):
    """A stored result file."""

    path: str
    size: int
    url: str


@exact
class ResultFiles(TypedDict):
    """The result files of a model, newest first."""

    model: str
    files: list[ResultFile]


@exact
class ChangesAnswer(TypedDict):
    """What changed between two days."""

    suite: str
    since: str
    until: str
    added: int
    removed: int
    rescored: int
    rows_added: list[dict[str, Any]]
    rows_removed: list[dict[str, Any]]
    rows_rescored: list[Rescored]


@exact
class CardAnswer(TypedDict):
    """What goes into the model's card."""

    model: str
    suite: str
    metadata: Annotated[str, Field(description="`model-index`, as YAML.")]
    section: Annotated[str, Field(description="The section, as Markdown.")]
    eval_results: Annotated[dict[str, str], Field(description="Path in the model's repository → YAML.")]
