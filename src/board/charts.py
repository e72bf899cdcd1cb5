"""The charts of the Explore page: a frame in, a figure, the sentence that says what it shows, and its numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from src.board.columns import SIZES, TYPES
from src.core.errors import BadInput
from src.core.statistics.health import benchmark_health, shared_signal
from src.core.statistics.pareto import pareto_front
from src.core.suites import Suite

INKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7f00", "#7f7f7f")  # Okabe and Ito, 2008
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "hexagon")
MOST_POINTS_AS_SVG = 6_000  # past this the browser draws them with WebGL
MOST_GROUPS = 12

COSTS = {  # what it is called, its unit, and how to say that nothing on the front is beaten
    "params_b": ("Parameters", "B", "no smaller or equal model"),
    "co2_kg": ("CO₂ of the evaluation", "kg", "no model that emitted as little or less"),
    "price": ("Price", "$ per M tokens", "no model as cheap or cheaper"),
}
GROUPS = {"model_type": "type", "family": "family", "precision": "precision", "architecture": "architecture"}


@dataclass(frozen=True)
class Chart:
    """What the page shows of one question asked of the table; the figure carries each point's row id as customdata."""

    key: str
    title: str
    sentence: str  # what it shows, with its numbers: also what a screen reader reads
    figure: go.Figure
    table: pd.DataFrame  # the numbers behind it, as offered for download


@dataclass(frozen=True)
class Ask:
    """What the reader chose beside the chart."""

    score: str = "average"  # a score column of the frame: "average" or "<benchmark>.score"
    cost: str = "params_b"  # a key of COSTS
    group: str = "model_type"  # a key of GROUPS


def score_against_cost(frame: pd.DataFrame, suite: Suite, ask: Ask) -> Chart:
    """Every model by what it costs and what it scores, with the front of those that nothing cheaper beats."""
    name, unit, others = COSTS[ask.cost]
    known = _known(frame, [ask.cost, ask.score])
    front = pareto_front(_numbers(known, ask.cost), _numbers(known, ask.score))
    best = known.iloc[front.rows]
    rows = known[_numbers(known, ask.cost) > 0]
    left_out = len(frame) - len(rows)
    figure = _figure(_label(suite, ask.score), f"{name} ({unit}, logarithmic)", log=True)
    if rows.empty:
        return Chart("cost", f"Score against {name.lower()}", NOTHING, figure, rows)
    points = go.Scattergl if len(rows) > MOST_POINTS_AS_SVG else go.Scatter
    for ink, shape, (kind, part) in zip(INKS, SHAPES, _groups(rows, "model_type", len(INKS)), strict=False):
        marker = {"color": ink, "symbol": shape, "size": 7, "opacity": 0.6}
        figure.add_trace(
            _points(
                points,
                part,
                ask.cost,
                ask.score,
                name=TYPES[kind].title if kind in TYPES else kind,
                mode="markers",
                marker=marker,
            )
        )
    line = {"width": 2, "shape": "hv"}  # in the page's ink: it is no type of model
    style = {"name": "front", "mode": "lines+markers", "line": line, "meta": "ink"}
    figure.add_trace(_points(go.Scatter, best, ask.cost, ask.score, **style))
    sentence = (
        f"{len(best)} of {len(rows):,} models are on the front: {others} scores as high. "
        f"It runs from {_said(best.iloc[0], ask, unit)} to {_said(best.iloc[-1], ask, unit)}. "
        + (f"Left out, for want of a known value: {left_out:,}." if left_out else "")
    )
    table = rows[["id", "model", "precision", ask.cost, ask.score]].assign(on_front=rows.index.isin(best.index))
    return Chart("cost", f"Score against {name.lower()}", sentence.strip(), figure, table)


def best_over_time(frame: pd.DataFrame, suite: Suite, ask: Ask) -> Chart:
    """The best score known at each date, one line a size class."""
    rows = _known(frame, ["submission_date", "params_b", ask.score]).sort_values("submission_date", kind="stable")
    figure = _figure(_label(suite, ask.score), "Date of submission")
    steps, words = [], []
    for ink, size in zip(INKS, SIZES, strict=False):
        part = rows[rows["params_b"].between(size.low or 0, size.high or np.inf, inclusive="left")]
        leaders = part[part[ask.score] > part[ask.score].cummax().shift(fill_value=-np.inf)]
        if leaders.empty:
            continue
        line = {"color": ink, "width": 2, "shape": "hv"}
        figure.add_trace(
            _points(go.Scatter, leaders, "submission_date", ask.score, name=size.words, mode="lines+markers", line=line)
        )
        steps.append(leaders.assign(size=size.words))
        first, last = leaders.iloc[0], leaders.iloc[-1]
        words.append(f"{size.words} from {first[ask.score]:.1f} to {last[ask.score]:.1f} ({last['model']})")
    table = pd.concat(steps)[["size", "submission_date", "id", "model", ask.score]] if steps else rows.head(0)
    sentence = f"The best {_label(suite, ask.score)} at each date: {'; '.join(words)}." if words else NOTHING
    return Chart("time", "Best over time by size", sentence, figure, table)


