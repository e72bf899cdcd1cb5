"""The front page: one sentence, and the table."""

from __future__ import annotations

from markupsafe import Markup

from src.board.snapshot import Board, Snapshot
from src.settings import Settings
from src.ui import table
from src.ui.html import h
from src.ui.page import Page, View, Visit, snapshot_of


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The board's name, what it holds, and the table's first rows."""
    snapshot = snapshot_of(board, visit.query)
    body = h(
        "div",
        {"class": "lb-lead"},
        h("h1", {}, snapshot.suite.title),
        h("p", {}, sentence(snapshot)),
    ) + Markup(table.SKELETON)
    return View(
        "", body, head=Markup(table.head(visit.search)), description=f"{snapshot.suite.title}. {sentence(snapshot)}"
    )


def sentence(snapshot: Snapshot) -> str:
    """What the board holds: "4,576 models on six benchmarks, each run the same way."."""
    rows, names = len(snapshot.frame), snapshot.models
    benchmarks = len(snapshot.suite.benchmarks)
    runs = f" in {rows:,} runs" if rows != names else ""
    if snapshot.suite.kind == "votes":
        return f"{names:,} models, ranked by people’s votes between pairs of them."
    told = f"{NUMBERS.get(benchmarks, benchmarks)} benchmark{'s' if benchmarks > 1 else ''}"
    return f"{names:,} open models{runs} on {told}, each run the same way."


NUMBERS = dict(enumerate(("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")))

PAGE = Page(name="", route="/", nav="Leaderboard", view=view)
