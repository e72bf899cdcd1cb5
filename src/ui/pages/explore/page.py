"""The Explore page: one large chart, the sentence that says what it shows, and its controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeVar
from urllib.parse import urlencode

import pandas as pd
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from src.board.audit import sizes_in_doubt
from src.board.charts import CHARTS, GROUPS, OF_BENCHMARKS, OF_MODELS, TITLES, Chart, ChartChoice, numeric_columns
from src.board.charts.pairs import NumericColumn
from src.board.exports.csv_parquet import to_csv
from src.board.live.per_frame import per_frame
from src.board.live.snapshot import Board, Snapshot
from src.board.table import url as links
from src.board.table.payload import File, encode
from src.board.table.query import HIDDEN, Query, of_page, run
from src.board.table.url import PARAMETERS
from src.core import suites
from src.settings import Settings
from src.ui.web.files import answer
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

T = TypeVar("T")

FIGURE = "explore/figure"
LONGEST_NAME = 200  # characters of a model to highlight

# the parameters that each chart has controls for
CONTROLS = {
    "cost": ("y", "x", "mark"),
    "time": ("y", "mark"),
    "spread": ("y", "group", "mark"),
    "scaling": ("y", "mark"),
}


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the chart that the address names: its words at once, its picture when the script has drawn it."""
    snapshot = snapshot_of(board, visit.query)
    key = _key(visit.query)
    chart = _chart(snapshot, visit.query)
    body = render(
        "explore/page.html",
        figure=FIGURE,
        tabs=[
            {"key": each, "title": title, "address": _address(visit.query, chart=each), "is_open": each == key}
            for each, title in TITLES.items()
        ],
        controls=_controls(snapshot, key, visit.query),
        mark=visit.query.get("mark", ""),
        kept=[(name, value) for name, value in visit.query.items() if name not in ("x", "y", "group", "mark")],
        filters=_filters(of_page(visit.query)),
        chart=chart,
        csv=f"{FIGURE}.csv?{urlencode(visit.query)}",
        numbers=_numbers(chart.table, snapshot.suite.name),
    )
    return View("Explore", body, render("explore/head.html"), description=chart.sentence)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the routes of a chart as a figure and as CSV."""

    def figure(request: Request) -> Response:
        params = links.first(request.query_params.multi_items())
        return answer(_asked(_file, snapshot_of(board, params), params), request, "no-cache")

    def numbers(request: Request) -> Response:
        params = links.first(request.query_params.multi_items())
        chart = _chart(snapshot_of(board, params), params)
        return Response(
            to_csv(chart.table),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{chart.key}.csv"'},
        )

    return [
        Route(f"/{FIGURE}.json", figure, methods=["GET"]),
        Route(f"/{FIGURE}.csv", numbers, methods=["GET"]),
    ]


def _key(params: Mapping[str, str]) -> str:
    return params.get("chart", "") if params.get("chart") in CHARTS else next(iter(CHARTS))


def _chart(snapshot: Snapshot, params: Mapping[str, str]) -> Chart:
    return _asked(_drawn, snapshot, params)


def _asked(make: Callable[..., T], snapshot: Snapshot, params: Mapping[str, str]) -> T:
    """Return what `make` makes of the chart that the address asks for."""
    key = _key(params)
    choice = ChartChoice(
        score=_one(params.get("y"), _columns(snapshot) if key == "cost" else _scores(snapshot)),
        cost=_one(params.get("x"), _columns(snapshot), "params_b"),
        group=_one(params.get("group"), GROUPS),
        mark=params.get("mark", "")[:LONGEST_NAME],
    )
    return make(snapshot.frame, snapshot.suite.name, of_page(params), key, choice)


@per_frame(64)
def _file(frame: pd.DataFrame, suite: str, query: Query, key: str, choice: ChartChoice) -> File:
    """Return what the page's script asks for: the chart's words, its table and its figure."""
    chart = _drawn(frame, suite, query, key, choice)
    words = {"title": chart.title, "sentence": chart.sentence, "numbers": _numbers(chart.table, suite)}
    return encode(words | {"figure": chart.figure})


@per_frame(64)
def _drawn(frame: pd.DataFrame, suite: str, query: Query, key: str, choice: ChartChoice) -> Chart:
    used = [column for column in frame if column in {*OF_MODELS, *vars(choice).values()}]
    if key in OF_BENCHMARKS:
        used = [column for column in frame if column.endswith((".score", ".se", ".at_chance"))]
    rows = frame[used].iloc[run(frame, query).rows]
    if key in ("time", "scaling") or (key == "cost" and "params_b" in (choice.cost, choice.score)):
        doubtful = rows["id"].isin(sizes_in_doubt(frame).keys())
        chart = CHARTS[key](rows[~doubtful], suites.load(suite), choice)
        words = f" Left out because its size contradicts its name, base or packing: {doubtful.sum():,}."
        return replace(chart, sentence=chart.sentence + words) if doubtful.any() else chart
    return CHARTS[key](rows, suites.load(suite), choice)


def _scores(snapshot: Snapshot) -> dict[str, str]:
    averaged = {"average": "Average"} if snapshot.suite.aggregation != "none" else {}
    return averaged | {f"{benchmark.key}.score": benchmark.title for benchmark in snapshot.suite.benchmarks}


def _columns(snapshot: Snapshot) -> dict[str, str]:
    """Return every numeric column, by its path in the frame; the size even if no model has one."""
    return {each.path: each.title for each in _numeric(snapshot.frame, snapshot.suite.name)} or {
        "params_b": "Parameters"
    }


@per_frame(12)
def _numeric(frame: pd.DataFrame, suite: str) -> tuple[NumericColumn, ...]:
    return tuple(numeric_columns(frame, suites.load(suite)))


def _one(value: str | None, choices: Mapping[str, Any], usual: str = "") -> str:
    """Return the value if it is a choice; else the usual one, or the first."""
    return next(each for each in (value, usual, next(iter(choices))) if each is not None and each in choices)


def _controls(snapshot: Snapshot, key: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the controls of a chart, each with its groups of options and the one that the address chooses."""
    pairs = [(each.group, each.path, each.title) for each in _numeric(snapshot.frame, snapshot.suite.name)]
    scores = [("", path, title) for path, title in _scores(snapshot).items()]
    choices: dict[str, tuple[str, list[tuple[str, str, str]], str]] = {
        "y": ("Score" if key != "cost" else "Up", pairs if key == "cost" else scores, ""),
        "x": ("Across", pairs, "params_b"),
        "group": ("By", [("", group, word.capitalize()) for group, word in GROUPS.items()], ""),
    }
    return [
        {
            "name": name,
            "label": label,
            "groups": [
                (group, [option[1:] for option in options]) for group, options in groupby(held, lambda it: it[0])
            ],
            "chosen": _one(params.get(name), {path: title for _, path, title in held}, usual) if held else "",
        }
        for name in CONTROLS.get(key, ())
        if name in choices
        for label, held, usual in (choices[name],)
    ]


