"""What an operator may set: flags first, then environment variables, then the defaults given here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from src.core.errors import BadInputError
from src.core.model.checks import ModelLimits
from src.core.profile.config import BoardConfig

PUBLIC = "hub:open-llm-leaderboard"
ROOT = Path(__file__).parents[1]
PREFIX = "BOARD_"
SPACE_PROXIES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""In a Space every reader comes through the Hub's proxy, which is on a private network."""


def _option(default: Any, metavar: str, description: str, *, hosts: str = "", **limits: Any) -> Any:
    """Return a field with its flag's placeholder and help. `hosts`: our variable, and the one that hosts set."""
    limits |= {"default_factory": default} if callable(default) else {"default": default}
    alias = AliasChoices(*hosts.split()) if hosts else None
    return Field(description=description, json_schema_extra={"metavar": metavar}, validation_alias=alias, **limits)


def _split(names: Any) -> Any:
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else names


def _networks(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name != "*":
            ip_network(name, strict=False)
    return names


def _here() -> str | None:
    """Return this folder if it holds a board of its own."""
    return "." if Path("board/board.toml").is_file() else None


class Settings(BaseSettings):
    """How this board is served. Each field is the flag `--name` and the variable `BOARD_NAME`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, validate_by_name=True, validate_by_alias=True
    )

    store: str | None = _option(
        _here, "DIR|hub:OWNER", "the board to show: a folder or a Hub owner (default: this folder if it has "
        f"board/board.toml, else {PUBLIC}, and a sample until it is here)",
    )  # fmt: skip
    port: int | None = _option(
        None, "N", "port to serve on (default: the first free one from 7860)", hosts="BOARD_PORT GRADIO_SERVER_PORT",
        ge=1, le=65535,
    )  # fmt: skip
    host: str = _option(
        lambda: "0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1",  # a Space is reached from outside
        "ADDRESS", "address to serve on; 0.0.0.0 for every interface", hosts="BOARD_HOST GRADIO_SERVER_NAME",
    )  # fmt: skip
    root_path: str = _option(
        "", "PATH", "path or URL of this board behind a proxy, such as /board", hosts="BOARD_ROOT_PATH GRADIO_ROOT_PATH"
    )
    cache: Path = _option(
        Path.home() / ".cache" / "open-llm-leaderboard", "DIR", "where the last copy of a Hub board is kept"
    )
    poll: float = _option(60.0, "SECONDS", "how often to ask the store for news", ge=1, allow_inf_nan=False)
    name: str = _option("Open LLM Leaderboard", "TEXT", "the board's name on its pages")
    user: str | None = _option(None, "NAME", "submit and vote as NAME without signing in; on this machine only")
    largest: float = _option(
        ModelLimits.largest_b,
        "BILLIONS",
        "largest model the queue accepts, in parameters of bfloat16",
        gt=0,
        allow_inf_nan=False,
    )
    allow_gated_models: bool = _option(
        False, "yes|no", "accept gated models; the board reads them with HF_TOKEN, and boxes need access too"
    )
    per_user: int = _option(5, "N", "models one person may submit per week", ge=1)
    per_organisation: int = _option(20, "N", "models of one organisation that may be submitted per week", ge=1)
    operators: Annotated[frozenset[str], NoDecode, BeforeValidator(_split)] = _option(
        frozenset(), "NAMES", "people without these limits, who may retry or cancel any request: NAME,NAME"
    )
    per_minute: int = _option(
        600, "N",
        "requests one address may make per minute, of pages and of the API each; a download of the whole board counts "
        "as five",
        ge=1,
    )  # fmt: skip
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)] = _option(
        lambda: SPACE_PROXIES if os.environ.get("SPACE_ID") else (), "NETWORKS",
        "proxies whose X-Forwarded headers are believed: 10.0.0.0/8,::1, or * for all",
    )  # fmt: skip
    embed: str = _option(
        "https://huggingface.co https://*.hf.space", "ORIGINS", "origins that may show this board in a frame"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` one flag for each setting; what is not given is left to the environment."""
    for name, field in Settings.model_fields.items():
        text = field.description or ""
        default = field.get_default(call_default_factory=True)
        if default and "(default" not in text:
            default = f"{default:g}" if isinstance(default, float) else str(default).replace(str(Path.home()), "~")
            text += f" (default: {default})"
        parser.add_argument(_flag(name), dest=name, metavar=_metavar(name), help=text)


def read(args: argparse.Namespace) -> Settings:
    """Return the settings behind flags and environment. Raise BadInputError for a value out of its range."""
    given = {name: text for name in Settings.model_fields if (text := getattr(args, name, None))}
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = next(name for name in Settings.model_fields if problem["loc"][0] in (name, *_variables(name)))
        place = _flag(name) if name in given else next(each for each in _variables(name) if os.environ.get(each))
        rule = problem["msg"].replace("Input", _metavar(name), 1)
        raise BadInputError(f"{place} is '{problem['input']}', but {rule}.") from error


@lru_cache(8)
def effective(settings: Settings, config: BoardConfig) -> Settings:
    """Return the settings with those of `board.toml` where neither a flag nor a variable gives one.

    Operators are those of both: the file cannot take the right away from those that a flag or variable names.
    """
    given = settings.model_fields_set
    update = {name: value for name, value in config.settings.items() if name not in given}
    return settings.model_copy(update={**update, "operators": settings.operators.union(config.operators)})


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _metavar(name: str) -> str:
    extra = Settings.model_fields[name].json_schema_extra
    return str(extra["metavar"]) if isinstance(extra, dict) else name.upper()


def _variables(name: str) -> Iterator[str]:
    """Yield the variables that set `name`, the one that wins first."""
    alias = Settings.model_fields[name].validation_alias
    yield from map(str, alias.choices) if isinstance(alias, AliasChoices) else (f"{PREFIX}{name.upper()}",)
