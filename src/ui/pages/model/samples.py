"""The samples browser: every question of a run with the model's answer, one screen at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, get_args
from urllib.parse import quote, urlencode

import numpy as np
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.live.snapshot import Board, Snapshot
from src.board.model.detail_files import DetailFiles
from src.board.model.overview import ModelView
from src.board.model.samples import Outcome, Sample
from src.core import suites
from src.core.errors import BoardError, NotFoundError
from src.core.suites import Suite
from src.settings import Settings
from src.ui.pages.model import answers
from src.ui.web.templates import render

LIST = "samples/list"
ITEM = "samples/item"
PER_PAGE = 20
MOST_FOUND = 200  # hits of a text search; a longer list does not help to find anything
EXCERPT = 240  # characters of a question in the list

WORDS = {"all": "All", "right": "Right", "wrong": "Wrong", "changed": "Changed against the base"}
COUNTED = {"all": "questions", "right": "right answers", "wrong": "wrong answers", "changed": "changed answers"}


@dataclass(frozen=True)
class SamplesQuery:
    """Which of one row's answers a reader wants to see."""

    row: Mapping[str, Any]
    base: Mapping[str, Any] | None  # the row of its base model, if the board has one
    suite: Suite
    task: str | None
    outcome: Outcome
    find: str
    page: int
    item: str  # a document's hash, or its start: a permanent link

    def params(self, **changed: str | int | None) -> str:
        """Return the parameters of this view with some of them changed."""
        now = {
            "row": self.row["id"], "suite": self.suite.name, "task": self.task, "outcome": self.outcome,
            "find": self.find, "page": self.page,
        }  # fmt: skip
        return urlencode({name: value for name, value in (now | changed).items() if value not in (None, "", "all", 0)})


