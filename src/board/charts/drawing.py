"""What all charts share: what is asked and answered, the parts of a figure, axes, baselines.

A figure is plain values; `assets/explore/chart.js` draws them in the page's own colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from src.board.table.direction import is_higher_better
from src.core import exact
from src.core.suites import Suite

INKS = 8
"""Colours, each with a shape of its own, that every eye tells apart: assets/explore/explore.css has them."""
NOTHING = "Too few of the models shown have the numbers this chart needs. Relax a filter to see more."


@dataclass(frozen=True)
class Axis:
    """One axis: numbers, their logarithms, days since 1970-01-01, or a place for each of `names`."""

    title: str = ""
    kind: Literal["linear", "log", "date", "names"] = "linear"
    names: Sequence[str] = ()
    ends: tuple[float, float] | None = None  # otherwise as far as the values reach


@dataclass(frozen=True)
class Series:
    """Points that belong together; each has the id of its row, by which the page names and opens it."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    ids: Sequence[str]
    ink: int | None = None  # 0 … INKS − 1; None is the colour of the page's text
    join: Literal["", "line", "steps"] = ""
    dots: Literal["", "small", "usual", "ring"] = "usual"
    labelled: bool = False  # names are written beside the points, as far as there is room
    listed: bool = True  # in the legend
    until: float | None = None  # how far to the right the line goes on after the last point


@dataclass(frozen=True)
class Quartiles:
    """How a group's values are distributed: quartiles, and the farthest values within 1.5 quartile ranges of them."""

    name: str
    low: float
    first: float
    median: float
    third: float
    high: float
    at: int = 0  # the place of the group on the x axis


@dataclass(frozen=True)
class Bar:
    """A value drawn as a bar, with words in it."""

    name: str
    value: float
    words: str


@dataclass(frozen=True)
class Figure:
    """What is drawn, as plain values."""

    x: Axis
    y: Axis
    series: Sequence[Series] = ()
    boxes: Sequence[Quartiles] = ()  # at the places of the x axis
    bars: Sequence[Bar] = ()  # at the places of the y axis
    cells: Sequence[Sequence[float]] = ()  # −1 … 1, at the places of both axes
    baselines: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class Chart:
    """What the page shows of one question asked of the table."""

    key: str
    title: str
    sentence: str  # what it shows, with its numbers: also what a screen reader reads
    draw: Callable[[], Figure] | None = field(repr=False)  # None if there is nothing to draw
    table: pd.DataFrame  # the numbers behind it, as offered for download

    @cached_property
    def figure(self) -> Figure | None:
        """The picture, made when it is asked for: a page shows its words first."""
        return self.draw() if self.draw else None


@dataclass(frozen=True)
class ChartChoice:
    """What the reader chose beside the chart."""

    score: str = "average"  # a numeric column of the frame
    cost: str = "params_b"  # another
    group: str = "model_type"  # a key of GROUPS
    mark: str = ""  # a model to highlight


def nothing(key: str, title: str, table: pd.DataFrame | None = None) -> Chart:
    """Return the chart of a selection with too little in it: a sentence, no picture."""
    return Chart(key, title, NOTHING, None, pd.DataFrame() if table is None else table)


def sign(suite: Suite, score: str) -> int:
    """1 if more of this score is better, −1 if less is."""
    return 1 if is_higher_better(suite, score) else -1


def label(suite: Suite, score: str) -> str:
    """Return what a sentence calls this score."""
    if score == "average":
        return "average"
    return next((b.title for b in suite.benchmarks if score == f"{b.key}.score"), score)


def axis(suite: Suite, score: str) -> Axis:
    """Return the axis of this score."""
    name = label(suite, score)
    return Axis(name[:1].upper() + name[1:] + ("" if sign(suite, score) > 0 else " (lower is better)"))


def known(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the rows that have all of `columns`; none if the frame lacks one."""
    if missing := [column for column in columns if column not in frame]:
        return frame.head(0).reindex(columns=[*frame.columns, *missing])
    return frame.dropna(subset=columns)


def numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as floats, NaN if unknown."""
    return rows[column].to_numpy(dtype=float, na_value=np.nan)


def rounded(values: Any) -> list[float]:
    """Return values as a picture needs them: five digits are finer than a pixel."""
    return [float(f"{value:.5g}") for value in np.asarray(values, float).tolist()]


def points(rows: pd.DataFrame, x: Sequence[float] | np.ndarray, score: str, name: str) -> Series:
    """Return the points of rows at `x`, and at their score."""
    return Series(name, rounded(x), rounded(numbers(rows, score)), rows["id"].tolist())


def days(dates: pd.Series) -> np.ndarray:
    """Return dates as days since 1970-01-01."""
    return pd.to_datetime(dates).to_numpy("datetime64[D]").astype(float)


def share(value: float) -> str:
    """`74 %`."""
    return f"{100 * value:.0f} %"


def left_out(count: int, reason: str) -> str:
    """Return the sentence on rows that a chart cannot show; nothing if there are none."""
    return f" Left out because {reason}: {count:,}." if count else ""


def baselines(suite: Suite, score: str) -> list[tuple[str, float]]:
    """Return the suite's baselines that have this score, and what they score."""
    held = [(each.title, _baseline(suite, each.scores, score)) for each in suite.baselines]
    return [(title, value) for title, value in held if value is not None]


def baseline_words(suite: Suite, score: str) -> str:
    """Return the baselines as sentences; nothing if there are none for this score."""
    return "".join(f" {title}: {value:.1f}." for title, value in baselines(suite, score))


def marked(rows: pd.DataFrame, mark: str) -> np.ndarray:
    """Return which rows are of the model to highlight, in whatever case its name is written."""
    return (rows["model"].str.lower() == mark.strip().lower()).to_numpy(bool, na_value=False)


def mark_series(rows: pd.DataFrame, x: np.ndarray, score: str, mark: str) -> list[Series]:
    """Return the series that rings the model to highlight; empty if none is chosen or it is not among the rows."""
    chosen = marked(rows, mark)
    if not chosen.any():
        return []
    found = rows[chosen]
    return [replace(points(found, x[chosen], score, mark), dots="ring", labelled=True, listed=False)]


def mark_words(rows: pd.DataFrame, mark: str, score: str) -> str:
    """Return what the highlighted model has, as a sentence; nothing if none is chosen."""
    if not mark.strip():
        return ""
    found = rows[marked(rows, mark)]
    if found.empty:
        return f" {mark.strip()} is not among the models shown."
    values = " and ".join(f"{value:.1f}" for value in numbers(found, score))
    return f" {found.iloc[0]['model']} has {values}."


def _baseline(suite: Suite, scores: Mapping[str, float], score: str) -> float | None:
    """Return what a baseline has on `score`; its average as the suite's own plain mean, if it has every part."""
    if score != "average":
        return scores.get(score.removesuffix(".score"))
    weights = {benchmark.key: benchmark.weight for benchmark in suite.averaged}
    if suite.aggregation != "mean" or not weights or set(weights) - set(scores):
        return None
    return exact.weighted_mean([scores[key] for key in weights], weights.values())
