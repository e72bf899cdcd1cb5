"""Charts of the models: the best over time, scores by kind, and by size within a family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from src.board.charts.drawing import (
    INKS,
    Axis,
    Chart,
    ChartChoice,
    Figure,
    Quartiles,
    Series,
    axis,
    baseline_words,
    baselines,
    days,
    known,
    label,
    left_out,
    mark_series,
    mark_words,
    nothing,
    numbers,
    points,
    rounded,
    sign,
)
from src.board.charts.groups import kind_title, parts_of
from src.board.table.columns import SIZES
from src.core.suites import Suite

MOST_GROUPS = 12
FEW = 8  # a group of so few is drawn as its points: a box would say more than they know
ALIKE = np.log10(1.15)  # sizes this close are one size
GROUPS = {"model_type": "type", "family": "family", "precision": "precision", "architecture": "architecture"}


def best_over_time(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return the best score known at each date, one line a size class, each drawn to the last date there is."""
    title = "Best over time by size"
    up = sign(suite, ask.score)
    rows = known(frame, ["submission_date", "params_b", ask.score]).sort_values("submission_date", kind="stable")
    leaders_of: dict[str, pd.DataFrame] = {}
    for size in SIZES:
        part = rows[rows["params_b"].between(size.low or 0, size.high or np.inf, inclusive="left")]
        reached = up * part[ask.score]
        leaders = part[reached > reached.cummax().shift(fill_value=-np.inf)]
        if len(leaders):
            leaders_of[size.words] = leaders
    if not leaders_of:
        return nothing("time", title, rows)

    def draw() -> Figure:
        every = days(rows["submission_date"])
        margin = max(4.0, (every.max() - every.min()) * 0.03)  # a single day is no axis
        ends = (float(every.min() - margin), float(every.max() + margin))
        series = [
            replace(points(leaders, days(leaders["submission_date"]), ask.score, name), ink=ink, join="steps")
            for ink, (name, leaders) in enumerate(leaders_of.items())
        ]
        # nothing happened on the last date: the line goes on, without a point
        series = [replace(each, until=float(every.max())) for each in series]
        series += mark_series(rows, every, ask.score, ask.mark)
        x = Axis("Date of submission", "date", ends=ends)
        return Figure(x, axis(suite, ask.score), series, baselines=baselines(suite, ask.score))

    steps, words = [], []
    for name, leaders in leaders_of.items():
        first, last = leaders.iloc[0], leaders.iloc[-1]
        steps.append(leaders.assign(size=name))
        words.append(f"{name} from {first[ask.score]:.1f} to {last[ask.score]:.1f} ({last['model']})")
    table = pd.concat(steps)[["size", "submission_date", "id", "model", ask.score]]
    sentence = (
        f"The best {label(suite, ask.score)} at each date: {'; '.join(words)}."
        + left_out(len(frame) - len(rows), "a date, a size or the score is unknown")
        + baseline_words(suite, ask.score)
        + mark_words(rows, ask.mark, ask.score)
    )
    return Chart("time", title, sentence, draw, table)


def spread(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return how scores are distributed within each type, family, precision or architecture, the best group first."""
    title = f"Distribution by {GROUPS[ask.group]}"
    up = sign(suite, ask.score)
    rows = known(frame, [ask.score])
    parts = [(kind_title(name), part) for name, part in parts_of(rows, ask.group, MOST_GROUPS) if len(part)]
    parts.sort(key=lambda named: -up * named[1][ask.score].median())
    if not parts:
        return nothing("spread", title)

    def draw() -> Figure:
        boxes, alone, place = [], [], pd.Series(0.0, rows.index)
        for at, (name, part) in enumerate(parts):
            place[part.index] = at
            values = numbers(part, ask.score)
            if len(part) < FEW:
                alone.append(part)
                continue
            box = _quartiles(name, values)
            boxes.append(replace(box, at=at))
            alone.append(part[(values < box.low) | (values > box.high)])
        outside = pd.concat(alone)
        series = [replace(points(outside, place[outside.index].to_numpy(), ask.score, "models"), ink=0, dots="small")]
        series += mark_series(rows, place.to_numpy(), ask.score, ask.mark)
        x = Axis(kind="names", names=[f"{name} ({len(part):,})" for name, part in parts])
        y = axis(suite, ask.score)
        return Figure(
            x, y, [replace(each, listed=False) for each in series], boxes, baselines=baselines(suite, ask.score)
        )

    table = pd.concat([part[ask.score].describe().to_frame(name).T for name, part in parts])
    table = table.rename_axis(GROUPS[ask.group]).reset_index()
    medians = ", ".join(f"{name} {part[ask.score].median():.1f}" for name, part in parts)
    sentence = (
        f"Median {label(suite, ask.score)} by {GROUPS[ask.group]}: {medians}."
        + baseline_words(suite, ask.score)
        + mark_words(rows, ask.mark, ask.score)
    )
    return Chart("spread", title, sentence, draw, table)


def scaling(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return the best base model of each size, and a line through them by least squares, one of each a family.

    Base models are recognised by their type; on a board without types, every model counts.
    """
    title = "Scaling by family"
    up = sign(suite, ask.score)
    rows = known(frame, ["family", "params_b", ask.score])
    rows = rows[rows["params_b"] > 0]
    without_type = 0
    if (rows["model_type"] == "pretrained").any():
        without_type = int(rows["model_type"].isna().sum())
        rows = rows[rows["model_type"] == "pretrained"]
    rows = rows.assign(size=(np.log10(numbers(rows, "params_b")) / ALIKE).round(), reached=up * rows[ask.score])
    best = rows.sort_values("reached").drop_duplicates(["family", "size"], keep="last").sort_values("params_b")
    sizes = best.groupby("family")["size"].nunique()
    families = sizes[sizes > 1].sort_values(ascending=False, kind="stable").index[:INKS]
    lines = []
    for family in families:
        part = best[best["family"] == family]
        gain, start = np.polyfit(np.log10(numbers(part, "params_b")), numbers(part, ask.score), 1)
        lines.append((str(family), part, gain, start))
    table = best[best["family"].isin(families)][["family", "id", "model", "params_b", ask.score]]
    if not lines:
        return nothing("scaling", title, table)

    def draw() -> Figure:
        series = []
        for ink, (family, part, gain, start) in enumerate(lines):
            ends = numbers(part, "params_b")[[0, -1]]
            line = Series(family, rounded(ends), rounded(gain * np.log10(ends) + start), (), ink, "line", "")
            dots = replace(points(part, numbers(part, "params_b"), ask.score, family), ink=ink)
            series += [replace(line, listed=False), dots]
        series += mark_series(best, numbers(best, "params_b"), ask.score, ask.mark)
        x = Axis("Parameters (B, logarithmic)", "log")
        return Figure(x, axis(suite, ask.score), series, baselines=baselines(suite, ask.score))

    words = [f"{family} {f'{gain:+.1f}'.replace('-', '−')}" for family, _, gain, _ in lines]
    sentence = (
        f"Points of {label(suite, ask.score)} for ten times the size: {', '.join(words)}. Each line is the straight "
        "one nearest to the best base models of its family."
        + left_out(without_type, "nobody knows whether they are base models")
        + baseline_words(suite, ask.score)
        + mark_words(best, ask.mark, ask.score)
    )
    return Chart("scaling", title, sentence, draw, table)


def _quartiles(name: str, values: np.ndarray) -> Quartiles:
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    near = values[(values >= first - 1.5 * (third - first)) & (values <= third + 1.5 * (third - first))]
    return Quartiles(name, float(near.min()), first, median, third, float(near.max()))
