"""One model's page."""

from __future__ import annotations

from typing import Any

from src.board.snapshot import Board
from src.settings import Settings
from src.ui.html import h
from src.ui.page import Page, View, Visit


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """What the snapshot says of the model; the rest is fetched when opened."""
    name = visit.params["model"]
    return View(name, h("article", {}, h("h1", {}, name)))


def build(demo: Any, board: Board, settings: Settings) -> None:
    """The sections that are filled when opened."""


PAGE = Page(name="model", route="/model/{model:path}", nav=None, view=view, build=build)
