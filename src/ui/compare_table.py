"""The tables of the Compare page: what differs and how surely, and what was not run alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from src.board.columns import PRECISION_SHORT
from src.board.compare import COUNTS, PAIRED, Comparison, Contrast, Line
from src.core.suites import Suite
from src.ui.addresses import model_page
from src.ui.figures import number, signed
from src.ui.html import h, join

METHODS = {
    PAIRED: "Each pair answered the same questions, joined one by one.",
    COUNTS: "Only counts are known, so intervals are wider than they need be.",
}
BOTH = (
    "“paired”: both answered the same questions, joined one by one. “approximate”: only counts are known, so the "
    "interval is wider than it need be."
)
FIGURE_SPACE = "\u2007"  # as wide as a digit: what makes points stand below one another


def differences(found: Comparison, suite: Suite, asked: str | None) -> Markup:
    """Each model's scores, and its differences to the first; `asked`: the suite that the address names."""
    lines = [found.average, *found.benchmarks]
    contrasts = [contrast for line in lines for contrast in line.contrasts if contrast]
    reach = max(map(_reach, contrasts), default=1.0)
    methods = {contrast.method for contrast in contrasts}
    top = h(
        "tr",
        {},
        h("th", {"scope": "col"}, "Benchmark"),
        [h("th", {"scope": "col"}, h("a", {"href": page_of(row, asked)}, _broken(row))) for row in found.rows],
    )
    body = [
        h(
            "tr",
            {"class": "lb-average" if line is found.average else None},
            h("th", {"scope": "row"}, line.title),
            [
                h("td", {}, _score(line, at), _contrast(line.contrasts[at], reach, len(methods) > 1))
                for at in range(len(found.rows))
            ],
        )
        for line in lines
    ]
    return join(
        h(
            "div",
            {"class": "lb-scroll", "tabindex": "0", "role": "region", "aria-label": "Scores and differences"},
            h(
                "table",
                {"class": "lb-contrasts lb-abreast", "style": _models(found)},
                h("thead", {}, top),
                h("tbody", {}, body),
            ),
        ),
        h("p", {"class": "lb-key"}, _key(methods, len(found.rows), suite)) if contrasts else None,
    )


def _key(methods: set[str], models: int, suite: Suite) -> str:
    """What the small print means, as far as it stands there."""
    told = [
        "In brackets: the 95 % interval of the difference, in points; the line draws it about no difference.",
        "“shows 3.1”: a true difference of 3.1 would be seen four times out of five.",
        BOTH if len(methods) > 1 else METHODS[next(iter(methods))],
        "p holds for all models of a line together." if models > 2 else None,
        None if all(each.higher_is_better for each in suite.benchmarks) else "A plus is ahead, lower scores or higher.",
    ]
    return " ".join(filter(None, told))


def _score(line: Line, at: int) -> Markup:
    score = number(line.scores[at], 2)
    wide = max((len(each) for each in (number(value, 2) for value in line.scores) if each), default=0)
    return h("span", {"class": "lb-score"}, "missing" if score is None else score.rjust(max(5, wide), FIGURE_SPACE))


def _contrast(contrast: Contrast | None, reach: float, with_method: bool) -> Markup:
    if contrast is None:
        return Markup("")
    low, high = contrast.interval.low, contrast.interval.high
    sure = [
        None if contrast.wins is None else f"{contrast.wins:,} won, {contrast.losses:,} lost",
        f"p {_p(contrast.p)}",
        f"shows {contrast.smallest_detectable:.1f}",
        contrast.method if with_method else None,
    ]
    return join(
        h(
            "span",
            {"class": "lb-difference", "data-clear": contrast.is_clear},
            f"{signed(contrast.value, 2)} ",
            h("small", {}, f"({signed(low, 1)} to {signed(high, 1)})"),
        ),
        _whisker(contrast.value, low, high, reach, contrast.is_clear),
        h(
            "small",
            {"class": "lb-how"},
            " · ".join(filter(None, sure)),
            contrast.problem and f" Not paired: {contrast.problem}",
        ),
    )


def _whisker(value: float, low: float, high: float, reach: float, is_clear: bool) -> Markup:
    """The interval on a line whose middle is "no difference"; both ends lie `reach` points away."""

    def x(points: float) -> str:
        return f"{120 + 114 * max(-1.0, min(1.0, points / reach)):.1f}"

    return h(
        "svg",
        {
            "class": "lb-whisker",
            "viewBox": "0 0 240 16",
            "preserveAspectRatio": "none",
            "aria-hidden": "true",
            "data-clear": is_clear,
        },
        h("path", {"class": "ground", "d": "M0 8H240"}),
        h("path", {"class": "zero", "d": "M120 0V16"}),
        h("path", {"class": "reach", "d": f"M{x(low)} 8H{x(high)}"}),
        h("path", {"class": "dot", "d": f"M{x(value)} 8h0.01"}),  # a round cap, which no stretching makes an egg
    )


def _reach(contrast: Contrast) -> float:
    return max(abs(contrast.interval.low), abs(contrast.interval.high))


def unlike(found: Comparison) -> Markup:
    """In what the runs differ, so that their scores are not simply comparable."""
    if not found.unlike:
        return h("p", {"class": "lb-alike"}, "These runs are alike in precision, chat template, weights and scorer.")
    top = h(
        "tr", {}, h("th", {"scope": "col"}, "Setting"), [h("th", {"scope": "col"}, _broken(row)) for row in found.rows]
    )
    body = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, unlike.title, h("small", {"class": "lb-how"}, unlike.why)),
            [h("td", {}, value) for value in unlike.values],
        )
        for unlike in found.unlike
    ]
    return h(
        "section",
        {"class": "lb-unlike", "aria-labelledby": "lb-unlike"},
        h("h2", {"id": "lb-unlike"}, "Not run alike"),
        h("p", {}, "Part of a difference may come from these settings rather than from the models."),
        h(
            "div",
            {"class": "lb-scroll", "tabindex": "0", "role": "region", "aria-label": "Settings that differ"},
            h("table", {"class": "lb-abreast", "style": _models(found)}, h("thead", {}, top), h("tbody", {}, body)),
        ),
    )


def _models(found: Comparison) -> str:
    """How many stand abreast, for the style of narrow windows."""
    return f"--models: {len(found.rows)}"


def name_of(row: Mapping[str, Any]) -> str:
    """A row as the page calls it: `org/name (bf16)`."""
    precision = row.get("precision")
    if not isinstance(precision, str):  # unknown
        return str(row["model"])
    return f"{row['model']} ({PRECISION_SHORT.get(precision, precision)})"


def _broken(row: Mapping[str, Any]) -> Markup:
    """The same, for a narrow column: it breaks after the organisation first."""
    organisation, slash, rest = name_of(row).rpartition("/")
    return join(h("span", {"class": "lb-org"}, organisation + slash), h("wbr"), rest)


def page_of(row: Mapping[str, Any], suite: str | None = None) -> str:
    """Where a row's own page lies."""
    run = {part: row[part] for part in ("precision", "revision") if isinstance(row.get(part), str)}
    return model_page(row["model"], run, suite)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
