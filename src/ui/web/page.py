"""What a page is: an address, the parameters it reads, and the function that makes its view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from src.board.live.snapshot import Board, Snapshot
from src.core.errors import NotFoundError
from src.settings import Settings


@dataclass(frozen=True)
class Visit:
    """One request for a page."""

    path: str  # "/model/org/name", without the root path
    params: Mapping[str, str] = field(default_factory=dict)  # from the path: {"model": "org/name"}
    query: Mapping[str, str] = field(default_factory=dict)  # those of the page's `parameters` that the address sets
    search: str = ""  # everything after the "?", as it was sent: a stranger may have written it
    me: str | None = None  # the name of the person who asks; see `src.ui.web.sign_in`
    organisations: frozenset[str] = frozenset()  # of that person, on the Hub


@dataclass(frozen=True)
class View:
    """What the reader gets: the page's own HTML, and what its head needs."""

    title: str
    body: Markup
    head: Markup = field(default=Markup(""))  # links, and scripts that are files of ours
    description: str = ""
    status: int = 200
    sheet: str = ""  # all the rules that the page needs: no other sheet holds up its first paint
    style: str = ""  # the few rules of this view alone; the policy allows exactly these two texts
    row: str = ""  # the row that the picture beside a link shows; without one it shows the board
    is_kept: bool = True  # False: this one answer depends on more than the rows and the address


@dataclass(frozen=True)
class Page:
    """One page. Its module offers it as `PAGE`; `src.ui.app.PAGES` lists them in the order of the top bar."""

    name: str  # `data-page` in the document
    route: str  # "/model/{model:path}"
    nav: str | None  # its word in the top bar; None: reached by links only
    view: Callable[[Board, Settings, Visit], View]
    parameters: frozenset[str] = frozenset({"suite"})
    """What the view reads of an address. Everything else is ignored, and never makes an entry of the cache."""
    is_kept: bool = True
    """Whether the view depends on nothing but the rows and the address, so that one document serves all readers."""
    reads_store: bool = False
    """Whether the view may wait for the store; then it does not hold up pages that need not."""
    part: Callable[[Board, Settings, Visit], Markup] | None = None
    """What a script asks for at the page's address with `&part=1`: the HTML of the tab that the address names."""


EMBED = frozenset({"embed", "theme", "top"})
"""The parameters of a page that can be embedded."""
EMBEDDED = frozenset({"", "model", "explore"})
"""The names of those pages."""


def snapshot_of(board: Board, params: Mapping[str, str]) -> Snapshot:
    """Return the snapshot for `?suite=`; fall back to the board's first suite if it is missing or unknown."""
    try:
        return board.snapshot(params.get("suite") or None)
    except NotFoundError:
        return board.snapshot()
