"""The scores of a model's page: each with its interval, among models of its size, and beside its base's."""

from __future__ import annotations

from markupsafe import Markup

from src.board.model import ModelView
from src.board.score_lines import Line, Peers
from src.ui.addresses import model_page
from src.ui.figures import number, signed, strip
from src.ui.html import h, join


def scores(view: ModelView, suite: str | None) -> Markup:
    """The table and what its pictures mean; `suite`: the one the address asks for."""
    base = view.base
    head = [
        h("th", {"scope": "col"}, "Benchmark"),
        h("th", {"scope": "col", "class": "lb-num"}, "Score"),
        h("th", {"scope": "col", "class": "lb-num lb-raw", "title": RAW}, "Raw"),
        h("th", {"scope": "col", "class": "lb-strip-head"}, _among(view.peers)),
        h("th", {"scope": "col", "class": "lb-num"}, "Place"),
        base
        and h(
            "th",
            {"scope": "col", "class": "lb-num"},
            h("a", {"href": model_page(base.model, base.query, suite)}, "Base"),
        ),
        base and h("th", {"scope": "col", "class": "lb-num", "title": GAIN}, "Gain"),
    ]
    return h(
        "section",
        {"aria-labelledby": "lb-scores"},
        h("h2", {"id": "lb-scores"}, "Scores"),
        h("p", {"class": "lb-quiet"}, _standing(view)),
        h(
            "div",
            {"class": "lb-scroll", "role": "region", "aria-label": "Table of scores", "tabindex": "0"},
            h(
                "table",
                {"class": "lb-scores"},
                h("thead", {}, h("tr", {}, head)),
                h("tbody", {}, [_line(line, base is not None) for line in view.lines]),
            ),
        ),
        h("p", {"class": "lb-key"}, _key(view)),
    )


def _key(view: ModelView) -> Markup:
    """What the strips show, with a piece of each."""
    has_interval = any(line.low is not None for line in view.lines)
    return join(
        h("span", {}, h("i", {"class": "lb-key-towers"}), "how those rows score"),
        h("span", {}, h("i", {"class": "lb-key-mark"}), "this run"),
        has_interval and h("span", {}, h("i", {"class": "lb-key-interval"}), "its 95 % interval"),
        view.base and h("span", {}, h("i", {"class": "lb-key-ghost"}), "its base model"),
    )


RAW = "Share of points, before guessing is taken off"
GAIN = "Score less the base model’s, in points"


def _line(line: Line, with_base: bool) -> Markup:
    place = line.place
    return h(
        "tr",
        {"class": "lb-average" if line.key == "average" else None, "data-key": line.key},
        h("th", {"scope": "row"}, h("span", {}, line.title), h("small", {"title": line.help}, line.help)),
        h(
            "td",
            {"class": "lb-num lb-value", "title": line.score},
            number(line.score, line.digits) if line.score is not None else h("span", {"class": "lb-none"}, "not run"),
            h("small", {}, _interval(line)),
        ),
        h("td", {"class": "lb-num lb-raw", "title": line.raw}, number(line.raw, 3)),
        h("td", {"class": "lb-strip"}, strip(line)),
        h("td", {"class": "lb-num"}, place and join(f"{place.rank:,}", h("small", {}, f"of {place.of:,}"))),
        with_base and h("td", {"class": "lb-num lb-base", "title": line.base}, number(line.base, line.digits)),
        with_base
        and h("td", {"class": "lb-num lb-gain", "title": _kept(line)}, signed(line.gain, line.digits), _gained(line)),
    )


def _gained(line: Line) -> Markup | None:
    if line.gained is None:
        return None
    low, high = line.gained.interval.low, line.gained.interval.high
    return h("small", {}, f"{signed(low, 1)} to {signed(high, 1)}")


def _kept(line: Line) -> str | None:
    """How much of the base's score is left, in words."""
    if line.gained is None or line.gained.retention is None:
        return None
    told = f"{line.gained.retention:.0%} of the base’s score"
    between = line.gained.retention_interval
    return told if between is None else f"{told} ({between.low:.0%} to {between.high:.0%})"


def _interval(line: Line) -> str | None:
    if line.low is None or line.high is None:
        return None
    return f"{number(line.low, 1)} to {number(line.high, 1)}"


def _standing(view: ModelView) -> str:
    if view.rank is None:
        missing = [line.title for line in view.lines if line.score is None and line.key != "average"]
        return f"No average and no rank: {', '.join(missing)} not run."
    return f"Place {view.rank[0]:,} of {view.rank[1]:,} by average on the whole board."


def _among(peers: Peers) -> str:
    if peers.low is None or peers.high is None:
        return f"Among all {peers.count:,} rows"
    digits = 0 if peers.low >= 10 else 1
    return f"Among {peers.count:,} rows of {number(peers.low, digits)}–{number(peers.high, digits)} B"
