"""How fresh the board is, in words: what the top bar says, and the sentence above a board that is not live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from src.board.live.snapshot import Board, Source

NOTICEABLE = 15 * 60.0  # seconds; a failed sync is nobody's concern before that, unless the rows are not the store's

SHOWN = 3  # sentences on damaged files in the notice; `status.json` and `doctor` name all

UNITS = ((86400.0 * 2, 86400.0, "days"), (3600.0 * 2, 3600.0, "h"), (60.0, 60.0, "min"))


@dataclass(frozen=True)
class Freshness:
    """`label` stands in the top bar; `notice` above the page, if there is something to know."""

    source: Source
    label: str
    as_of: datetime | None  # UTC
    notice: str | None = None
    command: str | None = None  # what the reader may run
    tone: Literal["sample", "stale", "plain"] = "plain"
    damage: tuple[str, ...] = ()  # files of the store that cannot be read, in a sentence each


def freshness(board: Board, now: datetime) -> Freshness:
    """Return what a reader must know of the rows on screen: whose they are, how old, and why no newer."""
    state = board.state
    name, problem = board.store.name, state.problem
    command = f"python app.py --store {name}"
    if state.source == "none":
        if problem:
            return Freshness("none", "nothing to show", None, problem, None, "stale", state.damage)
        return Freshness("none", "fetching …", None, f"Fetching {name} for the first time.", None)
    if state.source == "sample":
        real = f"{_sentence(problem)} It is tried again by itself." if problem else f"{name} is being fetched."
        notice = f"Sample data: these models and scores are made up. {real} To see the real board only:"
        return Freshness("sample", "sample data", None, notice, command, "sample")
    age = (now - state.as_of).total_seconds()
    label = f"synced {ago(age)}"
    if state.source == "copy" and not problem:
        return Freshness("copy", label, state.as_of, f"This is the copy of {name} kept {ago(age)}; asking for news.")
    if problem and (age >= NOTICEABLE or state.source == "copy"):
        notice = f"These scores are {span(age)} old. {name} could not be asked for newer ones: {_sentence(problem)}"
        return Freshness(state.source, label, state.as_of, notice, None, "stale", state.damage)
    if state.damage:
        return Freshness(state.source, label, state.as_of, _damage_notice(state.damage), None, "stale", state.damage)
    return Freshness(state.source, label, state.as_of)


def _damage_notice(damage: tuple[str, ...]) -> str:
    more = len(damage) - SHOWN
    names = " ".join(_sentence(sentence) for sentence in damage[:SHOWN])
    return f"{names}{f' And {more} more.' if more > 0 else ''} Everything else is shown as it is."


def ago(seconds: float) -> str:
    """`3 min ago`, `just now`."""
    return "just now" if seconds < 60 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """`3 min`, `5 h`, `12 days`; a minute at least."""
    for least, unit, word in UNITS:
        if seconds >= least:
            return f"{int(seconds // unit)} {word}"
    return "1 min"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else text + "."
