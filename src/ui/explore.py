"""The Explore page: one large chart, the sentence that says what it shows, and its controls; drawn when it is seen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from src.board import links
from src.board.charts import CHARTS, COSTS, GROUPS, TITLES, Ask, Chart
from src.board.downloads import to_csv
from src.board.payload import encode
from src.board.per_frame import per_frame
from src.board.query import Query, run
from src.board.snapshot import Board, Snapshot
from src.core import suites
from src.settings import Settings
from src.ui import assets
from src.ui.html import h, join
from src.ui.page import Page, View, Visit, snapshot_of
from src.ui.table import answer

FIGURE = "explore/figure"
PLOTLY = "explore/plotly.js"

# Which controls each chart answers to: parameter → (label, choices by value)
CONTROLS = {"cost": ("y", "x"), "time": ("y",), "spread": ("y", "group"), "scaling": ("y",)}


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The chart that the address asks for: its words at once, its picture when the script has drawn it."""
    snapshot = snapshot_of(board, visit.query)
    key = _key(visit.query)
    chart = _chart(snapshot, visit.query)
    query = Query.parse(visit.query)
    body = h(
        "article",
        {"class": "lb-wide lb-explore", "data-explore": True, "data-plotly": PLOTLY, "data-figure": FIGURE},
        h("h1", {}, "Explore"),
        _tabs(key, visit.query),
        _controls(snapshot, key, visit.query),
        _filters(query),
        h(
            "figure",
            {"class": "lb-chart", "aria-labelledby": "lb-chart-title lb-chart-words"},
            h(
                "figcaption",
                {},
                h("h2", {"id": "lb-chart-title"}, chart.title),
                h("p", {"id": "lb-chart-words", "aria-live": "polite"}, chart.sentence),
            ),
            h("div", {"class": "lb-plot", "aria-hidden": "true"}),
            _downloads(visit.query),
        ),
        _numbers(chart.table, snapshot.suite.name),
    )
    head = join(
        h("link", {"rel": "stylesheet", "href": assets.url("explore/explore.css")}),
        h("script", {"type": "module", "src": assets.url("explore/explore.js")}),
    )
    return View("Explore", body, head, description=chart.sentence)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """The chart of a view as a figure, and as CSV; and the library that draws it, out of the installed package."""

    def figure(request: Request) -> Response:
        params = links.first(request.query_params.multi_items())
        snapshot = snapshot_of(board, params)
        chart = _chart(snapshot, params)
        drawn = json.loads(chart.figure.to_json())
        words = {
            "title": chart.title,
            "sentence": chart.sentence,
            "numbers": _numbers(chart.table, snapshot.suite.name),
        }
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
    ask = Ask(
        score=_one(params.get("y"), scores),
        cost=_one(params.get("x"), _costs(snapshot)),
        group=_one(params.get("group"), GROUPS),
    )
    return _drawn(snapshot.frame, snapshot.suite.name, Query.parse(params), _key(params), ask)


@per_frame(64)
def _drawn(frame: pd.DataFrame, suite: str, query: Query, key: str, ask: Ask) -> Chart:
    return CHARTS[key](frame.iloc[run(frame, query).rows], suites.load(suite), ask)


def _scores(snapshot: Snapshot) -> dict[str, str]:
    averaged = {"average": "Average"} if snapshot.suite.aggregation != "none" else {}
    return averaged | {f"{benchmark.key}.score": benchmark.title for benchmark in snapshot.suite.benchmarks}


def _costs(snapshot: Snapshot) -> dict[str, str]:
    """What the board knows of any model; a price only where a table told one."""
    held = {cost: name for cost, (name, *_) in COSTS.items() if _is_told(snapshot.frame, cost)}
    return held or {"params_b": COSTS["params_b"][0]}