def spread(frame: pd.DataFrame, suite: Suite, ask: Ask) -> Chart:
    """How scores are distributed within each type, family, precision or architecture."""
    rows = _known(frame, [ask.group, ask.score])
    parts = [(name, part) for name, part in _groups(rows, ask.group, MOST_GROUPS) if len(part)]
    parts.sort(key=lambda named: -named[1][ask.score].median())
    figure = _figure(_label(suite, ask.score), None)
    for name, part in parts:
        box = {"line": {"color": INKS[0], "width": 1.5}, "marker": {"size": 4, "opacity": 0.5}}
        figure.add_trace(
            go.Box(y=part[ask.score], name=f"{name} ({len(part)})", text=part["model"], customdata=part["id"], **box)
        )
    figure.update_layout(showlegend=False)
    table = rows.groupby(ask.group, observed=True)[ask.score].describe().reset_index()
    sentence = (
        f"Median {_label(suite, ask.score)} by {GROUPS[ask.group]}: "
        + ", ".join(f"{name} {part[ask.score].median():.1f}" for name, part in parts)
        + "."
        if parts
        else NOTHING
    )
    return Chart("spread", f"Distribution by {GROUPS[ask.group]}", sentence, figure, table)


def correlations(frame: pd.DataFrame, suite: Suite, ask: Ask) -> Chart:
    """How far the benchmarks agree with one another about who is better (Pearson, on published scores)."""
    keys = [f"{benchmark.key}.score" for benchmark in suite.benchmarks if f"{benchmark.key}.score" in frame]
    titles = [_label(suite, key) for key in keys]
    figure = _figure(None, None)
    try:
        shared = shared_signal(frame[keys].to_numpy(dtype=float, na_value=np.nan))
    except BadInput:
        return Chart("correlations", "Benchmarks against one another", NOTHING, figure, pd.DataFrame())
    table = pd.DataFrame(shared.correlation, index=titles, columns=titles).rename_axis("benchmark").reset_index()
    colours = [[0, "rgba(0,114,178,0.04)"], [1, "rgba(0,114,178,0.85)"]]  # one hue: none of these correlate negatively
    figure.add_trace(
        go.Heatmap(
            z=np.round(shared.correlation, 3), x=titles, y=titles, zmin=0, zmax=1, colorscale=colours,
            texttemplate="%{z:.2f}", hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    sentence = (
        f"Over {shared.models:,} models one common direction carries {shared.first_component:.0%} of the differences "
        f"between models: the {len(keys)} benchmarks amount to about {shared.participation:.1f} separate things."
    )
    return Chart("correlations", "Benchmarks against one another", sentence, figure, table)


def health(frame: pd.DataFrame, suite: Suite, ask: Ask) -> Chart:
    """Whether each benchmark still tells models apart: reliability, models at chance, ties with its best."""
    found = {}
    for benchmark in suite.benchmarks:
        score, se, chance = (f"{benchmark.key}.{part}" for part in ("score", "se", "at_chance"))
        if score not in frame or not frame[score].notna().any():
            continue
        sign = 1 if benchmark.higher_is_better else -1
        marks = frame[chance].fillna(False).to_numpy(bool) if chance in frame else None
        known = benchmark_health(sign * _numbers(frame, score), _numbers(frame, se) if se in frame else None, marks)
        found[benchmark.title] = known
    figure = _figure(None, "Reliability: share of the differences between models that is not chance")
    rows = {title: each for title, each in found.items() if each.reliability is not None}
    if not rows:
        return Chart("health", "Health of the benchmarks", NOTHING, figure, pd.DataFrame())
    words = [f"{each.floor:.0%} at chance, {each.ties_with_best} tied with the best" for each in rows.values()]
    figure.add_trace(
        go.Bar(
            x=[each.reliability for each in rows.values()], y=list(rows), orientation="h", marker={"color": INKS[0]},
            text=words, textposition="inside", insidetextanchor="start", textfont={"color": "#ffffff"},
            hovertemplate="%{y}: reliability %{x:.3f}, %{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(range=[0, 1])
    reliable = max(rows, key=lambda title: rows[title].reliability or 0)
    floor = max(rows, key=lambda title: rows[title].floor)
    tied = max(rows, key=lambda title: rows[title].ties_with_best or 0)
    sentence = (
        f"{reliable} tells these models apart best (reliability {rows[reliable].reliability:.3f}). "
        f"On {floor}, {rows[floor].floor:.0%} of models cannot be told from guessing; "
        f"on {tied}, {rows[tied].ties_with_best} cannot be told from the best."
    )
    table = pd.DataFrame([{"benchmark": title, **vars(each)} for title, each in rows.items()])
    return Chart("health", "Health of the benchmarks", sentence, figure, table)


def scaling(frame: pd.DataFrame, suite: Suite, ask: Ask) -> Chart:
    """Score by size within each family, base models only where their type is known."""
    rows = _known(frame, ["family", "params_b", ask.score])
    rows = rows[(rows["params_b"] > 0) & (rows["model_type"].isna() | (rows["model_type"] == "pretrained"))]
    figure = _figure(_label(suite, ask.score), "Parameters (B, logarithmic)", log=True)
    best = rows.sort_values(ask.score).drop_duplicates(["family", "params_b"], keep="last").sort_values("params_b")
    sizes = best.groupby("family")["params_b"].nunique()
    families = sizes[sizes > 1].sort_values(ascending=False, kind="stable").index[: len(INKS)]
    words = []
    for ink, shape, family in zip(INKS, SHAPES, families, strict=False):
        part = best[best["family"] == family]
        style = {"line": {"color": ink, "width": 2}, "marker": {"symbol": shape, "size": 8}}
        figure.add_trace(
            _points(go.Scatter, part, "params_b", ask.score, name=str(family), mode="lines+markers", **style)
        )
        gain = np.polyfit(np.log10(part["params_b"].astype(float)), part[ask.score].astype(float), 1)[0]
        words.append(f"{family} {gain:+.1f}")
    sentence = f"Points of {_label(suite, ask.score)} for ten times the size: {', '.join(words)}." if words else NOTHING
    table = best[best["family"].isin(families)][["family", "id", "model", "params_b", ask.score]]
    return Chart("scaling", "Scaling by family", sentence, figure, table)


NOTHING = "Too few of the models shown have the numbers this chart needs. Relax a filter to see more."

CHARTS: Mapping[str, Callable[[pd.DataFrame, Suite, Ask], Chart]] = {
    "cost": score_against_cost,
    "time": best_over_time,
    "spread": spread,
    "correlations": correlations,
    "health": health,
    "scaling": scaling,
}

TITLES = {
    "cost": "Score against cost",
    "time": "Best over time",
    "spread": "Distribution",
    "correlations": "Correlations",
    "health": "Health",
    "scaling": "Scaling",
}


def _known(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    if missing := [column for column in columns if column not in frame]:
        return frame.head(0).reindex(columns=[*frame.columns, *missing])
    return frame.dropna(subset=columns)


def _numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    return rows[column].to_numpy(dtype=float, na_value=np.nan)


def _groups(rows: pd.DataFrame, column: str, most: int) -> list[tuple[str, pd.DataFrame]]:
    """The rows by value of `column`, commonest first; what does not fit into `most` groups is "other"."""
    values = rows[column].astype("string").fillna("unknown")
    common = values.value_counts().index.tolist()
    kept = common if len(common) <= most else common[: most - 1]
    parts = [(str(value), rows[values == value]) for value in kept]
    if len(kept) < len(common):
        parts.append(("other", rows[~values.isin(kept)]))
    return parts


def _points(kind: type, rows: pd.DataFrame, x: str, y: str, **style: object) -> go.Scatter:
    hover = "%{text}<br>%{y:.2f} at %{x}"
    text = rows["model"].map(_plain)
    return kind(x=rows[x], y=rows[y], text=text, customdata=rows["id"], hovertemplate=hover, **style)


def _plain(text: str) -> str:
    """A name as plotly shows it literally: its labels read a small HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _figure(y: str | None, x: str | None, log: bool = False) -> go.Figure:
    """An empty figure without colours of its own for paper, grid and text: the page's tokens give them."""
    figure = go.Figure()
    clear = "rgba(0,0,0,0)"
    figure.update_layout(
        template="none", paper_bgcolor=clear, plot_bgcolor=clear, margin={"l": 56, "r": 16, "t": 16, "b": 52},
        hovermode="closest", legend={"orientation": "h", "y": 1.08, "x": 0}, autosize=True,
    )  # fmt: skip
    figure.update_xaxes(title=x, zeroline=False, type="log" if log else None, automargin=True)
    figure.update_yaxes(title=y, zeroline=False, automargin=True)
    return figure


def _label(suite: Suite, score: str) -> str:
    if score == "average":
        return "average"
    return next((b.title for b in suite.benchmarks if score == f"{b.key}.score"), score)


def _said(row: pd.Series, ask: Ask, unit: str) -> str:
    return f"{row['model']} ({row[ask.cost]:g} {unit}, {row[ask.score]:.1f})"
