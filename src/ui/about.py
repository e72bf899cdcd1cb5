"""How scores come about: the suite's own words, so that the page cannot drift from the code."""

from __future__ import annotations

from src.board.snapshot import Board
from src.core.errors import NotFound
from src.settings import Settings
from src.ui.html import h
from src.ui.page import Page, View, Visit


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The benchmarks of the suite, how each becomes a score, and how fresh the data is."""
    try:
        suite = board.snapshot(visit.query.get("suite")).suite
    except NotFound:
        suite = board.snapshot().suite
    body = h("article", {"class": "lb-text"}, h("h1", {}, "About"), h("p", {"class": "lb-intro"}, suite.help))
    return View("About", body, description=suite.help)


PAGE = Page(name="about", route="/about", nav="About", view=view)
