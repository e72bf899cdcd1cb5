"""The front page: one sentence, and the table with the rows of its first screen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson
from markupsafe import Markup, escape

from src.board.live.snapshot import Board, Snapshot
from src.board.table.columns import SIZES, Column
from src.board.table.payload import Payload
from src.board.table.query import HIDDEN, Query, Selection, of_page, run
from src.board.table.suggest import Suggestion, suggestions
from src.board.table.url import PARAMETERS
from src.core.errors import BoardError
from src.settings import Settings
from src.ui.pages.leaderboard import layout, table
from src.ui.pages.leaderboard.first_rows import FirstRows
from src.ui.web import assets
from src.ui.web.api import context
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

MOST_STICKY = 6  # pinned rows that stay in sight, as in grid.js

MENUS = (("types", "Type"), ("filters", "More filters"), ("columns", "Columns"), ("ranking", "Ranking"))
"""Buttons above the rows, in their order."""


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the board's name, what it holds, and the first screen of the view that the address asks for."""
    snapshot, at, missing = at_day(board, visit.query)
    query = of_page(visit.query)
    if query.suite != snapshot.suite.name:
        query = replace(query, suite=None)  # an unknown suite is the board's first one
    served = table.served(board)
    payload = served.past(snapshot) if at else served.payload(snapshot)
    selection = run(payload.rows, query, counts=("size",))
    first = FirstRows(payload, query, selection)
    about = payload.about(query, selection) | served.addresses(snapshot, payload) | {"at": at}
    body = render(
        "leaderboard/page.html",
        suite=snapshot.suite,
        sentence=sentence(snapshot),
        own=board.state.profile.config.description,
        hidden_rows=_hidden(len(snapshot.frame.attrs.get("hidden", ()))),
        suite_query=f"?suite={snapshot.suite.name}" if query.suite else "",
        download=table.DOWNLOAD,
        suggest=table.SUGGEST,
        meant=_meant(payload, query) if not selection.matches else (),
        as_of=f"{snapshot.as_of:%Y-%m-%d}",
        at=at,
        missing=missing,
        today="./?" + urlencode({name: value for name, value in visit.query.items() if name != "at"}),
        search="?" + urlencode(query.to_params()),
        query=query,
        problem=selection.problem,
        status=status(selection, len(payload.rows) - (about["flagged"] if "flagged" in query.hide else 0)),
        sizes=SIZES,
        counts={key: f"{n:,}" for key, n in selection.counts["size"].items()},
        menus=MENUS,
        columns=[Header.of(column, first, query) for column in first.columns],
        rows=first.rows(),
        found=len(selection.rows),
        pinned=selection.pinned,
        stays=selection.pinned <= MOST_STICKY,
        is_ranged=first.is_ranged,
        is_published=selection.is_published,
        hidden=[(name, value) for name, value in _params(query).items() if name != "q"],
        flagged=about["flagged"] if "flagged" in query.hide else 0,
        about=script(about),
    )
    rules = layout.style(first.columns, first.sorted_by, len(selection.rows) - selection.pinned)
    own = "" if selection.is_published else f"Ranked by {selection.ranking}"
    return View(
        own,
        body,
        head=head(about["core"]),
        description=f"{snapshot.suite.title}. {sentence(snapshot)}{own and f' {own}, not the board’s average.'}",
        sheet=sheet(),
        style=rules,
    )


def _meant(payload: Payload, query: Query) -> list[tuple[Suggestion, str]]:
    """Return searches like the one that finds nothing, each with its address."""
    return [(each, "./?" + urlencode(_params(replace(query, q=each.q)))) for each in suggestions(payload.rows, query)]


def _params(query: Query) -> dict[str, str]:
    """Return the parameters of a page's address: what it hides by itself is not in it."""
    params = query.to_params()
    return {name: value for name, value in params.items() if (name, value) != ("hide", ",".join(HIDDEN))}


