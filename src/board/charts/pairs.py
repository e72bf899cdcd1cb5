"""The chart of any two numeric columns: score against cost with its front, or one column against another."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from src.board.charts.drawing import (
    INKS,
    Axis,
    Chart,
    ChartChoice,
    Figure,
    baseline_words,
    baselines,
    known,
    label,
    left_out,
    mark_series,
    mark_words,
    nothing,
    numbers,
    points,
    sign,
)
from src.board.charts.groups import kind_title, parts_of
from src.board.table.columns import columns
from src.core.statistics.pareto import pareto_front
from src.core.suites import Suite

COSTS = {  # what it is called, its unit, and how to say that nothing on the front is beaten
    "params_b": ("Parameters", "B", "no smaller or equal model"),
    "co2_kg": ("CO₂ of the evaluation", "kg", "no model that emitted as little or less"),
    "tokens_per_item": ("Tokens per item", "tokens", "no model with as few tokens or fewer"),
    "dollars": ("Cost of the evaluation", "$", "no model whose run cost as little or less"),
    "seconds_per_item": ("Seconds per item", "s", "no model as fast or faster"),
    "price": ("Price", "$ per M tokens", "no model as cheap or cheaper"),
}
"""Columns that cost something: drawn logarithmically, and with the front of what nothing cheaper beats."""


class NumericColumn(NamedTuple):
    """A column that an axis may show."""

    path: str
    title: str
    group: str


def numeric_columns(frame: pd.DataFrame, suite: Suite) -> list[NumericColumn]:
    """Return the columns of the frame that have any numbers: scores, then costs, then the rest."""
    scores = [
        NumericColumn("average", "Average", "Scores"),
        *(NumericColumn(f"{b.key}.score", b.title, "Scores") for b in suite.benchmarks),
    ]
    if suite.aggregation == "none":
        del scores[0]
    costs = [NumericColumn(path, title, "Costs") for path, (title, _, _) in COSTS.items()]
    used = {each.path for each in (*scores, *costs)}
    others = [
        NumericColumn(column.path, column.title, "Other numbers")
        for column in columns(suite)
        if column.kind in ("score", "number") and column.path not in used
    ]
    return [each for each in (*scores, *costs, *others) if each.path in frame and frame[each.path].notna().any()]


def one_against_another(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return every model by two columns.

    Against a cost there is a front: what nothing cheaper beats. Two other columns have a rank correlation.
    """
    x, y = ask.cost, ask.score
    titles = {each.path: each.title for each in numeric_columns(frame, suite)}
    title = _title(titles, suite, x, y)
    every = known(frame, list(dict.fromkeys((x, y))))
    is_cost = x in COSTS
    rows = every[numbers(every, x) > 0] if is_cost else every
    if rows.empty:
        return nothing("cost", title, rows)
    up = sign(suite, y)
    front = rows.iloc[pareto_front(numbers(rows, x), up * numbers(rows, y)).rows] if is_cost else rows.head(0)

    def draw() -> Figure:
        series = [
            replace(points(part, numbers(part, x), y, kind_title(kind)), ink=ink)
            for ink, (kind, part) in enumerate(parts_of(rows, "model_type", INKS))
        ]
        if is_cost:
            series.append(replace(points(front, numbers(front, x), y, "front"), join="steps", labelled=True))
        series += mark_series(rows, numbers(rows, x), y, ask.mark)
        return Figure(_axis(titles, suite, x), _axis(titles, suite, y), series, baselines=baselines(suite, y))

    if is_cost:
        _, unit, others = COSTS[x]
        sentence = (
            f"{len(front)} of {len(rows):,} models are on the front: {others} scores as "
            f"{'high' if up > 0 else 'low'}. It runs from {_words(front.iloc[0], ask, unit)} to "
            f"{_words(front.iloc[-1], ask, unit)}."
        )
    else:
        sentence = f"{len(rows):,} models.{_correlation(rows, x, y)}"
    sentence += left_out(len(frame) - len(rows), "a value is unknown")
    sentence += baseline_words(suite, y) + mark_words(rows, ask.mark, y)
    table = rows[list(dict.fromkeys(("id", "model", "precision", x, y)))]
    if is_cost:
        table = table.assign(on_front=rows.index.isin(front.index))
    return Chart("cost", title, sentence, draw, table)


def _correlation(rows: pd.DataFrame, x: str, y: str) -> str:
    """Return Spearman's correlation as a sentence; nothing if a column does not vary."""
    ranks = rows[list(dict.fromkeys((x, y)))].astype(float).rank()
    if len(rows) < 3 or (ranks.nunique() < 2).any():
        return ""
    value = np.corrcoef(ranks[x], ranks[y])[0, 1]
    return f" Their rank correlation is {f'{value:.2f}'.replace('-', '−')}."


def _title(titles: dict[str, str], suite: Suite, x: str, y: str) -> str:
    above = "Score" if y == "average" else _name(titles, suite, y)
    below = _name(titles, suite, x)
    return f"{above} against {below.lower() if below[1:].islower() else below}"


def _name(titles: dict[str, str], suite: Suite, path: str) -> str:
    return COSTS[path][0] if path in COSTS else titles.get(path) or label(suite, path)


def _axis(titles: dict[str, str], suite: Suite, path: str) -> Axis:
    if path in COSTS:
        name, unit, _ = COSTS[path]
        return Axis(f"{name} ({unit}, logarithmic)", "log")
    name = _name(titles, suite, path)
    return Axis(name[:1].upper() + name[1:] + ("" if sign(suite, path) > 0 else " (lower is better)"))


def _words(row: pd.Series, ask: ChartChoice, unit: str) -> str:
    return f"{row['model']} ({row[ask.cost]:.3g} {unit}, {row[ask.score]:.1f})"
