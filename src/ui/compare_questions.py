"""The questions that two models were graded differently on: a fold a task on the Compare page, filled when opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from src.board.compare import Comparison, Disagreement
from src.board.detail_files import DetailFiles, is_gated
from src.board.snapshot import Snapshot
from src.ui.answers import graded, verbatim
from src.ui.compare_table import name_of
from src.ui.html import h, join

QUESTIONS = "compare/questions"
SHOWN = 10
LONGEST = 1200  # characters of a question or an answer before it is folded


def folds(found: Comparison, files: DetailFiles, snapshot: Snapshot, ids: Sequence[str]) -> Markup:
    """One fold for each task that the first two models both published."""
    first, second = found.rows[:2]
    mine, theirs = files.tasks(first), files.tasks(second)
    tasks = []
    for task in snapshot.suite.tasks:
        if task.name not in mine or task.name not in theirs:
            continue
        address = {"first": ids[0], "second": ids[1], "task": task.name, "suite": snapshot.suite.name}
        tasks.append(
            h(
                "details",
                {"data-questions": f"{QUESTIONS}?{urlencode(address)}"},
                h("summary", {}, task.title),
                h("div", {"aria-live": "polite"}, "Looking …"),
            )
        )
    return h(
        "section",
        {"class": "lb-questions", "aria-labelledby": "lb-questions"},
        h("h2", {"id": "lb-questions"}, "Where they part"),
        h(
            "p",
            {},
            f"What {name_of(first)} and {name_of(second)} were graded differently on, joined on the question.",
        )
        if tasks
        else h("p", {}, "The first two models have not both published their answers, so no questions can be shown."),
        tasks,
    )


def disagreements(found: Sequence[Disagreement], rows: Sequence[Mapping[str, Any]], task: str) -> Markup:
    """What stands in a fold: question, both answers, target."""
    if not found:
        return h("p", {}, "None: both were graded alike on every question.")
    items = []
    for each in found:
        sides = [
            h(
                "div",
                {"data-right": graded(sample.score)[1]},
                h("dt", {}, name_of(row)),
                h("dd", {}, _folded(sample.answer), h("small", {}, graded(sample.score)[0])),
            )
            for row, sample in zip(rows, (each.first, each.second), strict=True)
        ]
        hidden = is_gated(task) or each.first.question is None
        question = f"Question {each.doc_hash[:12]} (not shown: this benchmark is kept out of plain text)"
        items.append(
            h(
                "li",
                {},
                h("p", {"class": "lb-question"}, question if hidden else _folded(each.first.question)),
                h("dl", {}, sides),
                not hidden and h("p", {"class": "lb-how"}, "Target: ", _folded(each.first.target)),
            )
        )
    return h("ol", {"class": "lb-disagreements"}, items)


def _folded(text: str | None) -> Markup:
    if not text or len(text) <= LONGEST:
        return verbatim(text)
    return join(verbatim(text[:LONGEST] + " …"), h("details", {}, h("summary", {}, "all of it"), verbatim(text)))
