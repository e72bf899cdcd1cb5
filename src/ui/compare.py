"""The Compare page: two to six models, what differs between them and how surely, and the questions they part on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import numpy as np
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board import compare
from src.board.columns import SIZES
from src.board.detail_files import DetailFiles
from src.board.direction import is_higher_better
from src.board.query import Query, run
from src.board.snapshot import Board, Snapshot
from src.core.errors import BoardError, NotFound
from src.settings import Settings
from src.ui import assets, compare_questions, compare_table
from src.ui.compare_table import name_of
from src.ui.html import h, join
from src.ui.page import Page, View, Visit, snapshot_of

FIND = "compare/find.json"


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The models that the address names, side by side."""
    snapshot = snapshot_of(board, visit.query)
    ids = _ids(snapshot, visit.query)
    problem, body = None, Markup("")
    if len(ids) >= compare.FEWEST:
        try:
            files = DetailFiles(board.shown, snapshot.suite)
            found = compare.compare(compare.pick(snapshot.frame, ids), snapshot.suite, files.open)
            body = join(
                compare_table.differences(found, snapshot.suite, visit.query.get("suite")),
                compare_table.unlike(found),
                compare_questions.folds(found, files, snapshot, ids),
            )
        except BoardError as error:
            problem = str(error)
    intro = (
        "The first model is the one the others are held against. A difference in bold is more than chance explains."
        if body
        else "Choose two to six models. Each difference comes with its interval, and with the questions behind it."
    )
    page = h(
        "article",
        {"class": "lb-wide lb-compare", "data-compare": True, "data-find": FIND},
        h("h1", {}, "Compare"),
        h("p", {"class": "lb-intro"}, intro),
        problem and h("p", {"class": "lb-problem", "role": "alert"}, problem),
        _picker(snapshot, ids, visit.query),
        body or (_ideas(snapshot, visit.query) if not ids else None),
    )
    head = join(
        h("link", {"rel": "stylesheet", "href": assets.url("compare/compare.css")}),
        h("script", {"type": "module", "src": assets.url("compare/compare.js")}),
    )
    names = " and ".join(each.split("~")[0] for each in ids[:2])
    return View(f"Compare {names}".strip(), page, head, description=intro)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Names as somebody types them, and the questions two models part on, when opened."""

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
                raise NotFound("One of the two published no answers to these questions.")
            found = compare.disagreements(opened[0], opened[1], compare_questions.SHOWN)
            return HTMLResponse(compare_questions.disagreements(found, rows, params.get("task", "")))
        except BoardError as error:
            return HTMLResponse(h("p", {"class": "lb-problem"}, str(error)), status_code=404)

    return [
        Route(f"/{FIND}", find, methods=["GET"]),
        Route(f"/{compare_questions.QUESTIONS}", questions, methods=["GET"]),
    ]


def _ids(snapshot: Snapshot, params: Mapping[str, str]) -> list[str]:
    """The rows that `models` and `add` name: by id, or by a model's name, which stands for its best run."""
    named = [each.strip() for each in f"{params.get('models', '')},{params.get('add', '')}".split(",") if each.strip()]
    frame = snapshot.frame
    known = set(frame["id"])
    higher = is_higher_better(snapshot.suite, "average")
    ids = []
    for each in named:
        best = frame[frame["model"] == each].sort_values("average", ascending=not higher, na_position="last")
        ids.append(each if each in known or best.empty else str(best["id"].iloc[0]))
    return list(dict.fromkeys(ids))


def _picker(snapshot: Snapshot, ids: Sequence[str], params: Mapping[str, str]) -> Markup:
    suite = {"suite": params["suite"]} if params.get("suite") else {}
    rows = snapshot.frame[snapshot.frame["id"].isin(ids)].set_index("id", drop=False)
    chips = []
    for at, each in enumerate(ids):
        name = name_of(rows.loc[each].to_dict()) if each in rows.index else each
        rest = [other for other in ids if other != each]
        first = at and h("a", {"href": _address([each, *rest], suite), "title": "Hold the others against it"}, "first")
        out = h("a", {"href": _address(rest, suite), "aria-label": f"Remove {name}"}, "×")
        chips.append(h("li", {}, h("span", {}, name), first or None, out))
    add = h(
        "form",
        {"action": "compare", "method": "get", "class": "lb-add"},
        [h("input", {"type": "hidden", "name": name, "value": value}) for name, value in suite.items()],
        h("input", {"type": "hidden", "name": "models", "value": ",".join(ids)}),
        h(
            "input",
            {
                "name": "add",
                "type": "search",
                "list": "lb-names",
                "placeholder": "organisation/name",
                "aria-label": "Add a model",
                "autocomplete": "off",
                "spellcheck": "false",
            },
        ),
        h("datalist", {"id": "lb-names"}),
        h("button", {"type": "submit"}, "Add"),
    )
    return h("div", {"class": "lb-picked"}, h("ul", {"aria-label": "Models"}, chips), add if len(ids) < 6 else None)


def _ideas(snapshot: Snapshot, params: Mapping[str, str]) -> Markup | None:
    """Comparisons that this board offers by itself, for whoever has not chosen yet."""
    frame = snapshot.frame
    whole = frame.iloc[run(frame, Query()).rows] if len(frame) else frame
    whole = whole[whole["average"].notna()].drop_duplicates("model")
    suite = {"suite": params["suite"]} if params.get("suite") else {}
    by_size = [whole[whole["params_b"].between(s.low or 0, s.high or np.inf, inclusive="left")] for s in SIZES]
    based = whole[whole["base_model"].isin(whole["model"])].head(1)
    base = whole[whole["model"].isin(based["base_model"])].head(1)
    ideas = (
        ("The two best", list(whole["id"].head(2))),
        ("The best of each size", [str(part["id"].iloc[0]) for part in by_size if len(part)]),
        ("The best that was made from another, and what it was made from", [*based["id"], *base["id"]]),
    )
    links = [
        h("li", {}, h("a", {"href": _address(ids, suite)}, words))
        for words, ids in ideas
        if compare.FEWEST <= len(set(ids)) <= compare.MOST
    ]
    if not links:
        return None
    return h(
        "section",
        {"class": "lb-ideas", "aria-labelledby": "lb-ideas"},
        h("h2", {"id": "lb-ideas"}, "To begin with"),
        h("ul", {}, links),
        h("p", {"class": "lb-quiet"}, "On the leaderboard, c chooses a row; the count stands beside Compare above."),
    )


def _address(ids: Sequence[str], more: Mapping[str, str]) -> str:
    return "compare?" + urlencode({"models": ",".join(ids), **more})


PAGE = Page(name="compare", route="/compare", nav="Compare", view=view)