def at_day(board: Board, params: Mapping[str, str]) -> tuple[Snapshot, str | None, str | None]:
    """Return the rows that `?at=` asks for, that day, and a sentence if it is not kept; today's rows without it."""
    now = snapshot_of(board, params)
    if not params.get("at"):
        return now, None, None
    try:
        day = date.fromisoformat(params["at"])
        return context(board).history.at(now.suite.name, day), day.isoformat(), None
    except (ValueError, BoardError) as error:
        return now, None, str(error) if isinstance(error, BoardError) else "Write a day as 2025-02-08."


@dataclass(frozen=True)
class Header:
    """One column's header: `sort` is how it is sorted now, `next` what a click asks for."""

    title: str
    help: str
    classes: str
    sort: str
    place: str
    next: str

    @classmethod
    def of(cls, column: Column, first: FirstRows, query: Query) -> Header:
        """Return the header of `column` in the view of `query`."""
        sorts = [sort for sort in query.sort if sort.key in first.payload.rows.by_key]
        place = next((at for at, sort in enumerate(sorts) if sort.key == column.key), None)
        return cls(
            title=column.title,
            help=column.help + (f", in {column.unit}" if column.unit and column.kind != "score" else ""),
            classes=first.column_class(column),
            sort="" if place is None else "descending" if sorts[place].descending else "ascending",
            place=str(place + 1) if place is not None and len(sorts) > 1 else "",
            next=_next(column, query),
        )


def _next(column: Column, query: Query) -> str:
    """Return the `sort=` that a click on a header asks for: the best end first, then the other way round."""
    key = "average" if column.kind == "rank" else column.key
    now = next((sort for sort in query.sort if sort.key == key), None)
    has_most = column.kind in ("score", "number", "date", "flag") and column.better == "higher"
    descending = not now.descending if now else column.kind == "rank" or has_most
    return ("-" if descending else "") + key


def sentence(snapshot: Snapshot) -> str:
    """Return what the board holds: "4,576 models on six benchmarks, each run the same way."."""
    rows, names = len(snapshot.frame), snapshot.models
    benchmarks = len(snapshot.suite.benchmarks)
    runs = f" in {rows:,} runs" if rows != names else ""
    if snapshot.suite.kind == "votes":
        return f"{names:,} models, ranked by people’s votes between pairs of them."
    number = f"{NUMBERS.get(benchmarks, benchmarks)} benchmark{'s' if benchmarks > 1 else ''}"
    return f"{names:,} open models{runs} on {number}, each run the same way."


def _hidden(rows: int) -> str:
    """Return how many rows the operators hide; nothing if none."""
    return f"{rows:,} row{' is' if rows == 1 else 's are'} hidden." if rows else ""


def status(selection: Selection, total: int) -> str:
    """Return how many rows match, or why the search cannot be answered."""
    every = f"{total:,} run{'' if total == 1 else 's'}"
    return selection.problem or (every if selection.matches == total else f"{selection.matches:,} of {every}")


def head(core: str) -> Markup:
    """Return the links by which the browser fetches the table's script, and then its rows, as early as it can."""
    return Markup(
        f'<script type="module" src="{table.CODE}/{table.code().name}.js"></script>'
        f'<link rel="preload" as="fetch" crossorigin="anonymous" fetchpriority="low" href="{escape(core)}">'
    )


def script(value: Mapping[str, Any]) -> Markup:
    """Return JSON that can stand inside a script element: nothing in it ends the element."""
    return Markup(orjson.dumps(value).decode().replace("<", "\\u003c"))


@cache
def sheet() -> str:
    """Return the page's style sheets: inline they are there before the first paint, without another request."""
    sheets = [(assets.ASSETS / name).read_text(encoding="utf-8") for name in ("board.css", "table/table.css")]
    return re.sub(r"/\*.*?\*/|^ +", "", "".join(sheets), flags=re.DOTALL | re.MULTILINE)


NUMBERS = dict(enumerate(("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")))

PAGE = Page(name="", route="/", nav="Leaderboard", view=view, parameters=PARAMETERS)
