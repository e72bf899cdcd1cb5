"""The tab of a model's page that says how firm its place is."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from src.board.model import Missing
from src.board.snapshot import Board
from src.board.standing import Band, Firmness, firmness
from src.ui.html import h
from src.ui.run_sections import HERE, asked_run


def tab(demo: gr.Blocks, board: Board, tab: gr.Tab, here: gr.Textbox) -> None:
    """Place by place, what it would be otherwise; reckoned when the tab is opened."""
    box = gr.HTML(str(h("p", {"class": "lb-quiet lb-waiting"}, "Drawing other weights …")), apply_default_css=False)

    def fill(address: str) -> str:
        snapshot, found = asked_run(board, address)
        if isinstance(found, Missing):
            return ""
        firm = firmness(snapshot.frame, snapshot.suite, found.run.id)
        if firm is None:
            return str(
                h(
                    "p",
                    {"class": "lb-quiet"},
                    "This run has no place: a benchmark is missing, or this board ranks nothing.",
                )
            )
        return str(_section(firm))

    tab.select(fill, here, box, js=HERE, show_progress="hidden")


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
