"""One answer whole: target, answer, score, options with their likelihoods, the prompt as it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from src.board.detail_files import is_gated
from src.board.samples import Answer
from src.ui.addresses import model_page
from src.ui.html import h, join


def whole(answer: Answer, row: Mapping[str, Any], task: str, suite: str | None) -> Markup:
    """What `row` answered on one question of `task`; of a gated benchmark the scores only.

    `suite`: where it is not the board's first.
    """
    sample = answer.sample
    told = {"precision": row.get("precision"), "revision": row.get("revision")}
    named = {name: value for name, value in told.items() if isinstance(value, str)}
    link = model_page(row["model"], named | {"task": task, "item": (sample.doc_hash or "")[:12]}, suite)
    permanent = h("p", {}, h("a", {"href": link}, "Link to this answer"))
    metrics = ", ".join(f"{name} {_value(value)}" for name, value in answer.metrics.items())
    if is_gated(task):
        words = (
            "Its authors ask that this benchmark never be shown in plain text, so that models are not trained on it."
        )
        return join(h("p", {}, words), h("p", {"class": "lb-quiet"}, metrics), permanent)
    best = max((value for _, value in answer.choices if value is not None), default=None)
    choices = [
        h(
            "tr",
            {"data-best": value is not None and value == best},
            h("td", {}, verbatim(text)),
            h("td", {}, _value(value)),
        )
        for text, value in answer.choices
    ]
    table = h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", {"scope": "col"}, "Option"), h("th", {"scope": "col"}, "Log-likelihood"))),
        h("tbody", {}, choices),
    )
    return join(
        h(
            "dl",
            {"class": "lb-pairs"},
            h("dt", {}, "Target"), h("dd", {}, verbatim(sample.target)),
            h("dt", {}, "Answer"), h("dd", {}, verbatim(sample.answer)),
            h("dt", {}, "Score"), h("dd", {}, metrics),
        ),
        choices and table,
        h("details", {}, h("summary", {}, "Prompt as sent"), h("pre", {}, answer.prompt or "unknown")),
        permanent,
    )  # fmt: skip


def graded(score: float | None) -> tuple[str, bool | None]:
    """The score of one answer as a word, and whether it is right; None where nobody can say."""
    if score is None or np.isnan(score):
        return "no score", None
    words = {0.0: "wrong", 1.0: "right"}
    return words.get(score, f"{score:.2f}"), score >= 0.5


def verbatim(text: str | None) -> Markup:
    """Somebody's text exactly as it is, line breaks and all."""
    if not text:
        return h("em", {}, "not shown" if text is None else "empty")
    return h("span", {"class": "lb-verbatim"}, text)


def _value(value: float | None) -> str:
    if value is None:
        return "unknown"
    return (f"{value:g}" if abs(value) < 10 else f"{value:.2f}").replace("-", "−")
