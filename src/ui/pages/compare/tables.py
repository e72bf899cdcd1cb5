"""The tables of the Compare page as values: what differs, how surely, and which settings differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from src.board.compare import COUNTS, PAIRED, Comparison, ComparisonLine, Contrast
from src.board.table.columns import PRECISION_SHORT
from src.core.suites import Suite
from src.ui.web.addresses import model_page
from src.ui.web.figures import number, signed

METHODS = {
    PAIRED: "Each pair answered the same questions, joined one by one.",
    COUNTS: "Only counts are known, so intervals are wider than they would be with the answers.",
}
BOTH = (
    "“paired”: both answered the same questions, joined one by one. “approximate”: only counts are known, so the "
    "interval is wider than it would be with the answers."
)
FIGURE_SPACE = "\u2007"  # as wide as a digit, so that decimal points align
MIDDLE, HALF = 120, 114  # of a whisker, in its own units: no difference, and the largest one


def columns(comparison: Comparison, suite: str | None) -> list[dict[str, str]]:
    """Return each row's name, in parts for a narrow column, and the address of its page."""
    parts = []
    for row in comparison.rows:
        name = name_of(row)
        organisation, slash, rest = name.rpartition("/")
        parts.append({"name": name, "organisation": organisation + slash, "rest": rest, "page": page_of(row, suite)})
    return parts


def _ranks(comparison: Comparison) -> Iterator[str]:
    """Yield each model's rank among these, as a range if other questions could have changed it."""
    if comparison.ranks is not None:
        for low, high in zip(comparison.ranks.low, comparison.ranks.high, strict=True):
            yield f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def differences(comparison: Comparison, suite: Suite) -> dict[str, Any]:
    """Return each model's scores and their differences from the first model's, line by line, and the key to them."""
    lines = [comparison.average, *comparison.benchmarks]
    contrasts = [contrast for line in lines for contrast in line.contrasts if contrast]
    reach = max(map(_reach, contrasts), default=1.0)
    methods = {contrast.method for contrast in contrasts}
    return {
        "lines": [
            {
                "title": line.title,
                "is_average": line is comparison.average,
                "cells": [
                    {"score": _score(line, at), **_contrast(line.contrasts[at], reach, len(methods) > 1)}
                    for at in range(len(comparison.rows))
                ],
            }
            for line in lines
        ],
        "ranks": list(_ranks(comparison)),
        "key": list(_key(methods, len(comparison.rows), suite)) if contrasts else [],
    }


def name_of(row: Mapping[str, Any]) -> str:
    """Return a row's name as pages show it: `org/name (bf16)`."""
    precision = row.get("precision")
    if not isinstance(precision, str):  # unknown
        return str(row["model"])
    return f"{row['model']} ({PRECISION_SHORT.get(precision, precision)})"


def page_of(row: Mapping[str, Any], suite: str | None = None) -> str:
    """Return the address of a row's own page."""
    run = {part: row[part] for part in ("precision", "revision") if isinstance(row.get(part), str)}
    return model_page(row["model"], run, suite)


def _key(methods: set[str], models: int, suite: Suite) -> Iterator[str]:
    yield "In brackets: the 95 % interval of the difference, in points; the line shows it around no difference."
    yield "“detectable 3.1”: the smallest true difference that would be found four times out of five."
    yield BOTH if len(methods) > 1 else METHODS[next(iter(methods))]
    if models > 2:
        yield "p is adjusted for all models of a line together."
    if not all(each.higher_is_better for each in suite.benchmarks):
        yield "A plus is better, also if lower scores are better."


def _score(line: ComparisonLine, at: int) -> str:
    score = number(line.scores[at], 2)
    wide = max((len(each) for each in (number(value, 2) for value in line.scores) if each), default=0)
    return "missing" if score is None else score.rjust(max(5, wide), FIGURE_SPACE)


def _contrast(contrast: Contrast | None, reach: float, with_method: bool) -> dict[str, Any]:
    if contrast is None:
        return {"difference": None}
    low, high = contrast.interval.low, contrast.interval.high
    facts = [
        None if contrast.wins is None else f"{contrast.wins:,} won, {contrast.losses:,} lost",
        f"p {_p(contrast.p)}",
        f"detectable {contrast.smallest_detectable:.1f}",
        contrast.method if with_method else None,
    ]
    return {
        "difference": signed(contrast.value, 2),
        "low": signed(low, 1),
        "high": signed(high, 1),
        "is_clear": contrast.is_clear,
        "x": _x(contrast.value, reach),
        "x_low": _x(low, reach),
        "x_high": _x(high, reach),
        "facts": [fact for fact in facts if fact],
        "problem": contrast.problem,
    }


def _x(points: float, reach: float) -> str:
    """Return the place on a whisker whose middle is no difference and whose ends are `reach` points away."""
    return f"{MIDDLE + HALF * max(-1.0, min(1.0, points / reach)):.1f}"


def _reach(contrast: Contrast) -> float:
    return max(abs(contrast.interval.low), abs(contrast.interval.high))


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
