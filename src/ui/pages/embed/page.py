"""`?embed=1`: the main part of a page, for an iframe anywhere: the first rows, one model, or one chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from src.board.live.snapshot import Board, Snapshot
from src.board.table.columns import TYPES, Column
from src.board.table.listing import listing, of_model, plain
from src.board.table.query import Query, of_page
from src.core.errors import BoardError
from src.settings import Settings
from src.ui.web.addresses import model_page
from src.ui.web.page import EMBED, Page, View, Visit
from src.ui.web.templates import render

FEWEST, USUAL, MOST = 1, 10, 50
LOST = "Nothing of this page can be embedded; the leaderboard, a model and a chart can."


def is_asked(visit: Visit) -> bool:
    """Return whether the address asks for the embedded form."""
    return visit.query.get("embed") in ("1", "true")


def document(page: Page, board: Board, settings: Settings, visit: Visit, style: str) -> tuple[str, View]:
    """Return the whole HTML document of an embedded page, and the view in it."""
    view = _view(page, board, settings, visit)
    whole = {name: value for name, value in visit.query.items() if name not in OWN}
    theme = visit.query.get("theme")
    text = render(
        "embed.html",
        view=view,
        style=style,
        up="../" * (visit.path.count("/") - 1) or "./",
        title=f"{view.title} · {settings.name}" if view.title else settings.name,
        theme=theme if theme in ("dark", "light") else None,
        address=f".{quote(visit.path)}" + (f"?{urlencode(whole)}" if whole else ""),
        board_name=settings.name,
        **_day(board, visit),
    )
    return text, view


OWN = EMBED
"""Parameters that say how to embed, not what."""


def rows(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    """Return the first `top` rows of the address's query."""
    query = of_page(visit.query)
    snapshot = board.snapshot(query.suite)
    first = listing(snapshot, query, _top(visit.query.get("top", "")))
    return View(snapshot.suite.title, _table(snapshot, first.frame, first.columns))


def model(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    """Return the best row of one model: rank, average and each benchmark."""
    snapshot = board.snapshot(visit.query.get("suite"))
    name = next(iter(visit.params.values()), "")
    best = of_model(snapshot, name).frame.iloc[:1]
    every = listing(snapshot, Query(), 1).columns
    shown = [column for column in every if column.key in ("rank", "model", "average") or column.weight]
    return View(str(best["model"].iloc[0]), _table(snapshot, best, shown))


def chart(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    """Return the chart of the address; the style hides its controls."""
    return page.view(board, settings, visit)


VIEWS = {"": rows, "model": model, "explore": chart}


def _view(page: Page, board: Board, settings: Settings, visit: Visit) -> View:
    if page.name not in VIEWS:
        return View("", render("embed/nothing.html", text=LOST, is_error=False), status=404)
    try:
        return VIEWS[page.name](page, board, settings, visit)
    except BoardError as error:
        return View("", render("embed/nothing.html", text=str(error), is_error=True), status=404)


def _table(snapshot: Snapshot, frame: Any, columns: Sequence[Column]) -> Markup:
    columns = [column for column in columns if column.kind == "rank" or column.path in frame]
    values = {column.key: plain(frame["rank" if column.kind == "rank" else column.path]) for column in columns}
    low, high = (plain(frame[f"average.{end}"]) if f"average.{end}" in frame else None for end in ("low", "high"))
    rows = []
    for at in range(len(frame)):
        interval = None
        if low and high and low[at] is not None and high[at] is not None:
            interval = f"95 % confidence interval: {low[at]:.2f} to {high[at]:.2f}"
        rows.append([_cell(values[column.key][at], column, interval) for column in columns])
    return render(
        "embed/rows.html",
        caption=snapshot.suite.title,
        columns=[{"title": column.title, "is_number": _is_number(column)} for column in columns],
        rows=rows,
    )


def _cell(value: Any, column: Column, interval: str | None) -> dict[str, Any]:
    return {
        "text": _text(value, column),
        "page": model_page(str(value)) if column.kind == "model" else None,
        "is_number": _is_number(column),
        "interval": interval if column.key == "average" else None,
    }


def _text(value: Any, column: Column) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.{column.digits}f}"
    if column.kind == "type" and value in TYPES:
        return TYPES[value].title
    return str(value)[:200]


def _is_number(column: Column) -> bool:
    return column.kind in ("rank", "score", "number")


def _top(text: str) -> int:
    return min(MOST, max(FEWEST, int(text))) if text.isascii() and text.isdigit() and len(text) < 6 else USUAL


def _day(board: Board, visit: Visit) -> dict[str, Any]:
    try:
        snapshot = board.snapshot(visit.query.get("suite"))
    except BoardError:
        return {"as_of": None, "is_sample": False}
    return {"as_of": f"{snapshot.as_of:%Y-%m-%d}", "is_sample": snapshot.source == "sample"}
