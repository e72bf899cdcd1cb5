"""The page of snapshots: the days that are kept, and what changed since one of them."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from src.board.live.history import changes
from src.board.live.snapshot import Board
from src.core.errors import BoardError
from src.settings import Settings
from src.ui.web.addresses import model_page
from src.ui.web.api import context
from src.ui.web.figures import number
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

MOST_DAYS, MOST_ROWS = 60, 25


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the kept days, each as a link to the board as it was, and the changes since `?since=` or the last day."""
    snapshot, history = snapshot_of(board, visit.query), context(board).history
    suite = visit.query.get("suite")
    more = {"suite": suite} if suite else {}
    days: list[date] = []
    values: dict[str, Any] = {"since": None, "problem": None, "kinds": []}
    try:
        days = list(reversed(history.days(snapshot.suite.name)))[:MOST_DAYS]
        if days:
            since = date.fromisoformat(visit.query["since"]) if visit.query.get("since") else days[0]
            found = changes(history.at(snapshot.suite.name, since), snapshot)
            rescored = [
                {"model": each.model, "page": model_page(each.model, None, suite), "words": _moved(each.scores)}
                for each in found.rescored[:MOST_ROWS]
            ]
            values["since"] = f"{found.before.as_of:%Y-%m-%d}"
            values["kinds"] = [
                {"title": "Added", "count": len(found.added), "rows": _rows(found.added, suite)},
                {"title": "Removed", "count": len(found.removed), "rows": _rows(found.removed, suite)},
                {"title": "Graded again", "count": len(found.rescored), "rows": rescored},
            ]
    except (BoardError, ValueError) as error:
        values["problem"] = str(error) if isinstance(error, BoardError) else "Write a day as 2025-02-08."
    links = [
        {
            "day": day.isoformat(),
            "board": f"./?{urlencode(more | {'at': day.isoformat()})}",
            "since": f"changes?{urlencode(more | {'since': day.isoformat()})}",
        }
        for day in days
    ]
    return View("Snapshots and changes", render("changes.html", title=snapshot.suite.title, days=links, **values))


def _rows(frame: pd.DataFrame, suite: str | None) -> list[dict[str, str]]:
    first = frame.head(MOST_ROWS)
    return [
        {"model": model, "page": model_page(model, None, suite), "words": number(average, 2) or "no average"}
        for model, average in zip(first["model"], first["average"].astype(object), strict=True)
    ]


def _moved(scores: Any) -> str:
    before, after = scores.get("average", next(iter(scores.values())))
    return f"{number(before, 2) or 'unknown'} → {number(after, 2) or 'unknown'}"


PAGE = Page(
    name="changes",
    route="/changes",
    nav=None,
    view=view,
    parameters=frozenset({"suite", "since"}),
    reads_store=True,
)
