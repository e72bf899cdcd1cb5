"""Charts of the models: score against what they cost, over time, by kind, and by size within a family."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from src.board.charts.drawing import (
    INKS,
    NOTHING,
    SHAPES,
    Chart,
    ChartChoice,
    add_baselines,
    axis,
    baseline_words,
    empty,
    known,
    label,
    numbers,
    plain,
    sign,
)
from src.board.table.columns import SIZES, TYPES
from src.core.statistics.pareto import pareto_front
from src.core.suites import Suite

MOST_POINTS_AS_SVG = 6_000  # past this the browser draws them with WebGL
MOST_GROUPS = 12
FEW = 8  # a group of so few is drawn as its points: a box would say more than they know
ALIKE = np.log10(1.15)  # sizes this close are one size

COSTS = {  # what it is called, its unit, and how to say that nothing on the front is beaten
    "params_b": ("Parameters", "B", "no smaller or equal model"),
    "co2_kg": ("CO₂ of the evaluation", "kg", "no model that emitted as little or less"),
    "price": ("Price", "$ per M tokens", "no model as cheap or cheaper"),
}
GROUPS = {"model_type": "type", "family": "family", "precision": "precision", "architecture": "architecture"}


def score_against_cost(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return every model by what it costs and what it scores, with the front of those that nothing cheaper beats."""
    name, unit, others = COSTS[ask.cost]
    title = f"Score against {name if name.startswith('CO₂') else name.lower()}"
    up = sign(suite, ask.score)
    rows = known(frame, [ask.cost, ask.score])
    front = pareto_front(numbers(rows, ask.cost), up * numbers(rows, ask.score))
    best = rows.iloc[front.rows]
    rows = rows[numbers(rows, ask.cost) > 0]
    left_out = len(frame) - len(rows)
    title_x = f"{name} ({unit}, logarithmic)"
    if rows.empty:
        return Chart("cost", title, NOTHING, lambda: empty(axis(suite, ask.score), title_x, log=True), rows)

    def draw() -> go.Figure:
        figure = empty(axis(suite, ask.score), title_x, log=True)
        points = go.Scattergl if len(rows) > MOST_POINTS_AS_SVG else go.Scatter
        for ink, shape, (kind, part) in zip(INKS, SHAPES, _groups(rows, "model_type", len(INKS)), strict=False):
            style = {"mode": "markers", "marker": {"color": ink, "symbol": shape, "size": 7, "opacity": 0.6}}
            figure.add_trace(_points(points, part, ask.cost, ask.score, name=_kind(kind), **style))
        line = {"width": 2, "shape": "hv"}  # in the page's ink: it is no type of model
        style = {"name": "front", "mode": "lines+markers", "line": line, "meta": "ink"}
        figure.add_trace(_points(go.Scatter, best, ask.cost, ask.score, **style))
        add_baselines(figure, suite, ask.score)
        return figure

    sentence = (
        f"{len(best)} of {len(rows):,} models are on the front: {others} scores as {'high' if up > 0 else 'low'}. "
        f"It runs from {_said(best.iloc[0], ask, unit)} to {_said(best.iloc[-1], ask, unit)}."
        + (f" Left out because a value is unknown: {left_out:,}." if left_out else "")
        + baseline_words(suite, ask.score)
    )
    table = rows[["id", "model", "precision", ask.cost, ask.score]].assign(on_front=rows.index.isin(best.index))
    return Chart("cost", title, sentence, draw, table)


