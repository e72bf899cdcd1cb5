"""From a form to a checked request, or the reasons why not. Nothing of a submitted model is ever loaded here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from src.core.errors import BadInputError, BoardError
from src.core.lifecycle import Status
from src.core.model.checks import Check, Facts, ModelLimits, Repository, examine, facts
from src.core.model.fit.against import check_base, check_context
from src.core.model.memory import BYTES_PER_NUMBER
from src.core.model.source import HubModel, ModelSource, NoRevisionError
from src.core.model.types import BY_KEY
from src.core.names import check_model_name
from src.core.queue import Queue, QueueEntry, QueueState, Receipt, request_key
from src.core.queue.state import estimate
from src.core.records import Request, WeightType
from src.core.suites import Suite
from src.settings import Settings

PRECISIONS = tuple(BYTES_PER_NUMBER)
WEIGHT_TYPES: dict[WeightType, str] = {
    "Original": "Original weights",
    "Adapter": "Adapter on a base model",
    "Delta": "Difference to a base model",
}


@dataclass(frozen=True)
class SubmissionForm:
    """What a person typed and chose."""

    model: str
    revision: str = ""
    precision: str = "bfloat16"
    weight_type: WeightType = "Original"
    base_model: str = ""
    model_type: str = ""
    use_chat_template: bool | None = None  # None: use it if there is one
    is_base_meant: bool = False  # apply the adapter to `base_model` although it was made for another model


@dataclass(frozen=True)
class Rules:
    """What one board takes, and how much from whom."""

    limits: ModelLimits
    per_user: int
    per_organisation: int
    window: timedelta = timedelta(days=7)
    unlimited: frozenset[str] = frozenset()  # users without a rate limit

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Return the rules that an operator set."""
        operators = settings.operators | ({settings.user} if settings.user else set())
        return cls(
            ModelLimits(largest_b=settings.largest, gated_allowed=settings.allow_gated_models),
            settings.per_user,
            settings.per_organisation,
            unlimited=operators,
        )


@dataclass(frozen=True)
class Examination:
    """The checklist of one form, and the request if nothing was refused."""

    checks: tuple[Check, ...]
    facts: Facts | None = None
    request: Request | None = None
    already: QueueEntry | None = None  # the same request, if it is in the queue or was
    revision: str | None = None  # the commit that the form's revision stands for now
    fields: Mapping[str, str] = field(default_factory=dict)  # field of the form → what is wrong with it

    @property
    def problems(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.state == "refused")


@dataclass(frozen=True)
class QueueEstimate:
    """What a request handed in now has to expect."""

    place: int
    wait: timedelta | None  # until a box takes it; None: nobody knows


def outlook(state: QueueState) -> QueueEstimate:
    """Return the last place of the queue, and how long it takes from there at the pace of late."""
    place = len(state.waiting) + 1
    took = [one.took for one in state.finished[:RECENT] if one.took]
    return QueueEstimate(place, estimate(place, took, len(state.running)))


def problems_of_fields(form: SubmissionForm) -> dict[str, str]:
    """Return what is wrong with each field, without a call: field → what to do."""
    data: dict[str, str] = {}
    names = {"model": form.model} | ({} if form.weight_type == "Original" else {"base_model": form.base_model})
    for name, text in names.items():
        try:
            if not text.strip():
                raise BadInputError(EMPTY[name])
            check_model_name(text.strip())
        except BadInputError as error:
            data[name] = str(error)
    if REVISION.fullmatch(form.revision.strip()) is None:
        data["revision"] = "A revision is a branch, a tag or a commit: letters, digits, `-`, `_`, `.` and `/`."
    if form.precision not in PRECISIONS:
        data["precision"] = f"Choose a precision: {', '.join(PRECISIONS)}."
    if form.weight_type not in WEIGHT_TYPES:
        data["weight_type"] = f"Choose the weights: {', '.join(WEIGHT_TYPES)}."
    if form.model_type and form.model_type not in BY_KEY:
        data["model_type"] = f"Choose a type: {', '.join(BY_KEY)}."
    return data


