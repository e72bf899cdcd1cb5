"""`/model` without a name: where to find one."""

from __future__ import annotations

from src.board.live.snapshot import Board
from src.settings import Settings
from src.ui.web.page import Page, View, Visit
from src.ui.web.templates import render


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return a page with a search, since the address names no model."""
    suite = visit.query.get("suite")
    return View("Find a model", render("model/bare.html", suite=suite), status=404)


PAGE = Page(name="models", route="/model", nav=None, view=view)
