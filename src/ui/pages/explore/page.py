"""The Explore page: one large chart, the sentence that says what it shows, and its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pandas as pd
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.audit import sizes_in_doubt
from src.board.charts import CHARTS, COSTS, GROUPS, OF_BENCHMARKS, OF_MODELS, TITLES, Chart, ChartChoice
from src.board.exports.csv_parquet import to_csv
from src.board.live.per_frame import per_frame
from src.board.live.snapshot import Board, Snapshot
from src.board.table import url as links
from src.board.table.payload import encode
from src.board.table.query import HIDDEN, Query, of_page, run
from src.board.table.url import PARAMETERS
from src.core import suites
from src.settings import Settings
from src.ui.web.files import answer
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

FIGURE = "explore/figure"
PLOTLY = "explore/plotly.js"

# the parameters that each chart has controls for
CONTROLS = {"cost": ("y", "x"), "time": ("y",), "spread": ("y", "group"), "scaling": ("y",)}


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the chart that the address names: its words at once, its picture when the script has drawn it."""
    snapshot = snapshot_of(board, visit.query)
    key = _key(visit.query)
    chart = _chart(snapshot, visit.query)
    body = render(
        "explore/page.html",
        plotly=PLOTLY,
        figure=FIGURE,
        tabs=[
            {"key": each, "title": title, "address": _address(visit.query, chart=each), "is_open": each == key}
            for each, title in TITLES.items()
        ],
        controls=_controls(snapshot, key, visit.query),
        filters=_filters(of_page(visit.query)),
        chart=chart,
        csv=f"{FIGURE}.csv?{urlencode(visit.query)}",
        numbers=_numbers(chart.table, snapshot.suite.name),
    )
    head = render("explore/head.html")
    return View("Explore", body, head, description=chart.sentence, allows_inline_styles=True)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the routes of a chart as a figure and as CSV, and of the library that draws it, from its package."""

    def figure(request: Request) -> Response:
        params = links.first(request.query_params.multi_items())
        snapshot = snapshot_of(board, params)
        chart = _chart(snapshot, params)
        words = {
            "title": chart.title,
            "sentence": chart.sentence,
            "numbers": _numbers(chart.table, snapshot.suite.name),
        }
        drawn = orjson.Fragment(chart.figure.to_json())
        return answer(encode(words | {"figure": drawn}), request, "no-cache")

    def numbers(request: Request) -> Response:
        params = links.first(request.query_params.multi_items())
        chart = _chart(snapshot_of(board, params), params)
        return Response(
            to_csv(chart.table),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{chart.key}.csv"'},
        )

    def plotly(request: Request) -> Response:
        import plotly

        path = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        return FileResponse(path, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})

    return [
        Route(f"/{FIGURE}.json", figure, methods=["GET"]),
        Route(f"/{FIGURE}.csv", numbers, methods=["GET"]),
        Route(f"/{PLOTLY}", plotly, methods=["GET"]),
    ]


def _key(params: Mapping[str, str]) -> str:
    return params.get("chart", "") if params.get("chart") in CHARTS else next(iter(CHARTS))


def _chart(snapshot: Snapshot, params: Mapping[str, str]) -> Chart:
    scores = _scores(snapshot)
    choice = ChartChoice(
        score=_one(params.get("y"), scores),
        cost=_one(params.get("x"), _costs(snapshot)),
        group=_one(params.get("group"), GROUPS),
    )
    return _drawn(snapshot.frame, snapshot.suite.name, of_page(params), _key(params), choice)


@per_frame(64)
def _drawn(frame: pd.DataFrame, suite: str, query: Query, key: str, choice: ChartChoice) -> Chart:
    used = [column for column in frame if column in {*OF_MODELS, *vars(choice).values()}]
    if key in OF_BENCHMARKS:
        used = [column for column in frame if column.endswith((".score", ".se", ".at_chance"))]
    rows = frame[used].iloc[run(frame, query).rows]
    if key in ("time", "scaling") or (key == "cost" and choice.cost == "params_b"):
        doubtful = rows["id"].isin(sizes_in_doubt(frame).keys())
        chart = CHARTS[key](rows[~doubtful], suites.load(suite), choice)
        words = f" Left out because its size contradicts its name, base or packing: {doubtful.sum():,}."
        return replace(chart, sentence=chart.sentence + words) if doubtful.any() else chart
    return CHARTS[key](rows, suites.load(suite), choice)


def _scores(snapshot: Snapshot) -> dict[str, str]:
    averaged = {"average": "Average"} if snapshot.suite.aggregation != "none" else {}
    return averaged | {f"{benchmark.key}.score": benchmark.title for benchmark in snapshot.suite.benchmarks}


def _costs(snapshot: Snapshot) -> dict[str, str]:
    """Return the costs that the board knows of any model; a price only if a table has one."""
    held = {cost: COSTS[cost][0] for cost in _known_costs(snapshot.frame)}
    return held or {"params_b": COSTS["params_b"][0]}


@per_frame(12)
def _known_costs(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(cost for cost in COSTS if cost in frame and frame[cost].notna().any())


def _one(value: str | None, choices: Mapping[str, Any]) -> str:
    return value if value is not None and value in choices else next(iter(choices))


def _controls(snapshot: Snapshot, key: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the controls of a chart, each with its options and the one that the address chooses."""
    choices: dict[str, tuple[str, Mapping[str, str]]] = {
        "y": ("Score", _scores(snapshot)),
        "x": ("Against", _costs(snapshot)),
        "group": ("By", {group: word.capitalize() for group, word in GROUPS.items()}),
    }
    return [
        {"name": name, "label": label, "options": list(options.items()), "chosen": _one(params.get(name), options)}
        for name in CONTROLS.get(key, ())
        for label, options in (choices[name],)
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
    name="explore", route="/explore", nav="Explore", view=view, parameters=PARAMETERS | {"chart", "y", "x", "group"}
)
