"""The Compare page: two to six models, what differs between them and how surely, and the questions they part on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board import compare
from src.board.columns import PRECISION_SHORT
from src.board.compare import Comparison, Contrast, Disagreement, Line
from src.board.detail_files import DetailFiles, is_gated
from src.board.query import Query, run
from src.board.snapshot import Board, Snapshot
from src.core.errors import BoardError, NotFound
from src.settings import Settings
from src.ui import assets
from src.ui.html import h, join
from src.ui.page import Page, View, Visit, snapshot_of
from src.ui.samples import graded, verbatim

FIND = "compare/find.json"
QUESTIONS = "compare/questions"
SHOWN_QUESTIONS = 10
KEY = (
    "In brackets: the 95 % interval of the difference, in points. “shows 3.1”: a true difference of 3.1 would be seen "
    "four times out of five. “paired”: both answered the same questions, joined one by one. “approximate”: only counts "
    "are known, so the interval is wider than it need be. p holds for all models of a line together."
)
LONGEST = 1200  # characters of a question or an answer before it is folded


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The models that the address names, side by side."""
    snapshot = snapshot_of(board, visit.query)
    ids = _ids(snapshot, visit.query)
    problem, body = None, Markup("")
    if len(ids) >= compare.FEWEST:
        try:
            files = DetailFiles(board.shown, snapshot.suite)
            found = compare.compare(compare.pick(snapshot.frame, ids), snapshot.suite, files.open)
            body = join(_table(found), _unlike(found), _questions(found, files, snapshot, ids))
        except BoardError as error:
            problem = str(error)
    intro = (
        "The first model is the one the others are held against. A difference in bold is more than chance explains."
        if body
        else "Choose two to six models. Each difference comes with its interval, and with the questions behind it."
    )
    page = h(
        "article",
        {"class": "lb-compare", "data-compare": True, "data-find": FIND},
        h("h1", {}, "Compare"),
        h("p", {"class": "lb-intro"}, intro),
        problem and h("p", {"class": "lb-problem", "role": "alert"}, problem),
        _picker(snapshot, ids, visit.query),
        body,
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
        return JSONResponse([{"id": row["id"], "name": _name(row)} for row in rows.to_dict("records")])

    def questions(request: Request) -> Response:
        params = request.query_params
        snapshot = snapshot_of(board, params)
        try:
            rows = compare.pick(snapshot.frame, [params.get("first", ""), params.get("second", "")])
            files = DetailFiles(board.shown, snapshot.suite)
            opened = [files.open(row, params.get("task", "")) for row in rows]
            if opened[0] is None or opened[1] is None:
                raise NotFound("One of the two published no answers to these questions.")
            found = compare.disagreements(opened[0], opened[1], SHOWN_QUESTIONS)
            return HTMLResponse(_disagreements(found, rows, params.get("task", "")))
        except BoardError as error:
            return HTMLResponse(h("p", {"class": "lb-problem"}, str(error)), status_code=404)

    return [
        Route(f"/{FIND}", find, methods=["GET"]),
        Route(f"/{QUESTIONS}", questions, methods=["GET"]),
    ]


def _ids(snapshot: Snapshot, params: Mapping[str, str]) -> list[str]:
    """The rows that `models` and `add` name: by id, or by a model's name, which stands for its best run."""
    named = [each.strip() for each in f"{params.get('models', '')},{params.get('add', '')}".split(",") if each.strip()]
    frame = snapshot.frame
    known = set(frame["id"])
    ids = []
    for each in named:
        best = frame[frame["model"] == each].sort_values("average", ascending=False, na_position="last")
        ids.append(each if each in known or best.empty else str(best["id"].iloc[0]))
    return list(dict.fromkeys(ids))


def _picker(snapshot: Snapshot, ids: Sequence[str], params: Mapping[str, str]) -> Markup:
    suite = {"suite": params["suite"]} if params.get("suite") else {}
    rows = snapshot.frame[snapshot.frame["id"].isin(ids)].set_index("id", drop=False)
    chips = []
    for at, each in enumerate(ids):
        name = _name(rows.loc[each].to_dict()) if each in rows.index else each
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


def _table(found: Comparison) -> Markup:
    lines = [found.average, *found.benchmarks]
    reach = max((_reach(contrast) for line in lines for contrast in line.contrasts if contrast), default=1.0)
    top = h(
        "tr",
        {},
        h("th", {"scope": "col"}, "Benchmark"),
        [h("th", {"scope": "col"}, h("a", {"href": _model(row)}, _name(row))) for row in found.rows],
    )
    body = [
        h(
            "tr",
            {"class": "lb-average" if line is found.average else None},
            h("th", {"scope": "row"}, line.title),
            [h("td", {}, _score(line, at), _contrast(line.contrasts[at], reach)) for at in range(len(found.rows))],
        )
        for line in lines
    ]
    return join(
        h(
            "div",
            {"class": "lb-scroll", "tabindex": "0", "role": "region", "aria-label": "Scores and differences"},
            h("table", {"class": "lb-contrasts"}, h("thead", {}, top), h("tbody", {}, body)),
        ),
        h("p", {"class": "lb-key"}, KEY),
    )


def _score(line: Line, at: int) -> Markup:
    score = line.scores[at]
    return h("span", {"class": "lb-score"}, "missing" if score is None else f"{score:.2f}")


def _contrast(contrast: Contrast | None, reach: float) -> Markup:
    if contrast is None:
        return Markup("")
    low, high = contrast.interval.low, contrast.interval.high
    wins = "" if contrast.wins is None else f"{contrast.wins} won, {contrast.losses} lost · "
    sure = f"{wins}p {_p(contrast.p)} · shows {contrast.smallest_detectable:.1f} · {contrast.method}"
    return join(
        h(
            "span",
            {"class": "lb-difference", "data-clear": contrast.is_clear},
            f"{contrast.value:+.2f} ",
            h("small", {}, f"({low:+.1f} to {high:+.1f})"),
        ),
        _whisker(contrast.value, low, high, reach, contrast.is_clear),
        h("small", {"class": "lb-how"}, sure, contrast.problem and f" Not paired: {contrast.problem}"),
    )


def _whisker(value: float, low: float, high: float, reach: float, is_clear: bool) -> Markup:
    """The interval on a line whose middle is "no difference"; both ends lie `reach` points away."""

    def x(points: float) -> str:
        return f"{60 + 58 * max(-1.0, min(1.0, points / reach)):.1f}"

    return h(
        "svg",
        {"class": "lb-whisker", "viewBox": "0 0 120 12", "aria-hidden": "true", "data-clear": is_clear},
        h("line", {"class": "zero", "x1": "60", "x2": "60", "y1": "0", "y2": "12"}),
        h("line", {"x1": x(low), "x2": x(high), "y1": "6", "y2": "6"}),
        h("circle", {"cx": x(value), "cy": "6", "r": "3"}),
    )


def _reach(contrast: Contrast) -> float:
    return max(abs(contrast.interval.low), abs(contrast.interval.high))


def _unlike(found: Comparison) -> Markup:
    if not found.unlike:
        return h("p", {"class": "lb-alike"}, "These runs are alike in precision, chat template, weights and scorer.")
    top = h(
        "tr", {}, h("th", {"scope": "col"}, "Setting"), [h("th", {"scope": "col"}, _name(row)) for row in found.rows]
    )
    body = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, unlike.title, h("small", {"class": "lb-how"}, unlike.why)),
            [h("td", {}, value) for value in unlike.values],
        )
        for unlike in found.unlike
    ]
    return h(
        "section",
        {"class": "lb-unlike", "aria-labelledby": "lb-unlike"},
        h("h2", {"id": "lb-unlike"}, "Not run alike"),
        h("p", {}, "Part of a difference may come from these settings rather than from the models."),
        h("div", {"class": "lb-scroll", "tabindex": "0"}, h("table", {}, h("thead", {}, top), h("tbody", {}, body))),
    )


