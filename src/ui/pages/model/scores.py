"""The scores of a model's page as values: each with its interval, among models of its size, and beside its base's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.board.model.overview import ModelView
from src.board.model.scores import Peers, ScoreLine
from src.ui.pages.model.strip import strip
from src.ui.web.addresses import model_page
from src.ui.web.figures import number, signed


def scores(view: ModelView, suite: str | None, corrected: Mapping[str, float | None]) -> dict[str, Any]:
    """Return the values of the table of scores; `suite` is the one that the address names.

    corrected: benchmark or "average" → the value before operators corrected it.
    """
    base = view.base
    return {
        "standing": _standing(view),
        "among": _among(view.peers),
        "base_page": base and model_page(base.model, base.query, suite),
        "has_interval": any(line.low is not None for line in view.lines),
        "lines": [_line(line) | {"was": number(corrected.get(line.key), line.digits)} for line in view.lines],
    }


def _line(line: ScoreLine) -> dict[str, Any]:
    return {
        "key": line.key,
        "title": line.title,
        "help": line.help,
        "score": _exact(line.score, line.digits),
        "interval": _interval(line),
        "raw": _exact(line.raw, 3),
        "strip": strip(line),
        "rank": line.place and f"{line.place.rank:,}",
        "of": line.place and f"{line.place.of:,}",
        "base": _exact(line.base, line.digits),
        "gain": signed(line.gain, line.digits),
        "gain_interval": _gain_interval(line),
        "retention": _retention(line),
    }


def _exact(value: float | None, digits: int) -> dict[str, Any] | None:
    """Return a number as it is shown and as it is; None if unknown."""
    return None if value is None else {"text": number(value, digits), "exact": value}


def _gain_interval(line: ScoreLine) -> str | None:
    if line.gained is None:
        return None
    low, high = line.gained.interval.low, line.gained.interval.high
    return f"{signed(low, 1)} to {signed(high, 1)}"


def _retention(line: ScoreLine) -> str | None:
    """Return how much of the base's score is left, in words."""
    if line.gained is None or line.gained.retention is None:
        return None
    share = f"{line.gained.retention:.0%} of the base’s score"
    interval = line.gained.retention_interval
    return share if interval is None else f"{share} ({interval.low:.0%} to {interval.high:.0%})"


def _interval(line: ScoreLine) -> str | None:
    if line.low is None or line.high is None:
        return None
    return f"{number(line.low, 1)} to {number(line.high, 1)}"


def _standing(view: ModelView) -> str:
    if view.rank is None:
        missing = [line.title for line in view.lines if line.score is None and line.key != "average"]
        return f"No average and no rank: {', '.join(missing)} not run."
    return f"Rank {view.rank[0]:,} of {view.rank[1]:,} by average on the whole board."


def _among(peers: Peers) -> str:
    if peers.low is None or peers.high is None:
        return f"Among all {peers.count:,} rows"
    digits = 0 if peers.low >= 10 else 1
    return f"Among {peers.count:,} rows of {number(peers.low, digits)}–{number(peers.high, digits)} B"