def best_over_time(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return the best score known at each date, one line a size class, each drawn to the last date there is."""
    up = sign(suite, ask.score)
    rows = known(frame, ["submission_date", "params_b", ask.score]).sort_values("submission_date", kind="stable")
    drawn: list[tuple[str, str, str, pd.DataFrame]] = []
    steps, words = [], []
    for ink, shape, size in zip(INKS, SHAPES, SIZES, strict=False):
        part = rows[rows["params_b"].between(size.low or 0, size.high or np.inf, inclusive="left")]
        reached = up * part[ask.score]
        leaders = part[reached > reached.cummax().shift(fill_value=-np.inf)]
        if leaders.empty:
            continue
        drawn.append((ink, shape, size.words, leaders))
        steps.append(leaders.assign(size=size.words))
        first, last = leaders.iloc[0], leaders.iloc[-1]
        words.append(f"{size.words} from {first[ask.score]:.1f} to {last[ask.score]:.1f} ({last['model']})")

    def draw() -> go.Figure:
        figure = empty(axis(suite, ask.score), "Date of submission")
        for ink, shape, name, leaders in drawn:
            until_now = leaders.tail(1).assign(submission_date=rows["submission_date"].iloc[-1])
            sizes = [7] * len(leaders) + [0]  # nothing happened on the last date
            marker = {"symbol": shape, "color": ink, "size": sizes}
            style = {"mode": "lines+markers", "line": {"color": ink, "width": 2, "shape": "hv"}, "marker": marker}
            part = pd.concat([leaders, until_now])
            figure.add_trace(_points(go.Scatter, part, "submission_date", ask.score, name=name, **style))
        if drawn:
            days = pd.to_datetime(rows["submission_date"])
            margin = max(pd.Timedelta(days=4), (days.max() - days.min()) * 0.03)  # a single day is no axis
            figure.update_xaxes(range=[days.min() - margin, days.max() + margin], tickformat="%Y-%m-%d")
            add_baselines(figure, suite, ask.score)
        return figure

    table = pd.concat(steps)[["size", "submission_date", "id", "model", ask.score]] if steps else rows.head(0)
    sentence = f"The best {label(suite, ask.score)} at each date: {'; '.join(words)}." if words else NOTHING
    sentence += baseline_words(suite, ask.score) if words else ""
    return Chart("time", "Best over time by size", sentence, draw, table)


def spread(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return how scores are distributed within each type, family, precision or architecture, the best group first."""
    up = sign(suite, ask.score)
    rows = known(frame, [ask.group, ask.score])
    parts = [(_kind(name), part) for name, part in _groups(rows, ask.group, MOST_GROUPS) if len(part)]
    parts.sort(key=lambda named: -up * named[1][ask.score].median())

    def draw() -> go.Figure:
        figure = empty(axis(suite, ask.score), None)
        for name, part in parts:
            marker = {"size": 5, "opacity": 0.5, "color": INKS[0]}
            box: dict[str, object] = {"line": {"color": INKS[0], "width": 1.5}, "marker": marker}
            if len(part) < FEW:
                clear = "rgba(0,0,0,0)"
                box |= {"boxpoints": "all", "jitter": 0.3, "pointpos": 0, "fillcolor": clear, "line": {"color": clear}}
            texts = {"text": part["model"].map(plain), "customdata": part["id"]}
            figure.add_trace(go.Box(y=part[ask.score], name=f"{plain(name)} ({len(part):,})", **texts, **box))
        figure.update_layout(showlegend=False)
        figure.update_xaxes(showgrid=False)
        if parts:
            add_baselines(figure, suite, ask.score)
        return figure

    table = rows.groupby(ask.group, observed=True)[ask.score].describe().reset_index()
    title = f"Distribution by {GROUPS[ask.group]}"
    if not parts:
        return Chart("spread", title, NOTHING, draw, table)
    medians = ", ".join(f"{name} {part[ask.score].median():.1f}" for name, part in parts)
    sentence = f"Median {label(suite, ask.score)} by {GROUPS[ask.group]}: {medians}."
    return Chart("spread", title, sentence + baseline_words(suite, ask.score), draw, table)


def scaling(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return the best base model of each size, and a line through them by least squares, one of each a family.

    Base models are recognised by their type; on a board without types, every model counts.
    """
    up = sign(suite, ask.score)
    rows = known(frame, ["family", "params_b", ask.score])
    rows = rows[rows["params_b"] > 0]
    if (rows["model_type"] == "pretrained").any():
        rows = rows[rows["model_type"] == "pretrained"]
    rows = rows.assign(size=(np.log10(numbers(rows, "params_b")) / ALIKE).round(), reached=up * rows[ask.score])
    best = rows.sort_values("reached").drop_duplicates(["family", "size"], keep="last").sort_values("params_b")
    sizes = best.groupby("family")["size"].nunique()
    families = sizes[sizes > 1].sort_values(ascending=False, kind="stable").index[: len(INKS)]
    lines = []
    for family in families:
        part = best[best["family"] == family]
        gain, start = np.polyfit(np.log10(numbers(part, "params_b")), numbers(part, ask.score), 1)
        lines.append((str(family), part, gain, start))
    words = [f"{family} {f'{gain:+.1f}'.replace('-', '−')}" for family, _, gain, _ in lines]

    def draw() -> go.Figure:
        figure = empty(axis(suite, ask.score), "Parameters (B, logarithmic)", log=True)
        for ink, shape, (family, part, gain, start) in zip(INKS, SHAPES, lines, strict=False):
            ends, group = numbers(part, "params_b")[[0, -1]], {"legendgroup": family, "name": plain(family)}
            line = {"mode": "lines", "line": {"color": ink, "width": 2}, "hoverinfo": "skip", "showlegend": False}
            figure.add_trace(go.Scatter(x=ends, y=gain * np.log10(ends) + start, **line, **group))
            marker = {"symbol": shape, "size": 8, "color": ink}
            figure.add_trace(_points(go.Scatter, part, "params_b", ask.score, mode="markers", marker=marker, **group))
        if lines:
            add_baselines(figure, suite, ask.score)
        return figure

    sentence = (
        f"Points of {label(suite, ask.score)} for ten times the size: {', '.join(words)}. Each line is the straight "
        "one nearest to the best base models of its family." + baseline_words(suite, ask.score)
        if words
        else NOTHING
    )
    table = best[best["family"].isin(families)][["family", "id", "model", "params_b", ask.score]]
    return Chart("scaling", "Scaling by family", sentence, draw, table)


def _kind(name: str) -> str:
    """Return a type in the words of the table; any other group as it is called."""
    return TYPES[name].title if name in TYPES else name


def _groups(rows: pd.DataFrame, column: str, most: int) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows by value of `column`, commonest first; what does not fit into `most` groups is "other"."""
    values = rows[column].astype("string").fillna("unknown")
    common = values.value_counts().index.tolist()
    kept = common if len(common) <= most else common[: most - 1]
    parts = [(str(value), rows[values == value]) for value in kept]
    if len(kept) < len(common):
        parts.append(("other", rows[~values.isin(kept)]))
    return parts


def _points(kind: type, rows: pd.DataFrame, x: str, y: str, **style: object) -> go.Scatter:
    text = rows["model"].map(plain)
    hover = "%{text}<br>%{y:.2f} at %{x}"
    return kind(x=rows[x], y=rows[y], text=text, customdata=rows["id"], hovertemplate=hover, **style)


def _said(row: pd.Series, ask: ChartChoice, unit: str) -> str:
    return f"{row['model']} ({row[ask.cost]:.3g} {unit}, {row[ask.score]:.1f})"
