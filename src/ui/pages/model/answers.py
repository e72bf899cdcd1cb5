"""One whole answer: target, answer, score, options with their likelihoods, the prompt as it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from src.board.model.samples import SampleAnswer
from src.core import suites
from src.ui.web.addresses import model_page
from src.ui.web.templates import render


def whole(answer: SampleAnswer, row: Mapping[str, Any], task: str, suite: str | None) -> Markup:
    """Render what `row` answered to one question of `task`; of a gated benchmark only the scores.

    Args:
        answer: the answer with its options and its prompt.
        row: the row of the board that it belongs to.
        task: the task of the question.
        suite: the suite as an address names it; None if it is the board's first.
    """
    sample = answer.sample
    run = {name: row[name] for name in ("precision", "revision", "configuration") if isinstance(row.get(name), str)}
    best = max((value for _, value in answer.choices if value is not None), default=None)
    return render(
        "model/answer.html",
        is_gated=suites.is_withheld(task),
        metrics=", ".join(f"{name} {_value(value)}" for name, value in answer.metrics.items()),
        target=sample.target,
        answer=sample.answer,
        choices=[
            {"text": text, "likelihood": _value(value), "is_best": value is not None and value == best}
            for text, value in answer.choices
        ],
        prompt=answer.prompt or "unknown",
        permanent=model_page(row["model"], run | {"task": task, "item": (sample.doc_hash or "")[:12]}, suite),
    )


def graded(score: float | None) -> tuple[str, bool | None]:
    """Return the score of one answer as a word, and whether it is right; None if unknown."""
    if score is None or np.isnan(score):
        return "no score", None
    words = {0.0: "wrong", 1.0: "right"}
    return words.get(score, f"{score:.2f}"), score >= 0.5


def _value(value: float | None) -> str:
    if value is None:
        return "unknown"
    return (f"{value:g}" if abs(value) < 10 else f"{value:.2f}").replace("-", "−")
