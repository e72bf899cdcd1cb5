"""The questions that two models were graded differently on: one fold per task, filled when opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from src.board.compare import Comparison, Disagreement
from src.board.live.snapshot import Snapshot
from src.board.model.detail_files import DetailFiles
from src.core import suites
from src.ui.pages.compare.tables import name_of
from src.ui.pages.model.answers import graded
from src.ui.web.templates import render

QUESTIONS = "compare/questions"
SHOWN = 10
LONGEST = 1200  # characters of a question or an answer before it is folded


def tasks(comparison: Comparison, files: DetailFiles, snapshot: Snapshot, ids: Sequence[str]) -> list[dict[str, str]]:
    """Return the tasks whose answers the first two models both published, with the address of each one's fold."""
    mine, theirs = (files.tasks(row) for row in comparison.rows[:2])
    return [
        {
            "title": task.title,
            "address": f"{QUESTIONS}?"
            + urlencode({"first": ids[0], "second": ids[1], "task": task.name, "suite": snapshot.suite.name}),
        }
        for task in snapshot.suite.tasks
        if task.name in mine and task.name in theirs
    ]


def disagreements(differing: Sequence[Disagreement], rows: Sequence[Mapping[str, Any]], task: str) -> Markup:
    """Render the inside of a fold: question, both answers, target."""
    items = [
        {
            "is_hidden": suites.is_withheld(task) or each.first.question is None,
            "hash": each.doc_hash[:12],
            "question": each.first.question,
            "target": each.first.target,
            "sides": [
                {
                    "name": name_of(row),
                    "answer": sample.answer,
                    "grade": graded(sample.score)[0],
                    "is_right": graded(sample.score)[1],
                }
                for row, sample in zip(rows, (each.first, each.second), strict=True)
            ],
        }
        for each in differing
    ]
    return render("compare/disagreements.html", items=items, longest=LONGEST)
