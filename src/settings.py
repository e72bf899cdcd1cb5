"""What an operator may set: one table, read from flags first, then from the environment, then from its defaults."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from src.core.errors import BadInput

PUBLIC = "hub:open-llm-leaderboard"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Settings:
    """How this board is served."""

    store: str | None = None  # None: the public board, with the sample until it is here
    port: int | None = None  # None: the first free one from 7860
    host: str = "127.0.0.1"
    root_path: str = ""
    cache: Path = Path.home() / ".cache" / "open-llm-leaderboard"
    poll: float = 60.0  # seconds
    name: str = "Open LLM Leaderboard"
    embed: str = "https://huggingface.co https://*.hf.space"
    user: str | None = None  # the one person of a board on this machine; None: people sign in, or only read
    largest: float = 80.0  # billions of parameters in bfloat16 that the queue takes
    per_user: int = 5  # submissions in a week
    per_organisation: int = 20
    per_minute: int = 600  # requests of the API by one address; a whole board counts as five
    operators: frozenset[str] = frozenset()  # people without those limits, who may retry or cancel anybody's request


class Option(NamedTuple):
    """One setting: its flag is `--name`, its variable `BOARD_NAME`."""

    name: str
    parse: Callable[[str], Any]
    metavar: str
    help: str


def port(text: str) -> int:
    """A TCP port. Raises ValueError."""
    number = int(text)
    if not 0 < number < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return number


def seconds(text: str) -> float:
    """A positive number of seconds. Raises ValueError."""
    number = float(text)
    if not 1 <= number < float("inf"):
        raise ValueError("give at least 1 second")
    return number


def count(text: str) -> int:
    """A whole number from 1. Raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError("give at least 1")
    return number


def billions(text: str) -> float:
    """A positive number. Raises ValueError."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("give a number above 0")
    return number


def names(text: str) -> frozenset[str]:
    """Names with commas between them."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


OPTIONS = (
    Option("store", str, "DIR|hub:OWNER", f"the board to show: a folder or a Hub owner (default: {PUBLIC})"),
    Option("port", port, "N", "port to serve on (default: the first free one from 7860)"),
    Option("host", str, "ADDRESS", "address to serve on; 0.0.0.0 for every interface (default: 127.0.0.1)"),
    Option("root_path", str, "PATH", "path or URL this board has behind a proxy, such as /board"),
    Option("cache", Path, "DIR", "where the last copy of a Hub board is kept (default: ~/.cache/open-llm-leaderboard)"),
    Option("poll", seconds, "SECONDS", "how often to ask the store for news (default: 60)"),
    Option("name", str, "TEXT", "what the page calls itself (default: Open LLM Leaderboard)"),
    Option("user", str, "NAME", "submit and vote as NAME without signing in; on this machine only"),
    Option(
        "largest", billions, "BILLIONS", "the largest model the queue takes, in parameters of bfloat16 (default: 80)"
    ),
    Option("per_user", count, "N", "models one person may submit in a week (default: 5)"),
    Option("per_organisation", count, "N", "models that may be submitted of one organisation in a week (default: 20)"),
    Option("operators", names, "NAMES", "people without these limits, who may retry or cancel any request: NAME,NAME"),
    Option("per_minute", count, "N", "API requests one address may make in a minute (default: 600)"),
    Option("embed", str, "ORIGINS", "who may show this board in a frame (default: the Hub and its Spaces)"),
)

# What hosts set for every app, so that a Space needs no setting of ours.
ELSEWHERE = {"port": "GRADIO_SERVER_PORT", "host": "GRADIO_SERVER_NAME", "root_path": "GRADIO_ROOT_PATH"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` one flag for each setting."""
    for option in OPTIONS:
        parser.add_argument(
            "--" + option.name.replace("_", "-"), dest=option.name, metavar=option.metavar, help=option.help
        )


def read(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings behind flags and environment. Raises BadInput for a value that makes no sense."""
    chosen: dict[str, Any] = {"host": "0.0.0.0"} if environ.get("SPACE_ID") else {}  # a Space's door is outside
    for option in OPTIONS:
        places = {
            f"--{option.name.replace('_', '-')}": getattr(args, option.name, None),
            f"BOARD_{option.name.upper()}": environ.get(f"BOARD_{option.name.upper()}"),
            ELSEWHERE.get(option.name, ""): environ.get(ELSEWHERE.get(option.name, "")),
        }
        for place, text in places.items():
            if text:
                try:
                    chosen[option.name] = option.parse(text)
                except ValueError as error:
                    raise BadInput(f"{place} is '{text}', but it takes {option.metavar}: {error}.") from error
                break
    return Settings(**chosen)
