"""Moderation entries: `board/moderation/{time}-{nonce}.json`, one write-once file each, so that no writer loses one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from src.core.errors import BadInputError, CorruptError, DeniedError
from src.core.names import check_model_name
from src.core.records import Record
from src.core.store import Store

FOLDER = "moderation"
PREFIX = f"board/{FOLDER}/"
LONGEST = 1000  # characters of a reason
LARGEST = 16 * 1024  # bytes of an entry

Action = Literal["flag", "hide", "withdraw", "correct", "official", "merge", "answer", "lift"]
NEEDS: Mapping[str, tuple[str, ...]] = {
    "flag": ("model",),
    "hide": ("model",),
    "withdraw": ("model",),
    "correct": ("model", "suite", "benchmark", "value"),
    "official": ("organisation",),
    "merge": ("model", "into"),
    "answer": ("of",),
    "lift": ("of",),
}
"""What an entry of each action says besides its reason."""


RUN = ("precision", "revision", "configuration")
"""The columns of a row that tell runs of one model apart."""


def _model(name: str) -> str:
    try:
        return check_model_name(name)
    except BadInputError as error:
        raise ValueError(str(error)) from error


Model = Annotated[str, AfterValidator(_model)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Address = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[^\s<>\"']+$")]
Score = Annotated[float, Field(allow_inf_nan=False)]


class ModerationEntry(Record):
    """One decision, or the answer of an author to one. `of` names the entry that an answer or a lift is about."""

    action: Action
    by: Word
    when: datetime
    reason: Text
    url: Address | None = None
    model: Model | None = None
    precision: Word | None = None  # what `RUN` names: the one run it is about; None: every run of the model
    revision: Word | None = None
    configuration: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None
    suite: Word | None = None
    benchmark: Word | None = None
    value: Score | None = None  # the score as it should be published
    was: Score | None = None  # as it was published before
    into: Model | None = None
    organisation: Word | None = None
    of: Word | None = None
    id: str = ""  # the name of its file

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name in NEEDS[self.action]:
            if getattr(self, name) is None:
                raise ValueError(f"`{self.action}` needs `{name}`")
        if self.action == "merge" and self.into == self.model:
            raise ValueError("a model cannot be merged into itself")
        return self


@dataclass(frozen=True)
class Moderation:
    """Every entry of a board, oldest first."""

    entries: tuple[ModerationEntry, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)  # file within the dataset → why it does not count
    oids: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)  # path → what was read there

    @property
    def lifted(self) -> Mapping[str, ModerationEntry]:
        """Entries that no longer count, by id → the entry that lifted each."""
        return {entry.of: entry for entry in self.entries if entry.action == "lift" and entry.of}

    @property
    def active(self) -> tuple[ModerationEntry, ...]:
        """The decisions that count now."""
        lifted = self.lifted
        return tuple(each for each in self.entries if each.action not in ("lift", "answer") and each.id not in lifted)

    def names(self, model: str) -> frozenset[str]:
        """Return the names that rows of `model` had or have now."""
        names, merges = {model}, [{str(each.model), str(each.into)} for each in self.active if each.action == "merge"]
        while more := [pair for pair in merges if names & pair and not pair <= names]:
            names = names.union(*more)
        return frozenset(names)

    def renamed(self, model: str) -> str:
        """Return what `model` is called now."""
        into = {entry.model: entry.into for entry in self.active if entry.action == "merge"}
        for _ in range(len(into)):
            model = into.get(model) or model
        return model

    def of(self, model: str) -> tuple[ModerationEntry, ...]:
        """Return the entries about a model, under any of its names, with their answers and lifts, oldest first."""
        names, organisation = self.names(model), model.partition("/")[0]
        about = {
            each.id
            for each in self.entries
            if (each.model and {each.model, each.into} & names)
            or (each.action == "official" and each.organisation == organisation)
        }
        return tuple(each for each in self.entries if each.id in about or each.of in about)

    def find(self, id_: str) -> ModerationEntry | None:
        """Return the entry of that id."""
        return next((each for each in self.entries if each.id == id_), None)


def draft(action: str, by: str, when: datetime, **fields: Any) -> ModerationEntry:
    """Return a new entry. Raise BadInputError with a sentence on what it lacks."""
    if action not in get_args(Action):
        raise BadInputError(f"There is no action '{action}'; there are {', '.join(get_args(Action))}.")
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    if "reason" not in given:
        raise BadInputError("Give a reason: it is shown on the model's page.")
    try:
        return ModerationEntry.model_validate({"action": action, "by": by, "when": when, **given})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        words = problem["msg"].removeprefix("Value error, ")
        if place == "url":
            words = "write an address that begins with https:// or http://"
        raise BadInputError(f"{place + ': ' if place else ''}{words}.".replace("..", ".")) from error


def record(store: Store, entry: ModerationEntry) -> ModerationEntry:
    """Write an entry and return it with its id. Raise StoreError."""
    id_ = f"{entry.when.astimezone(UTC):%Y-%m-%dT%H-%M-%S.%f}-{secrets.token_hex(4)}"
    data = entry.model_dump(mode="json", exclude_none=True, exclude={"id"})
    about = entry.model or entry.organisation or entry.of
    store.append(
        {f"{PREFIX}{id_}.json": json.dumps(data, ensure_ascii=False, indent=1).encode()}, f"{entry.action} {about}"
    )
    return entry.model_copy(update={"id": id_})


def check_operator(name: str | None, operators: Collection[str]) -> None:
    """Raise DeniedError for somebody who is no operator of the board."""
    if name is None or name not in operators:
        raise DeniedError(
            f"{name or 'A reader'} is no operator of this board, so nothing was changed. Operators are named in its "
            "board.toml, by --operators or by BOARD_OPERATORS."
        )


def check_author(model: str, name: str, organisations: Collection[str], senders: Collection[str]) -> None:
    """Raise DeniedError for somebody who neither submitted the model nor belongs to its organisation."""
    organisation = model.partition("/")[0]
    if name not in senders and organisation not in {name, *organisations}:
        raise DeniedError(
            f"Only who submitted {model}, or a member of {organisation}, can answer. You are signed in as {name}."
        )


def read_entries(store: Store, revision: str, known: Moderation) -> Moderation:
    """Return every entry at a revision; only files that `known` lacks are read. A damaged one costs itself."""
    had = {entry.id: entry for entry in known.entries}
    entries: list[ModerationEntry] = []
    problems: dict[str, str] = {}
    oids: dict[str, str] = {}
    for listed in store.list(PREFIX.rstrip("/"), revision):
        id_ = listed.path.removeprefix(PREFIX).removesuffix(".json")
        short = listed.path.partition("/")[2]
        if not listed.path.endswith(".json"):
            continue
        if id_ in had and known.oids.get(listed.path) == listed.oid:
            entries.append(had[id_])
        else:
            try:
                entries.append(_read(store, listed.path, revision, listed.size, id_))
            except (BadInputError, CorruptError) as error:
                problems[short] = str(error)
                continue
        oids[listed.path] = listed.oid
    return Moderation(tuple(sorted(entries, key=lambda each: (each.when, each.id))), problems, oids)


def _read(store: Store, path: str, revision: str, size: int, id_: str) -> ModerationEntry:
    if size > LARGEST:
        raise BadInputError(f"{path} is too large for an entry: {size:,} bytes.")
    try:
        data = json.loads(store.read(path, revision))
        return ModerationEntry.model_validate({**data, "id": id_})
    except (ValueError, TypeError) as error:  # ValidationError is a ValueError
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BadInputError(f"{path} is no entry of moderation and does not count: {why}.") from error