def _questions(found: Comparison, files: DetailFiles, snapshot: Snapshot, ids: Sequence[str]) -> Markup:
    """One fold for each task that the first two models both published; filled when opened."""
    first, second = found.rows[:2]
    mine, theirs = files.tasks(first), files.tasks(second)
    folds = []
    for task in snapshot.suite.tasks:
        if task.name not in mine or task.name not in theirs:
            continue
        address = {"first": ids[0], "second": ids[1], "task": task.name, "suite": snapshot.suite.name}
        folds.append(
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
            f"Questions that {_name(first)} and {_name(second)} were graded differently on, joined on the question.",
        )
        if folds
        else h("p", {}, "The first two models have not both published their answers, so no questions can be shown."),
        folds,
    )


def _disagreements(found: Sequence[Disagreement], rows: Sequence[Mapping[str, Any]], task: str) -> Markup:
    if not found:
        return h("p", {}, "None: both were graded alike on every question.")
    items = []
    for each in found:
        sides = [
            h(
                "div",
                {"data-right": graded(sample.score)[1]},
                h("dt", {}, _name(row)),
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


def _name(row: Mapping[str, Any]) -> str:
    precision = row.get("precision")
    if not isinstance(precision, str):  # unknown
        return str(row["model"])
    return f"{row['model']} ({PRECISION_SHORT.get(precision, precision)})"


def _model(row: Mapping[str, Any]) -> str:
    return f"model/{row['model']}"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _address(ids: Sequence[str], more: Mapping[str, str]) -> str:
    return "compare?" + urlencode({"models": ",".join(ids), **more})


PAGE = Page(name="compare", route="/compare", nav="Compare", view=view)
