"""The servers that an operator configured on this machine, from a TOML file. Keys stay in the environment."""

from __future__ import annotations

import os
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from src.core.errors import BadInputError
from src.core.names import ENDPOINT, endpoint_of
from src.core.redact import SHORTEST, is_secret_name

FILE = Path("~/.config/open-llm-leaderboard/endpoints.toml")
VARIABLE = "EVALUATOR_ENDPOINTS"
"""The environment variable that names another file."""
MILLION = 1_000_000


class Endpoint(BaseModel):
    """One server and the model to ask it for. Prices are in dollars for a million tokens; None: unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base_url: str  # up to and including /v1
    model: str  # as the server calls it
    kind: Literal["chat", "completions"] = "chat"
    key_variable: str | None = None  # the environment variable that holds the key
    provider: str = ""  # what a row says; the host if empty
    concurrency: int = Field(8, ge=1, le=512)
    price_in: Decimal | None = Field(None, ge=0)
    price_out: Decimal | None = Field(None, ge=0)
    budget: Decimal | None = Field(None, ge=0)  # dollars for one run
    seconds: float = Field(600.0, gt=0)  # for one answer
    tries: int = Field(8, ge=1, le=100)  # for one answer
    tokenizer: str | None = None  # a folder with tokenizer files, to score continuations through `completions`
    max_length: int = Field(32_768, ge=16)  # tokens of prompt and answer together

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http or https address without a query")
        if parts.username or parts.password:
            raise ValueError("must not contain a key; name its environment variable in key_variable")
        return text.rstrip("/")

    @field_validator("key_variable")
    @classmethod
    def _is_redacted(cls, name: str | None) -> str | None:
        if name is not None and not is_secret_name(name):
            raise ValueError("must end in _API_KEY, _TOKEN or _SECRET: logs take out the values of such variables")
        return name

    @model_validator(mode="after")
    def _has_both_prices(self) -> Endpoint:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price_in and price_out belong together")
        return self

    @property
    def backend(self) -> str:
        """The harness's name for a model behind such a server."""
        return f"local-{'chat-' if self.kind == 'chat' else ''}completions"

    @property
    def url(self) -> str:
        """The only address that this endpoint's requests go to."""
        return f"{self.base_url}/{'chat/' if self.kind == 'chat' else ''}completions"

    @property
    def shown_provider(self) -> str:
        """Who answers, as a row says it."""
        return self.provider or str(urlsplit(self.base_url).hostname)

    def key(self) -> str | None:
        """Return the key; None if the server needs none. Raise BadInputError if its variable is not set."""
        if self.key_variable is None:
            return None
        value = os.environ.get(self.key_variable, "")
        if len(value) < SHORTEST:
            raise BadInputError(f"{ENDPOINT}{self.name} needs its key in the variable {self.key_variable}.")
        return value

    def cost(self, prompt: int, completion: int) -> Decimal | None:
        """Return the dollars for tokens; None if the price is unknown."""
        if self.price_in is None or self.price_out is None:
            return None
        return (self.price_in * prompt + self.price_out * completion) / MILLION

    def budget_of(self, budget: Decimal | None) -> Decimal | None:
        """Return the dollars that a run may cost: `budget`, else the endpoint's own; None: it is free.

        Raise BadInputError if it costs something and no budget is set, or no price is known to keep one.
        """
        most = self.budget if budget is None else budget
        if self.price_in is None:
            raise BadInputError(
                f"{ENDPOINT}{self.name} has no price, so no budget can be kept. State price_in and price_out in "
                "dollars for a million tokens; 0 for a server of your own."
            )
        if most is None and (self.price_in or self.price_out):
            raise BadInputError(f"{ENDPOINT}{self.name} costs money. State a budget for a run: --budget DOLLARS.")
        return most


def endpoints_file() -> Path:
    """Return the path of this machine's file."""
    return Path(os.environ.get(VARIABLE) or FILE).expanduser()


def read_endpoints(path: Path) -> dict[str, Endpoint]:
    """Return the endpoints of a file by name; none if there is no file. Raise BadInputError if it is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path} cannot be read: {error}") from error
    return {name: _endpoint(name, fields, path) for name, fields in data.items()}


def find_endpoint(name: str, path: Path) -> Endpoint:
    """Return the endpoint of that name. Raise BadInputError if this machine has none."""
    known = read_endpoints(path)
    if name not in known:
        names = f"It has {', '.join(sorted(known))}." if known else "It names none."
        raise BadInputError(f"{ENDPOINT}{name} is not configured in {path}. {names}")
    return known[name]


def _endpoint(name: str, fields: Any, path: Path) -> Endpoint:
    if endpoint_of(f"{ENDPOINT}{name}") is None:
        raise BadInputError(f"{path}: {name!r} cannot be an endpoint's name: use letters, digits, -, _ and dots.")
    try:
        return Endpoint.model_validate({"name": name} | dict(fields))
    except (ValidationError, TypeError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "must be a table"}
        where = ".".join(map(str, first["loc"]))
        raise BadInputError(f"{path}: [{name}] {where}: {first['msg']}.") from error