def _filters(query: Query) -> dict[str, Any]:
    """Return the table's filters that carry over, and the address of the table where they can be changed."""
    params = {name: value for name, value in query.to_params().items() if (name, query.hide) != ("hide", HIDDEN)}
    return {
        "chosen": [(FILTER_WORDS.get(name, name), value) for name, value in params.items() if name not in NOT_FILTERS],
        "change": "./?" + urlencode(params if query.hide else {**params, "hide": ""}),
    }


NOT_FILTERS = {"columns", "sort", "pinned", "score", "rank", "average", "suite"}
FILTER_WORDS = {"q": "search", "params": "billions of parameters", "types": "type", "license": "licence"}


@per_frame(32)
def _numbers(numbers: pd.DataFrame, suite: str) -> Markup:
    """Render a chart's numbers as a table, the first LONGEST rows; the CSV has all of them, and the ids."""
    table = numbers.head(LONGEST).drop(columns="id", errors="ignore")
    titles = HEADS | {f"{each.key}.score": each.title for each in suites.load(suite).benchmarks}
    return render(
        "explore/numbers.html",
        rows_in_all=f"{len(numbers):,}",
        is_cut=len(numbers) > LONGEST,
        columns=[
            {"title": titles.get(str(name), str(name)), "is_number": pd.api.types.is_numeric_dtype(kind)}
            for name, kind in table.dtypes.items()
        ],
        rows=[[_cell(value) for value in row] for row in table.itertuples(index=False)],
    )


LONGEST = 50  # rows of the table below a chart
HEADS = {
    "params_b": "parameters, B",
    "co2_kg": "CO₂, kg",
    "tokens_per_item": "tokens per item",
    "dollars": "$ per run",
    "seconds_per_item": "seconds per item",
    "price": "$ per M tokens",
    "model_type": "type",
    "submission_date": "submitted",
    "on_front": "on the front",
    "floor": "share at chance",
    "ties_with_best": "tied with the best",
}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value.is_integer():  # a count that pandas keeps as a float
            return f"{value:,.0f}"
        return "unknown" if math.isnan(value) else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
    return "unknown" if value is None or value is pd.NA else str(value)


def _address(params: Mapping[str, str], **changed: str) -> str:
    return "explore?" + urlencode({**params, **changed})


PAGE = Page(
    name="explore",
    route="/explore",
    nav="Explore",
    view=view,
    parameters=PARAMETERS | {"chart", "y", "x", "group", "mark"},
)