def browser(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render the place where the browser mounts itself, with the address that it fetches first."""
    address = f"{LIST}?{urlencode({'row': model.run.id, 'suite': snapshot.suite.name})}"
    records = f"api/v1/models/{quote(model.run.id)}/records.eee.zip?{urlencode({'suite': snapshot.suite.name})}"
    return render("model/samples.html", address=address, waiting=WAITING, records=records)


WAITING = "Loading this run’s answers …"


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the routes of one screen of answers, and of one whole answer."""

    def listed(request: Request) -> Response:
        try:
            query = _query(board, request.query_params)
            return _html(_screen(query, DetailFiles(board.shown, query.suite)))
        except BoardError as error:
            return _problem(error)

    def item(request: Request) -> Response:
        try:
            query = _query(board, request.query_params)
            file = DetailFiles(board.shown, query.suite).open(query.row, query.task or "")
            at = None if file is None else file.find(query.item)
            if file is None or at is None:
                raise NotFoundError("This answer is no longer among the published ones.")
            return _html(answers.whole(file.open(at), query.row, query.task or "", other_suite(board, query.suite)))
        except BoardError as error:
            return _problem(error)

    return [
        Route(f"/{LIST}", listed, methods=["GET"]),
        Route(f"/{ITEM}", item, methods=["GET"]),
    ]


def _query(board: Board, params: Mapping[str, str]) -> SamplesQuery:
    snapshot = board.snapshot(params.get("suite") or None)
    frame = snapshot.frame
    rows = frame[frame["id"] == params.get("row", "")].to_dict("records")
    if not rows:
        raise NotFoundError("This run is no longer on the board.")
    row = rows[0]
    base = frame[frame["model"] == row.get("base_model")].to_dict("records") if row.get("base_model") else []
    outcome: Outcome = params["outcome"] if params.get("outcome") in get_args(Outcome) else "all"  # type: ignore[assignment]
    page = params.get("page", "")
    return SamplesQuery(
        row, base[0] if base else None, snapshot.suite, params.get("task") or None, outcome,
        params.get("find", "")[:200].strip(), int(page) if page.isdigit() and len(page) < 6 else 0,
        params.get("item", "")[:64],
    )  # fmt: skip


def other_suite(board: Board, suite: Suite) -> str | None:
    """Return the suite as an address names it: None if it is the board's first."""
    return None if board.snapshot().suite.name == suite.name else suite.name


def _screen(query: SamplesQuery, files: DetailFiles) -> Markup:
    tasks = files.tasks(query.row)
    known = [task for task in query.suite.tasks if task.name in tasks]
    if not known:
        return render("model/note.html", text=UNPUBLISHED)
    task = next((each for each in known if each.name == query.task), known[0])
    query = replace(query, task=task.name)
    file = files.open(query.row, task.name)
    if file is None:
        raise NotFoundError("The answers cannot be read just now; try again in a minute.")
    base = files.open(query.base, task.name) if query.base else None
    rows = file.rows(query.outcome, base)
    note = ""
    if query.item and (at := file.find(query.item)) is not None:
        rows = np.array([at])
    elif query.find:
        rows = np.array(list(islice(file.search(query.find, rows), MOST_FOUND)), dtype=int)
        note = f" (the first {MOST_FOUND})" if len(rows) == MOST_FOUND else ""
    pages = max(1, -(-len(rows) // PER_PAGE))
    page = min(query.page, pages - 1)
    return render(
        "model/sample_list.html",
        action=LIST,
        hidden=[("row", query.row["id"]), ("suite", query.suite.name), ("outcome", query.outcome)],
        tasks=known,
        chosen=task.name,
        outcomes=_outcomes(query, has_base=base is not None),
        is_searchable=not suites.is_withheld(task.name),
        find=query.find,
        count=_count(query, len(rows), len(file)) + note,
        start=page * PER_PAGE + 1,
        answers=[_line(sample, query) for sample in file.page(rows[page * PER_PAGE : (page + 1) * PER_PAGE])],
        everything=_address(query, outcome="all", find=None, page=0),
        pager=_pager(query, page, pages),
    )


UNPUBLISHED = "No answers were published with this run. Boards that run our evaluator publish every one."


def _outcomes(query: SamplesQuery, has_base: bool) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "address": _address(query, outcome=name, page=0),
            "is_current": name == query.outcome and not query.item,
        }
        for name, title in WORDS.items()
        if name != "changed" or has_base
    ]


def _count(query: SamplesQuery, found: int, of: int) -> str:
    if query.item:
        return f"One of {of:,} questions."
    if query.outcome == "all" and not query.find:
        return f"{of:,} questions"
    return f"{found:,} {COUNTED[query.outcome]} of {of:,}"


def _line(sample: Sample, query: SamplesQuery) -> dict[str, Any]:
    """Return the values of one answer in the list; of a gated benchmark neither question nor answer."""
    grade, is_right = answers.graded(sample.score)
    is_hidden = suites.is_withheld(query.task or "") or sample.question is None
    short = (sample.doc_hash or "")[:12]
    params = query.params(outcome=None, find=None, page=0, item=sample.doc_hash or None)
    return {
        "address": f"{ITEM}?{params}",
        "hash": short,
        "grade": grade,
        "is_right": is_right,
        "question": f"Question {short}" if is_hidden else _short(sample.question or ""),
        "answer": None if is_hidden else _short(sample.answer or "", 80),
    }


def _pager(query: SamplesQuery, page: int, pages: int) -> dict[str, str | None] | None:
    if pages < 2 or query.item:
        return None
    return {
        "previous": _address(query, page=page - 1) if page > 0 else None,
        "position": f"{page + 1} of {pages:,}",
        "next": _address(query, page=page + 1) if page + 1 < pages else None,
    }


def _address(query: SamplesQuery, **changed: str | int | None) -> str:
    return f"{LIST}?{query.params(**changed)}"


def _short(text: str, most: int = EXCERPT) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _problem(error: BoardError) -> Response:
    return _html(render("problem.html", problem=str(error)), 404)


def _html(body: Markup, status: int = 200) -> Response:
    return HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-cache"})
