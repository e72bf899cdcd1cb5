"""`?embed=1`: a page's heart alone, for an iframe anywhere: the first rows, one model, or one chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from src.board.columns import TYPES, Column
from src.board.listing import listing, of_model, plain
from src.board.query import Query
from src.board.snapshot import Board, Snapshot
from src.core.errors import BoardError
from src.settings import Settings
from src.ui import assets
from src.ui.html import h, join
from src.ui.page import Page, View, Visit

FEWEST, USUAL, MOST = 1, 10, 50
LOST = "Nothing of this page can be embedded; the leaderboard, a model and a chart can."


def is_asked(visit: Visit) -> bool:
    """Whether the address asks for the embedded form."""
    return visit.query.get("embed") in ("1", "true")


def policy() -> str:
    """What an embed may do: show itself anywhere, run this board's own files, and nothing else."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors *"
    )


def document(page: Page, board: Board, settings: Settings, visit: Visit) -> tuple[str, int]:
    """The whole HTML document of an embedded page, and its status."""
    state = board.state
    asked = (page.name, visit.path, tuple(sorted(visit.query.items())))
    key = (*asked, board.store.name, state.revision, state.source, state.as_of.date())
    known = _MADE.get(key)
    if known is None:
        known = _MADE[key] = _document(page, board, settings, visit)
        while len(_MADE) > MOST_MADE:
            _MADE.pop(next(iter(_MADE)), None)
    return known


MOST_MADE = 128
_MADE: dict[tuple[object, ...], tuple[str, int]] = {}
"""The last documents made: an embed in a much-read page is asked for over and over."""


def _document(page: Page, board: Board, settings: Settings, visit: Visit) -> tuple[str, int]:
    view = _view(page, board, settings, visit)
    up = "../" * (visit.path.count("/") - 1) or "./"
    whole = {name: value for name, value in visit.query.items() if name not in OWN}
    address = f".{quote(visit.path)}" + (f"?{urlencode(whole)}" if whole else "")
    head = h(
        "head",
        {},
        h("meta", {"charset": "utf-8"}),
        h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        h("meta", {"name": "robots", "content": "noindex"}),
        h("base", {"href": up, "target": "_blank"}),
        h("title", {}, f"{view.title} · {settings.name}" if view.title else settings.name),
        h("link", {"rel": "stylesheet", "href": assets.url("board.css")}),
        h("link", {"rel": "stylesheet", "href": assets.url("embed/embed.css")}),
        h("script", {"src": assets.url("embed/embed.js")}),
        view.head,
    )
    foot = h("footer", {"class": "lb-embed-foot"}, h("a", {"href": address}, settings.name), " · ", _day(board, visit))
    body = h("body", {"class": "lb-embed"}, h("main", {"class": "lb-content"}, view.body), foot)
    theme = visit.query.get("theme")
    dressed = {
        "data-theme": theme if theme in ("dark", "light") else None,
        "class": "dark" if theme == "dark" else None,
    }
    return Markup("<!doctype html>") + h("html", {"lang": "en", **dressed}, head, body), view.status


OWN = {"embed", "theme", "top"}
"""Parameters that say how to embed, not what."""


def rows(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    """The first `top` rows of the address's query."""
    query = Query.parse(visit.query)
    snapshot = board.snapshot(query.suite)
    found = listing(snapshot, query, _top(visit.query.get("top", "")))
    return View(snapshot.suite.title, _table(snapshot, found.frame, found.columns))


def model(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    """The best row of one model: rank, average and each benchmark."""
    snapshot = board.snapshot(visit.query.get("suite"))
    name = next(iter(visit.params.values()), "")
    best = of_model(snapshot, name).frame.iloc[:1]
    every = listing(snapshot, Query(), 1).columns
    shown = [column for column in every if column.key in ("rank", "model", "average") or column.weight]
    return View(str(best["model"].iloc[0]), _table(snapshot, best, shown))


def chart(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    """The chart of the address, without its controls."""
    return page.view(board, settings, visit)


VIEWS = {"": rows, "model": model, "explore": chart}


def _view(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    if page.name not in VIEWS:
        return View("", h("p", {}, LOST), status=404)
    try:
        return VIEWS[page.name](page, board, settings, visit)
    except BoardError as error:
        return View("", h("p", {"role": "alert"}, str(error)), status=404)


def _table(snapshot: Snapshot, frame: Any, columns: Sequence[Column]) -> Markup:
    columns = [column for column in columns if column.kind == "rank" or column.path in frame]
    head = h("tr", {}, [h("th", {"scope": "col", "class": _side(column)}, column.title) for column in columns])
    cells = {column.key: plain(frame["rank" if column.kind == "rank" else column.path]) for column in columns}
    low, high = (plain(frame[f"average.{end}"]) if f"average.{end}" in frame else None for end in ("low", "high"))
    body = []
    for at in range(len(frame)):
        spread = None
        if low and high and low[at] is not None and high[at] is not None:
            spread = f"95 %: {low[at]:.2f} to {high[at]:.2f}"
        body.append(h("tr", {}, [_cell(cells[column.key][at], column, spread) for column in columns]))
    caption = h("caption", {}, f"{snapshot.suite.title}")
    return h("table", {"class": "lb-embed-table"}, caption, h("thead", {}, head), h("tbody", {}, body))


def _cell(value: Any, column: Column, spread: str | None) -> Markup:
    if column.kind == "model":
        name = h("a", {"href": f"model/{quote(str(value))}", "rel": "noopener"}, str(value)[:200])
        return h("th", {"scope": "row"}, name)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif value is None:
        text = "–"
    elif isinstance(value, float):
        text = f"{value:.{column.digits}f}"
    elif column.kind == "type" and value in TYPES:
        text = TYPES[value].title
    else:
        text = str(value)[:200]
    return h("td", {"class": _side(column), "title": spread if column.key == "average" else None}, text)


def _side(column: Column) -> str | None:
    return "lb-num" if column.kind in ("rank", "score", "number") else None


def _top(text: str) -> int:
    return min(MOST, max(FEWEST, int(text))) if text.isascii() and text.isdigit() and len(text) < 6 else USUAL


def _day(board: Board, visit: Visit) -> Markup:
    try:
        snapshot = board.snapshot(visit.query.get("suite"))
    except BoardError:
        return Markup("")
    made_up = "made-up sample data, " if snapshot.source == "sample" else ""
    return join(made_up, h("time", {"datetime": f"{snapshot.as_of:%Y-%m-%d}"}, f"{snapshot.as_of:%Y-%m-%d}"))
