"""The Compare page: two to six models, what differs and how surely, and the questions on which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board import compare
from src.board.live.snapshot import Board, Snapshot
from src.board.model.detail_files import DetailFiles
from src.board.model.relations import by_id, relations
from src.board.table.columns import SIZES
from src.board.table.direction import is_higher_better
from src.board.table.query import Query, run
from src.core.errors import BoardError, NotFoundError
from src.settings import Settings
from src.ui.pages.compare import questions as compare_questions
from src.ui.pages.compare import tables
from src.ui.pages.compare.tables import name_of
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

FIND = "compare/find.json"


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the models that the address names, side by side."""
    snapshot = snapshot_of(board, visit.query)
    suite = visit.query.get("suite")
    ids, unsure = _settled(snapshot, _ids(snapshot, visit.query), suite)
    problem, values = None, dict[str, Any](comparison=None)
    if len(ids) >= compare.FEWEST:
        try:
            files = DetailFiles(board.shown, snapshot.suite)
            comparison = compare.compare(compare.pick(snapshot.frame, ids), snapshot.suite, files.open)
            values = {
                "comparison": tables.differences(comparison, snapshot.suite),
                "columns": tables.columns(comparison, suite),
                "mismatches": comparison.unlike,
                "tasks": compare_questions.tasks(comparison, files, snapshot, ids),
            }
        except BoardError as error:
            problem = str(error)
    intro = (
        "The other models are compared with the first. A difference in bold is larger than chance explains."
        if values["comparison"]
        else "Choose two to six models. Each difference comes with its interval and the questions behind it."
    )
    body = render(
        "compare/page.html",
        find=FIND,
        intro=intro,
        problem=problem,
        picked=_picked(snapshot, ids, suite),
        takes_more=len(ids) < compare.MOST,
        suite_parameter=suite,
        unsure=unsure,
        ideas=[] if ids else _ideas(snapshot, suite),
        **values,
    )
    names = " and ".join(each.split("~")[0] for each in ids[:2])
    return View(f"Compare {names}".strip(), body, render("compare/head.html"), description=intro)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the routes of the page: names while somebody types, and the questions of an opened fold."""

    def find(request: Request) -> Response:
        snapshot = snapshot_of(board, request.query_params)
        selection = run(snapshot.frame, Query(q=request.query_params.get("q", "")))
        rows = snapshot.frame.iloc[selection.rows[:12]]
        return JSONResponse([{"id": row["id"], "name": name_of(row)} for row in rows.to_dict("records")])

    def questions(request: Request) -> Response:
        params = request.query_params
        snapshot = snapshot_of(board, params)
        try:
            rows = compare.pick(snapshot.frame, [params.get("first", ""), params.get("second", "")])
            files = DetailFiles(board.shown, snapshot.suite)
            opened = [files.open(row, params.get("task", "")) for row in rows]
            if opened[0] is None or opened[1] is None:
                raise NotFoundError("One of the two published no answers to these questions.")
            differing = compare.disagreements(opened[0], opened[1], compare_questions.SHOWN)
            return HTMLResponse(compare_questions.disagreements(differing, rows, params.get("task", "")))
        except BoardError as error:
            return HTMLResponse(render("problem.html", problem=str(error)), status_code=404)

    return [
        Route(f"/{FIND}", find, methods=["GET"]),
        Route(f"/{compare_questions.QUESTIONS}", questions, methods=["GET"]),
    ]


def _ids(snapshot: Snapshot, params: Mapping[str, str]) -> list[str]:
    """Return the rows that `models` and `add` name: by id, or by a model's name for its best run."""
    named = [each.strip() for each in f"{params.get('models', '')},{params.get('add', '')}".split(",") if each.strip()]
    known, rows = relations(snapshot.frame), by_id(snapshot.frame)
    higher = is_higher_better(snapshot.suite, "average")
    ids = []
    for each in named:
        runs = known.by_model.get(each, ()) if each not in rows else ()
        ids.append(str(known.value(known.by_average(runs, higher)[0], "id")) if len(runs) else each)
    return list(dict.fromkeys(ids))


def _settled(snapshot: Snapshot, ids: Sequence[str], suite: str | None) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the rows that are sure, and for each part of a name the models it may mean, as addresses that add one.

    A part that only one model has, or that is all of its name behind the organisation, is that model.
    """
    known = by_id(snapshot.frame)
    sure: list[str] = []
    asked: list[tuple[str, list[str]]] = []
    for each in ids:
        if each in known:
            sure.append(each)
            continue
        rows = snapshot.frame.iloc[run(snapshot.frame, Query(q=each)).rows].drop_duplicates("model")
        exact = rows[rows["model"].str.lower().str.endswith(f"/{each.lower()}")]
        rows = exact if len(exact) == 1 else rows
        if len(rows) == 1:
            sure.append(str(rows["id"].iloc[0]))
        else:
            asked.append((each, [str(row) for row in rows["id"].head(MOST_MEANT)]))
    sure = list(dict.fromkeys(sure))
    named = {row: name_of(snapshot.frame.iloc[known[row]].to_dict()) for _, rows in asked for row in rows}
    return sure, [
        {"text": text, "ways": [{"name": named[row], "address": _address([*sure, row], suite)} for row in rows]}
        for text, rows in asked
    ]


MOST_MEANT = 8  # models offered for a part of a name


def _picked(snapshot: Snapshot, ids: Sequence[str], suite: str | None) -> list[dict[str, str | None]]:
    """Return the chosen rows, with the addresses that put one first or take it out."""
    rows = by_id(snapshot.frame)
    picked: list[dict[str, str | None]] = []
    for at, each in enumerate(ids):
        rest = [other for other in ids if other != each]
        picked.append(
            {
                "id": each,
                "name": name_of(snapshot.frame.iloc[rows[each]].to_dict()) if each in rows else each,
                "to_front": _address([each, *rest], suite) if at else None,
                "without": _address(rest, suite),
            }
        )
    return picked


def _ideas(snapshot: Snapshot, suite: str | None) -> list[dict[str, str]]:
    """Return comparisons to begin with."""
    frame = snapshot.frame
    whole = frame.iloc[run(frame, Query()).rows] if len(frame) else frame
    whole = whole[whole["average"].notna()].drop_duplicates("model")
    by_size = [whole[whole["params_b"].between(s.low or 0, s.high or np.inf, inclusive="left")] for s in SIZES]
    based = whole[whole["base_model"].isin(whole["model"])].head(1)
    base = whole[whole["model"].isin(based["base_model"])].head(1)
    ideas = (
        ("The two best", list(whole["id"].head(2))),
        ("The best of each size", [str(part["id"].iloc[0]) for part in by_size if len(part)]),
        ("The best fine-tune and its base model", [*based["id"], *base["id"]]),
    )
    return [
        {"title": title, "address": _address(ids, suite)}
        for title, ids in ideas
        if compare.FEWEST <= len(set(ids)) <= compare.MOST
    ]


def _address(ids: Sequence[str], suite: str | None) -> str:
    return "compare?" + urlencode({"models": ",".join(ids)} | ({"suite": suite} if suite else {}))


PAGE = Page(
    name="compare",
    route="/compare",
    nav="Compare",
    view=view,
    parameters=frozenset({"suite", "models", "add"}),
    reads_store=True,
)
