"""What all charts share: what is asked and answered, inks that every eye tells apart, axes, baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from src.board.table.direction import is_higher_better
from src.core import exact
from src.core.suites import Suite

INKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7f00", "#7f7f7f")  # Okabe and Ito, 2008
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "hexagon")
NOTHING = "Too few of the models shown have the numbers this chart needs. Relax a filter to see more."


@dataclass(frozen=True)
class Chart:
    """What the page shows of one question asked of the table."""

    key: str
    title: str
    sentence: str  # what it shows, with its numbers: also what a screen reader reads
    draw: Callable[[], go.Figure]
    table: pd.DataFrame  # the numbers behind it, as offered for download

    @cached_property
    def figure(self) -> go.Figure:
        """The picture, drawn when it is asked for: a page shows its words first. Each point has its row's id."""
        return self.draw()


@dataclass(frozen=True)
class ChartChoice:
    """What the reader chose beside the chart."""

    score: str = "average"  # a score column of the frame: "average" or "<benchmark>.score"
    cost: str = "params_b"  # a key of COSTS
    group: str = "model_type"  # a key of GROUPS


def sign(suite: Suite, score: str) -> int:
    """1 if more of this score is better, −1 if less is."""
    return 1 if is_higher_better(suite, score) else -1


def label(suite: Suite, score: str) -> str:
    """Return what a sentence calls this score."""
    if score == "average":
        return "average"
    return next((b.title for b in suite.benchmarks if score == f"{b.key}.score"), score)


def axis(suite: Suite, score: str) -> str:
    """Return what the axis of this score is called."""
    name = label(suite, score)
    return name[:1].upper() + name[1:] + ("" if sign(suite, score) > 0 else " (lower is better)")


def known(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the rows that have all of `columns`; none if the frame lacks one."""
    if missing := [column for column in columns if column not in frame]:
        return frame.head(0).reindex(columns=[*frame.columns, *missing])
    return frame.dropna(subset=columns)


def numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as floats, NaN if unknown."""
    return rows[column].to_numpy(dtype=float, na_value=np.nan)


def share(value: float) -> str:
    """`74 %`."""
    return f"{100 * value:.0f} %"


def plain(text: str) -> str:
    """Return a name as plotly shows it literally: its labels read a small HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def empty(y: str | None, x: str | None, log: bool = False) -> go.Figure:
    """Return a figure without traces, and without colours of its own for paper, grid and text.

    The page's tokens give them.
    """
    figure = go.Figure()
    clear = "rgba(0,0,0,0)"
    figure.update_layout(
        template="none", paper_bgcolor=clear, plot_bgcolor=clear, margin={"l": 56, "r": 16, "t": 16, "b": 52},
        hovermode="closest", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, autosize=True,
    )  # fmt: skip
    figure.update_xaxes(title={"text": x, "standoff": 12}, zeroline=False, type="log" if log else None, automargin=True)
    figure.update_yaxes(title={"text": y, "standoff": 12}, zeroline=False, automargin=True)
    return figure


def baselines(suite: Suite, score: str) -> list[tuple[str, float]]:
    """Return the suite's baselines that have this score, and what they score."""
    held = [(each.title, _baseline(suite, each.scores, score)) for each in suite.baselines]
    return [(title, value) for title, value in held if value is not None]


def baseline_words(suite: Suite, score: str) -> str:
    """Return the baselines as sentences; nothing if there are none for this score."""
    return "".join(f" {title}: {value:.1f}." for title, value in baselines(suite, score))


def add_baselines(figure: go.Figure, suite: Suite, score: str) -> None:
    """Draw the suite's baselines across `figure`."""
    for title, value in baselines(suite, score):
        # its colour is the page's: see assets/explore/explore.js
        figure.add_hline(
            y=value, line={"dash": "dash", "width": 1.5}, annotation_text=plain(title), annotation_position="top left"
        )


def _baseline(suite: Suite, scores: Mapping[str, float], score: str) -> float | None:
    """Return what a baseline has on `score`; its average as the suite's own plain mean, if it has every part."""
    if score != "average":
        return scores.get(score.removesuffix(".score"))
    weights = {benchmark.key: benchmark.weight for benchmark in suite.averaged}
    if suite.aggregation != "mean" or not weights or set(weights) - set(scores):
        return None
    return exact.weighted_mean([scores[key] for key in weights], weights.values())