EMPTY = {
    "model": "Name the model as `organisation/name`.",
    "base_model": "Name the model it is built on, as `organisation/name`.",
}
REVISION = re.compile(r"(?!.*\.\.)[\w./-]{0,200}")
RECENT = 50  # finished runs that an estimate looks at

Look = Callable[[str, str], ModelSource]
"""(model, revision) → its repository; raises a StoreError."""


class SubmissionService:
    """Where submissions are handed in: checks a form against the Hub, the queue and the table, then queues it."""

    def __init__(self, queue: Queue, rules: Rules | None = None, look: Look | None = None) -> None:
        self._queue = queue
        self.rules = rules or Rules.of(Settings())
        # a gated model is read with the board's own token, if the board takes such models
        token = os.environ.get("HF_TOKEN") if self.rules.limits.gated_allowed else None
        self._look: Look = look or (lambda model, revision: HubModel(model, revision, token))

    def examine(
        self, form: SubmissionForm, sender: str | None, suite: Suite, table: pd.DataFrame | None = None
    ) -> Examination:
        """Return everything that can be known without a GPU. Costs a few calls to the Hub; changes nothing."""
        fields = problems_of_fields(form)
        if fields:
            return Examination(
                tuple(Check(name, "Choices", "refused", words) for name, words in fields.items()), fields=fields
            )
        checks: list[Check] = []
        try:
            source = self._look(form.model.strip(), form.revision.strip() or "main")
        except BoardError as error:
            where = "revision" if isinstance(error, NoRevisionError) else "model"
            return Examination(
                (Check("exists", "Exists and readable", "refused", str(error)),), fields={where: str(error)}
            )
        try:
            base = None if form.weight_type == "Original" else self._look(form.base_model.strip(), "main")
        except BoardError as error:
            words = f"The base model: {error}"
            return Examination(
                (Check("base", "Base model", "refused", words),),
                revision=source.revision,
                fields={"base_model": str(error)},
            )
        checks.append(
            Check("exists", "Exists and readable", "passed", f"`{source.model}` at commit {source.revision[:12]}.")
        )
        below = None if base is None else Repository(base, form.precision, "Original", self.rules.limits)
        repository = Repository(
            source, form.precision, form.weight_type, self.rules.limits, form.use_chat_template, below
        )
        checks += examine(repository)
        checks += _against(repository, suite, form)
        if below is not None:
            checks += [
                Check(f"base-{each.key}", f"Base model: {each.title.lower()}", each.state, each.sentence)
                for each in examine(below)
                if each.key not in OF_THE_MODEL_ONLY
            ]
        if any(check.state == "refused" for check in checks):
            return Examination(tuple(checks), revision=source.revision)
        known = facts(repository)
        notes = [*known.notes, *(check.sentence for check in checks if check.key == "base" and check.state == "noted")]
        if below is not None:
            notes += [f"Base model: {note}" for note in facts(below).notes]
        request = _request(form, repository, known).model_copy(
            update={"sender": sender, "suite": suite.name, "suite_version": suite.version, "notes": tuple(notes)}
        )
        state = self._queue.snapshot()
        already, check = _duplicate(request, state, table)
        checks.append(check)
        checks.append(_rate(request, state, self.rules))
        refused = any(check.state == "refused" for check in checks)
        return Examination(tuple(checks), known, None if refused else request, already, source.revision)

    def submit(
        self, form: SubmissionForm, sender: str | None, suite: Suite, table: pd.DataFrame | None = None
    ) -> Receipt:
        """Examine once more, at the commit the form names now, and queue it. Returns once that is durable.

        Raises BadInputError with every reason, one a line, if a check refuses it.
        """
        if not sender:
            raise BadInputError("Sign in first: a request belongs to somebody who can cancel it.")
        examination = self.examine(form, sender, suite, table)
        if examination.request is None:
            raise BadInputError("\n".join(check.sentence for check in examination.problems))
        return self._queue.submit(examination.request)