def _is_told(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and bool(frame[column].notna().any())


def _one(value: str | None, choices: Mapping[str, Any]) -> str:
    return value if value is not None and value in choices else next(iter(choices))


def _tabs(key: str, params: Mapping[str, str]) -> Markup:
    links = [
        h(
            "a",
            {"href": _address(params, chart=each), "aria-current": "page" if each == key else None, "data-chart": each},
            title,
        )
        for each, title in TITLES.items()
    ]
    return h("nav", {"class": "lb-tabs", "aria-label": "Charts"}, links)


def _controls(snapshot: Snapshot, key: str, params: Mapping[str, str]) -> Markup:
    choices: dict[str, tuple[str, Mapping[str, str]]] = {
        "y": ("Score", _scores(snapshot)),
        "x": ("Against", _costs(snapshot)),
        "group": ("By", {group: word.capitalize() for group, word in GROUPS.items()}),
    }
    selects = []
    for name in CONTROLS.get(key, ()):
        label, options = choices[name]
        chosen = _one(params.get(name), options)
        drawn = [h("option", {"value": value, "selected": value == chosen}, text) for value, text in options.items()]
        selects.append(h("label", {}, label, " ", h("select", {"name": name, "data-ask": True}, drawn)))
    return h("div", {"class": "lb-asks"}, selects) if selects else Markup("")


def _filters(query: Query) -> Markup:
    """The table's filters, carried over: what they are, and the way back to change them."""
    params = {name: value for name, value in query.to_params().items() if name not in NOT_FILTERS}
    if not params:
        return Markup("")
    chips = [h("li", {}, f"{FILTER_WORDS.get(name, name)}: {value}") for name, value in params.items()]
    change = h("a", {"href": "./?" + urlencode(query.to_params())}, "change")
    return h("div", {"class": "lb-carried"}, h("ul", {"aria-label": "Filters of the table"}, chips), change)


NOT_FILTERS = {"columns", "sort", "pinned", "score", "rank", "average", "suite"}
FILTER_WORDS = {"q": "search", "params": "billions of parameters", "types": "type", "license": "licence"}


def _downloads(params: Mapping[str, str]) -> Markup:
    return h(
        "p",
        {"class": "lb-downloads"},
        h("button", {"type": "button", "data-picture": "png"}, "PNG"),
        h("button", {"type": "button", "data-picture": "svg"}, "SVG"),
        h("a", {"href": f"{FIGURE}.csv?{urlencode(params)}", "data-csv": True, "download": True}, "CSV"),
    )


@per_frame(32)
def _numbers(numbers: pd.DataFrame, suite: str) -> Markup:
    """A chart's numbers as a table, for whoever does not see it; long ones are for the CSV, which has the ids too."""
    table = numbers.head(LONGEST).drop(columns="id", errors="ignore")
    kinds = [{"class": "lb-num"} if pd.api.types.is_numeric_dtype(kind) else {} for kind in table.dtypes]
    titles = HEADS | {f"{each.key}.score": each.title for each in suites.load(suite).benchmarks}
    rows = [
        h("tr", {}, [h("td", kind, _cell(value)) for kind, value in zip(kinds, row, strict=True)])
        for row in table.itertuples(index=False)
    ]
    top = [
        h("th", {"scope": "col", **kind}, titles.get(str(name), str(name)))
        for kind, name in zip(kinds, table.columns, strict=True)
    ]
    more = f", the first {LONGEST} here)" if len(numbers) > LONGEST else ")"
    words = f"The numbers ({len(numbers):,} rows" + more
    return h(
        "details",
        {"class": "lb-numbers"},
        h("summary", {}, words),
        h(
            "div",
            {"class": "lb-scroll", "tabindex": "0", "role": "region", "aria-label": "The numbers"},
            h("table", {}, h("thead", {}, h("tr", {}, top)), h("tbody", {}, rows)),
        ),
    )


LONGEST = 200  # rows of the table below a chart
HEADS = {
    "params_b": "parameters, B",
    "co2_kg": "CO₂, kg",
    "price": "$ per M tokens",
    "model_type": "type",
    "submission_date": "submitted",
    "on_front": "on the front",
    "floor": "share at chance",
    "ties_with_best": "not told from the best",
}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "unknown" if math.isnan(value) else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
    return "unknown" if value is None or value is pd.NA else str(value)


def _address(params: Mapping[str, str], **changed: str) -> str:
    return "explore?" + urlencode({**params, **changed})


PAGE = Page(name="explore", route="/explore", nav="Explore", view=view)
