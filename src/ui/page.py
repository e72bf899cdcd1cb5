"""What a page is: an address, what is painted before Gradio has started, and the components that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from src.board.snapshot import Board, Snapshot
from src.core.errors import NotFound
from src.settings import Settings


@dataclass(frozen=True)
class Visit:
    """One request for a page."""

    path: str  # "/model/org/name", without the root path
    params: Mapping[str, str] = field(default_factory=dict)  # from the path: {"org": …, "name": …}
    query: Mapping[str, str] = field(default_factory=dict)  # from behind the "?"
    search: str = ""  # all that stands behind the "?", as it came: a stranger may have written it
    me: str | None = None  # who asks, as far as they said; see `src.ui.people`


@dataclass(frozen=True)
class View:
    """What the reader sees at once: plain HTML, in the document itself."""

    title: str
    body: Markup
    head: Markup = field(default=Markup(""))  # links and data the page needs early; scripts only as files of ours
    description: str = ""
    status: int = 200


@dataclass(frozen=True)
class Page:
    """One page. Its file offers it as `PAGE`; `src.ui.app.PAGES` lists them in the order of the top bar."""

    name: str  # Gradio's name of it, and `data-page` in the document
    route: str  # "/model/{org}/{name}"
    nav: str | None  # its word in the top bar; None: reached by links only
    view: Callable[[Board, Settings, Visit], View]
    build: Callable[[Any, Board, Settings], None] | None = None
    """Makes its Gradio components, inside the page's own context; None: it has none, and does without Gradio."""


def snapshot_of(board: Board, params: Mapping[str, str]) -> Snapshot:
    """The board of the suite that an address asks for; the first one where it asks for none, or for one not held."""
    try:
        return board.snapshot(params.get("suite") or None)
    except NotFound:
        return board.snapshot()
