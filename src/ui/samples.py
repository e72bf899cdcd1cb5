"""The samples browser: every question a model was asked and what it made of it, one screen fetched at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args
from urllib.parse import urlencode

import numpy as np
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.detail_files import DetailFiles, is_gated
from src.board.model import ModelView
from src.board.samples import Outcome, Sample
from src.board.snapshot import Board, Snapshot
from src.core.errors import BoardError, NotFound
from src.core.suites import Suite
from src.settings import Settings
from src.ui import answers, assets
from src.ui.html import h, join

LIST = "samples/list"
ITEM = "samples/item"
PER_PAGE = 20
MOST_FOUND = 200  # hits of a text search; a longer list helps nobody find anything
EXCERPT = 240  # characters of a question in the list

WORDS = {"all": "All", "right": "Right", "wrong": "Wrong", "changed": "Changed against the base"}


@dataclass(frozen=True)
class Ask:
    """What a reader wants to see of one row's answers."""

    row: Mapping[str, Any]
    base: Mapping[str, Any] | None  # the row of its base model, where the board has one
    suite: Suite
    task: str | None
    outcome: Outcome
    find: str
    page: int
    item: str  # a document's hash, or its start: a permanent link

    def params(self, **changed: str | int | None) -> str:
        """The address of this view with some of it changed."""
        now = {
            "row": self.row["id"], "suite": self.suite.name, "task": self.task, "outcome": self.outcome,
            "find": self.find, "page": self.page,
        }  # fmt: skip
        return urlencode({name: value for name, value in (now | changed).items() if value not in (None, "", "all", 0)})


def browser(board: Board, snapshot: Snapshot, found: ModelView) -> Markup:
    """Where the browser mounts itself, and what it asks for first."""
    first = f"{LIST}?{urlencode({'row': found.run.id, 'suite': snapshot.suite.name})}"
    waiting = h("p", {"class": "lb-quiet", "role": "status"}, WAITING)
    return h("div", {"class": "lb-samples", "data-samples": first}, waiting)


WAITING = "Looking for this run’s answers …"


def head() -> Markup:
    """What a page with a samples browser needs in its head."""
    return join(
        h("link", {"rel": "stylesheet", "href": assets.url("samples/samples.css")}),
        h("script", {"type": "module", "src": assets.url("samples/samples.js")}),
    )


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """One screen of answers, and one answer whole."""

    def listed(request: Request) -> Response:
        try:
            ask = _ask(board, request.query_params)
            return _html(_screen(ask, DetailFiles(board.shown, ask.suite)))
        except BoardError as error:
            return _html(h("p", {"class": "lb-problem", "role": "alert"}, str(error)), 404)

    def item(request: Request) -> Response:
        try:
            ask = _ask(board, request.query_params)
            file = DetailFiles(board.shown, ask.suite).open(ask.row, ask.task or "")
            at = None if file is None else file.find(ask.item)
            if file is None or at is None:
                raise NotFound("This answer is no longer among the published ones.")
            return _html(answers.whole(file.open(at), ask.row, ask.task or "", other_suite(board, ask.suite)))
        except BoardError as error:
            return _html(h("p", {"class": "lb-problem", "role": "alert"}, str(error)), 404)

    return [
        Route(f"/{LIST}", listed, methods=["GET"]),
        Route(f"/{ITEM}", item, methods=["GET"]),
    ]


def _ask(board: Board, params: Mapping[str, str]) -> Ask:
    snapshot = board.snapshot(params.get("suite") or None)
    frame = snapshot.frame
    rows = frame[frame["id"] == params.get("row", "")].to_dict("records")
    if not rows:
        raise NotFound("This run is no longer on the board.")
    row = rows[0]
    base = frame[frame["model"] == row.get("base_model")].to_dict("records") if row.get("base_model") else []
    outcome: Outcome = params["outcome"] if params.get("outcome") in get_args(Outcome) else "all"  # type: ignore[assignment]
    page = params.get("page", "")
    return Ask(
        row, base[0] if base else None, snapshot.suite, params.get("task") or None, outcome,
        params.get("find", "")[:200].strip(), int(page) if page.isdigit() and len(page) < 6 else 0,
        params.get("item", "")[:64],
    )  # fmt: skip


def other_suite(board: Board, suite: Suite) -> str | None:
    """The suite as an address names it: not at all where it is the board's first."""
    return None if board.snapshot().suite.name == suite.name else suite.name