def _against(repository: Repository, suite: Suite, form: SubmissionForm) -> list[Check]:
    """Return the checks against the suite and the base model; none if the configurations cannot be read."""
    with suppress(BadInputError):
        below = repository.base
        if below is None:
            return check_context(repository, suite)
        return [*check_base(repository, below.source.model, form.is_base_meant), *check_context(below, suite)]
    return []  # `examine` says what is wrong with them


def _request(form: SubmissionForm, repository: Repository, known: Facts) -> Request:
    source, below = repository.source, repository.base
    base = below.source if below is not None else None
    has_template = known.chat_template is not None
    added = below.parameters / 1e9 if below is not None and form.weight_type == "Adapter" else 0.0
    params = (known.params_b or 0.0) + added
    return Request(
        model=source.model,
        revision=source.revision,
        base_model=base.model if base is not None else None,
        base_revision=base.revision if base is not None else None,
        precision=form.precision,
        weight_type=form.weight_type,
        model_type=form.model_type or None,
        params=round(params, 6),
        architectures=known.architectures,
        use_chat_template=has_template if form.use_chat_template is None else form.use_chat_template,
        license=known.license,
        likes=known.likes,
    )


OF_THE_MODEL_ONLY = {"card", "license", "template"}


def _duplicate(request: Request, state: QueueState, table: pd.DataFrame | None) -> tuple[QueueEntry | None, Check]:
    title = "Not here already"
    key = request_key(request)
    if key in state and state[key].status is not Status.CANCELLED:
        standing = state[key]
        words = DUPLICATES[standing.status].format(place=standing.place)
        return standing, Check("duplicate", title, "refused", words)
    if table is not None and _is_in(table, request):
        return None, Check(
            "duplicate", title, "refused", "This commit is on the board in this precision. Look it up in the table."
        )
    return None, Check("duplicate", title, "passed", "New.")


DUPLICATES = {
    Status.PENDING: "The same request is waiting at place {place}. Vote for it on the queue page to bring it forward.",
    Status.RUNNING: "The same request is being evaluated right now. Watch it on the queue page.",
    Status.FINISHED: "The same request was evaluated. Look the model up in the table.",
    Status.FAILED: "The same request failed. The queue page says why, and lets you retry it.",
}


def _is_in(table: pd.DataFrame, request: Request) -> bool:
    same = (table["model"] == request.model) & (table["precision"] == request.precision)
    same &= table["revision"] == request.revision
    template = table["chat_template"]
    return bool((same & (template.isna() | (template == request.use_chat_template))).any())


def _rate(request: Request, state: QueueState, rules: Rules) -> Check:
    title = "Within the limits"
    since = state.now - rules.window
    days = f"{rules.window.days} days"
    recent = [
        standing
        for standing in state.standings.values()
        if standing.submitted is not None and standing.submitted > since and standing.status is not Status.CANCELLED
    ]
    if request.sender in rules.unlimited:
        return Check("rate", title, "passed", "No limit for you.")
    mine = [standing for standing in recent if standing.request.sender == request.sender]
    organisation = request.model.split("/")[0]
    theirs = [standing for standing in recent if standing.request.model.split("/")[0] == organisation]
    for who, used, most in (("You", mine, rules.per_user), (organisation, theirs, rules.per_organisation)):
        if len(used) >= most:
            free = min(_submitted(used)) + rules.window
            return Check(
                "rate", title, "refused",
                f"{who} submitted {len(used)} models within {days}, which is the limit. "
                f"The next can come on {free:%Y-%m-%d at %H:%M} UTC.",
            )  # fmt: skip
    return Check("rate", title, "passed", f"{len(mine)} of {rules.per_user} within {days}.")


def _submitted(standings: Iterable[QueueEntry]) -> list[datetime]:
    return [standing.submitted for standing in standings if standing.submitted is not None]
