"""`board.toml`: the board's name, looks, rules and operators, as a checked value."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from src.core.errors import BadInputError

WEB = re.compile(r"https?://[^\s<>\"']+|mailto:[^\s<>\"']+")
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
LOGO = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.(?:svg|png|jpg|jpeg|webp)")


def _address(text: str) -> str:
    if not WEB.fullmatch(text):
        raise ValueError(f"'{text}' is no address; begin it with https://, http:// or mailto:")
    return text


def _user(text: str) -> str:
    if not USER.fullmatch(text):
        raise ValueError(f"'{text}' is no user name of the Hub")
    return text


def _logo(text: str) -> str:
    if not LOGO.fullmatch(text):
        raise ValueError("name a file beside board.toml that ends with .svg, .png, .jpg or .webp")
    return text


Line = Annotated[
    str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True, pattern=r"^[^\x00-\x1f]+$")
]
Address = Annotated[str, StringConstraints(max_length=500), AfterValidator(_address)]
User = Annotated[str, AfterValidator(_user)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BoardLink(_Table):
    """A link in the footer of every page."""

    title: Line
    url: Address


class Announcement(_Table):
    """A sentence above every page."""

    text: Line
    url: Address | None = None
    until: date | None = None  # the last day that it is shown


class Submissions(_Table):
    """Who may submit how much. What is not given is left to the flags."""

    open: bool = True
    rules: Line | None = None  # a sentence above the form
    largest: float | None = Field(None, gt=0, allow_inf_nan=False)  # billions of parameters in bfloat16
    per_user: int | None = Field(None, ge=1)  # models per week
    per_organisation: int | None = Field(None, ge=1)


class BoardConfig(_Table):
    """The keys of `board.toml`. Unknown is None: flags, variables and defaults of the program fill it in."""

    name: Line | None = None
    description: Line | None = None  # one sentence
    url: Address | None = None  # where this board is found; citations and cards name it
    authors: Line | None = None  # for citations: "Nowak, Anna and Kim, Minji"
    logo: Annotated[str, AfterValidator(_logo)] | None = None
    accent: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    suite: Line | None = None  # the first one that a reader sees
    suites: tuple[Line, ...] = ()  # those that models can be submitted to, besides those in `suites/`
    columns: tuple[Line, ...] = ()  # what a newcomer sees
    operators: tuple[User, ...] = ()
    links: tuple[BoardLink, ...] = ()
    announcement: Announcement | None = None
    submissions: Submissions = Submissions()

    @property
    def settings(self) -> dict[str, Any]:
        """Return what takes the place of the program's defaults, by the names of its settings."""
        limits = self.submissions
        given = {
            "name": self.name,
            "largest": limits.largest,
            "per_user": limits.per_user,
            "per_organisation": limits.per_organisation,
        }
        return {name: value for name, value in given.items() if value is not None}


def parse(data: bytes) -> BoardConfig:
    """Return the configuration in a `board.toml`. Raise BadInputError with a sentence on its first fault."""
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInputError(f"It is no TOML: {error}.") from error
    if not tables:
        raise BadInputError("It is empty. Give it at least a name.")
    try:
        return BoardConfig.model_validate(tables)
    except ValidationError as error:
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise BadInputError(_sentence(problems[0])) from error


def _sentence(problem: Any) -> str:
    *above, key = problem["loc"]
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = _keys(above)
        near = get_close_matches(str(key), known, 1)
        return f"There is no key `{place}`." + (
            f" Did you mean `{near[0]}`?" if near else f" There are {', '.join(known)}."
        )
    words = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch" and key == "accent":
        words = "write a colour as #1a6fd0"
    return f"`{place}`: {words[:1].lower()}{words[1:]}."


def _keys(above: list[Any]) -> list[str]:
    """Return the keys of the table that a location lies in."""
    tables: dict[str, type[_Table]] = {"links": BoardLink, "announcement": Announcement, "submissions": Submissions}
    return list(tables.get(str(above[0]) if above else "", BoardConfig).model_fields)