def _screen(ask: Ask, files: DetailFiles) -> Markup:
    tasks = files.tasks(ask.row)
    known = [task for task in ask.suite.tasks if task.name in tasks]
    if not known:
        return h(
            "p",
            {"class": "lb-quiet"},
            "No answers were published with this run. Boards that run our evaluator publish every one.",
        )
    task = next((each for each in known if each.name == ask.task), known[0])
    ask = Ask(**(vars(ask) | {"task": task.name}))
    file = files.open(ask.row, task.name)
    if file is None:
        raise NotFound("The answers cannot be read just now; try again in a minute.")
    base = files.open(ask.base, task.name) if ask.base else None
    rows = file.rows(ask.outcome, base)
    note = ""
    if ask.item and (at := file.find(ask.item)) is not None:
        rows = np.array([at])
    elif ask.find:
        rows = np.array(list(islice(file.search(ask.find, rows), MOST_FOUND)), dtype=int)
        note = f" (the first {MOST_FOUND})" if len(rows) == MOST_FOUND else ""
    pages = max(1, -(-len(rows) // PER_PAGE))
    page = min(ask.page, pages - 1)
    shown = file.page(rows[page * PER_PAGE : (page + 1) * PER_PAGE])
    return join(
        _controls(ask, known, has_base=base is not None),
        h("p", {"class": "lb-quiet", "role": "status"}, _count(ask, len(rows), len(file)), note),
        h("ol", {"class": "lb-answers", "start": page * PER_PAGE + 1}, [_line(sample, ask) for sample in shown])
        if shown
        else _nothing(ask),
        _pager(ask, page, pages),
    )


def _controls(ask: Ask, tasks: Sequence[Any], has_base: bool) -> Markup:
    options = [h("option", {"value": each.name, "selected": each.name == ask.task}, each.title) for each in tasks]
    outcomes = [name for name in WORDS if name != "changed" or has_base]
    links = [
        h(
            "a",
            {
                "href": f"{LIST}?{ask.params(outcome=name, page=0)}",
                "data-list": True,
                "aria-current": "true" if name == ask.outcome and not ask.item else None,
            },
            WORDS[name],
        )
        for name in outcomes
    ]
    hidden = [("row", ask.row["id"]), ("suite", ask.suite.name), ("outcome", ask.outcome)]
    find = {"type": "search", "name": "find", "value": ask.find, "placeholder": "search the text"}
    return h(
        "form",
        {"class": "lb-asks", "action": LIST, "data-list": True},
        [h("input", {"type": "hidden", "name": name, "value": value}) for name, value in hidden],
        h("label", {}, "Task ", h("select", {"name": "task"}, options)),
        h("span", {"class": "lb-outcomes", "role": "group", "aria-label": "Outcome"}, links),
        not is_gated(ask.task or "") and h("input", find | {"aria-label": "Search questions and answers"}),
    )


def _count(ask: Ask, found: int, of: int) -> str:
    if ask.item:
        return f"One of {of:,} questions."
    words = {"all": "questions", "right": "right answers", "wrong": "wrong answers", "changed": "changed answers"}
    return f"{found:,} {words[ask.outcome]} of {of:,}" if ask.outcome != "all" or ask.find else f"{of:,} questions"


def _nothing(ask: Ask) -> Markup:
    everything = h(
        "a", {"href": f"{LIST}?{ask.params(outcome='all', find=None, page=0)}", "data-list": True}, "show all"
    )
    return h("p", {}, "None. Relax the filter: ", everything, ".")


def _line(sample: Sample, ask: Ask) -> Markup:
    address = f"{ITEM}?{ask.params(outcome=None, find=None, page=0)}&{urlencode({'item': sample.doc_hash or ''})}"
    words, right = answers.graded(sample.score)
    hidden = is_gated(ask.task or "") or sample.question is None
    question = f"Question {(sample.doc_hash or '')[:12]}" if hidden else _short(sample.question or "")
    return h(
        "li",
        {},
        h(
            "details",
            {"data-item": address, "data-hash": (sample.doc_hash or "")[:12]},
            h(
                "summary",
                {},
                h("span", {"class": "lb-grade", "data-right": right}, words),
                h("span", {"class": "lb-question"}, question),
                not hidden and h("span", {"class": "lb-given"}, _short(sample.answer or "", 80)),
            ),
            h("div", {"aria-live": "polite"}, "Looking …"),
        ),
    )


def _pager(ask: Ask, page: int, pages: int) -> Markup:
    if pages < 2 or ask.item:
        return Markup("")
    before = page > 0 and h(
        "a", {"href": f"{LIST}?{ask.params(page=page - 1)}", "data-list": True, "rel": "prev"}, "Previous"
    )
    after = page + 1 < pages and h(
        "a", {"href": f"{LIST}?{ask.params(page=page + 1)}", "data-list": True, "rel": "next"}, "Next"
    )
    return h("nav", {"class": "lb-pager", "aria-label": "Pages of answers"}, before, f"{page + 1} of {pages:,}", after)


def _short(text: str, most: int = EXCERPT) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _html(body: Markup, status: int = 200) -> Response:
    return HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-cache"})
