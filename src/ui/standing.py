"""The tab of a model's page that says how firm its place is."""

from __future__ import annotations

from markupsafe import Markup

from src.board.model import ModelView
from src.board.snapshot import Board, Snapshot
from src.board.standing import Band, Firmness, firmness
from src.ui.html import h


def place(board: Board, snapshot: Snapshot, found: ModelView) -> Markup:
    """Place by place, what it would be otherwise."""
    firm = firmness(snapshot.frame, snapshot.suite, found.run.id)
    if firm is None:
        words = "This run has no place: a benchmark is missing, or this board ranks nothing."
        return h("p", {"class": "lb-quiet"}, words)
    return _section(firm)


def _section(firm: Firmness) -> Markup:
    rows = [("As the board ranks", f"{firm.rank:,}", f"of {firm.of:,} with every benchmark")]
    if firm.noise:
        low, high = firm.noise
        words = (
            "tied with the best: chance alone may part them"
            if firm.tied_with_best
            else "with other questions of the same kinds"
        )
        rows.append(("Given sampling noise", f"{low:,} to {high:,}", f"95 %, {words}"))
    for title, band in (
        ("Whatever weights one likes", firm.any_weights),
        ("Weights near the board’s", firm.near_weights),
    ):
        if band:
            rows.append((title, f"{band.low:,} to {band.high:,}", f"nine draws of ten; first in {_share(band)}"))
    rows += [(f"{label}", f"{rank:,}", "another way to aggregate") for label, rank in firm.aggregated]
    rows += [(f"Without {title}", f"{rank:,}", "one benchmark left out") for title, rank in firm.without]
    body = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, title),
            h("td", {"class": "lb-num"}, place),
            h("td", {"class": "lb-quiet"}, words),
        )
        for title, place, words in rows
    ]
    head = h(
        "tr",
        {},
        [
            h("th", {"scope": "col"}, "Asked otherwise"),
            h("th", {"scope": "col", "class": "lb-num"}, "Place"),
            h("th", {"scope": "col"}, "What was changed"),
        ],
    )
    return h(
        "section",
        {"aria-labelledby": "lb-firm"},
        h("h2", {"id": "lb-firm"}, "How firm is this place?"),
        h("table", {"class": "lb-subtasks lb-firm"}, h("thead", {}, head), h("tbody", {}, body)),
    )


def _share(band: Band) -> str:
    return "none" if not band.first else f"{band.first:.0%}"
