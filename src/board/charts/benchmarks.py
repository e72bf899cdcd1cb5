"""Charts of the benchmarks themselves: how far they agree, and whether each still tells models apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from src.board.charts.drawing import INKS, NOTHING, Chart, ChartChoice, empty, label, numbers, share
from src.core.errors import BadInputError
from src.core.statistics.health import benchmark_health, shared_signal
from src.core.suites import Suite

TITLE = "Benchmarks against one another"


def correlations(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return how far the benchmarks agree with one another about who is better (Pearson, on published scores)."""
    keys = [f"{benchmark.key}.score" for benchmark in suite.benchmarks if f"{benchmark.key}.score" in frame]
    titles = [label(suite, key) for key in keys]
    try:
        shared = shared_signal(frame[keys].to_numpy(dtype=float, na_value=np.nan))
    except BadInputError:
        return Chart("correlations", TITLE, NOTHING, lambda: empty(None, None), pd.DataFrame())
    table = pd.DataFrame(shared.correlation, index=titles, columns=titles).rename_axis("benchmark").reset_index()

    def draw() -> go.Figure:
        figure = empty(None, None)
        written = [[f"{value:.2f}".replace("-", "−") for value in line] for line in shared.correlation]
        # one hue for the strength, light enough for the page's ink upon it in both themes; the sign is written
        colours = [[0, "rgba(0,114,178,0.03)"], [1, "rgba(0,114,178,0.5)"]]
        figure.add_trace(
            go.Heatmap(
                z=np.abs(shared.correlation).round(3), x=titles, y=titles, zmin=0, zmax=1, colorscale=colours,
                showscale=False, text=written, texttemplate="%{text}", xgap=2, ygap=2,
                hovertemplate="%{y} and %{x}: %{text}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_xaxes(showgrid=False)
        figure.update_yaxes(autorange="reversed", showgrid=False)
        return figure

    sentence = (
        f"Over {shared.models:,} models one common direction carries {share(shared.first_component)} of the "
        f"differences between models: the {len(keys)} benchmarks amount to about {shared.participation:.1f} "
        "separate things."
    )
    return Chart("correlations", TITLE, sentence, draw, table)


def health(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return whether each benchmark still tells models apart: reliability, models at chance, ties with its best."""
    found = {}
    for benchmark in suite.benchmarks:
        score, se, chance = (f"{benchmark.key}.{part}" for part in ("score", "se", "at_chance"))
        if score not in frame or not frame[score].notna().any():
            continue
        sign = 1 if benchmark.higher_is_better else -1
        marks = frame[chance].fillna(False).to_numpy(bool) if chance in frame else None
        known = benchmark_health(sign * numbers(frame, score), numbers(frame, se) if se in frame else None, marks)
        found[benchmark.title] = known
    rows = {title: each for title, each in found.items() if each.reliability is not None}
    if not rows:
        return Chart("health", "Health of the benchmarks", NOTHING, lambda: empty(None, "Reliability"), pd.DataFrame())
    # the best itself is one of those that are not distinguishable from it
    tied = {title: max(0, (each.ties_with_best or 1) - 1) for title, each in rows.items()}

    def draw() -> go.Figure:
        figure = empty(None, "Reliability")
        words = [f"{share(each.floor)} at chance<br>{tied[title]:,} tied with the best" for title, each in rows.items()]
        figure.add_trace(
            go.Bar(
                x=[each.reliability for each in rows.values()], y=list(rows), orientation="h",
                marker={"color": INKS[0]}, text=words, textposition="inside", insidetextanchor="start",
                textfont={"color": "#ffffff"}, textangle=0, constraintext="none",
                hovertemplate="%{y}: reliability %{x:.3f}, %{text}<extra></extra>",
            )
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed", showgrid=False)
        figure.update_xaxes(range=[0, 1])
        return figure

    reliable = max(rows, key=lambda title: rows[title].reliability or 0)
    floor = max(rows, key=lambda title: rows[title].floor)
    most = max(tied, key=lambda title: tied[title])
    sentence = (
        f"{reliable} tells these models apart best: {rows[reliable].reliability:.3f} of its differences is not chance. "
        f"On {floor}, {share(rows[floor].floor)} of models are not distinguishable from guessing; "
        f"on {most}, {tied[most]:,} are not distinguishable from the best."
    )
    table = pd.DataFrame([{"benchmark": title, **vars(each)} for title, each in rows.items()])
    return Chart("health", "Health of the benchmarks", sentence, draw, table)
