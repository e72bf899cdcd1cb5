"""The tab of a model's page about its past: every run that a file is kept of, estimates, and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import ModelView
from src.board.model.past_runs import PastRun, past_runs
from src.core.contamination import reports
from src.core.errors import BoardError
from src.core.estimates import EstimateRecord, Guess, estimates
from src.core.suites import Suite
from src.ui.web.figures import number
from src.ui.web.templates import render


def history(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render scores over revisions, precisions and scorers, and reports of contamination. Raise StoreError."""
    name = model.run.model
    return render(
        "model/history.html",
        runs=_runs(past_runs(board.shown, snapshot.suite, name), snapshot.suite),
        estimates=estimated(estimates(board.shown, name, snapshot.suite.name), snapshot.suite),
        reports=reports(board.shown, name),
        number=number,
    )


def estimates_alone(board: Board, suite: Suite, model: str) -> dict[str, Any] | None:
    """Return the estimates of a model that has no row; None if the store has none, or cannot be read now."""
    try:
        return estimated(estimates(board.shown, model, suite.name), suite)
    except BoardError:
        return None


def estimated(records: Sequence[EstimateRecord], suite: Suite) -> dict[str, Any] | None:
    """Return the values of the table of estimates; None if there are none."""
    if not records:
        return None
    return {
        "questions": max((guess.asked for each in records for guess in each.benchmarks.values()), default=0),
        "titles": ["Average", *(benchmark.title for benchmark in suite.benchmarks)],
        "rows": [
            {
                "when": f"{each.date:%Y-%m-%d}",
                "precision": each.precision or "unknown",
                "revision": each.revision and each.revision[:7],
                "guesses": [
                    _guess(guess)
                    for guess in (each.average, *(each.benchmarks.get(benchmark.key) for benchmark in suite.benchmarks))
                ],
            }
            for each in records
        ],
    }


def newest(board: Board, suite: Suite, model: str) -> str:
    """Return the newest estimate of a model as the line of its first screen; empty if there is none to be read."""
    try:
        known = estimates(board.shown, model, suite.name)
    except BoardError:
        return ""
    shown = estimated(known[:1], suite)
    return str(render("model/estimate_line.html", estimates=shown, row=shown["rows"][0])) if shown else ""


def _guess(guess: Guess | None) -> dict[str, str | None] | None:
    if guess is None:
        return None
    return {
        "value": number(max(0.0, guess.value), 1),
        "low": number(max(0.0, guess.low), 1),
        "high": number(guess.high, 1),
    }


def _runs(runs: Sequence[PastRun], suite: Suite) -> dict[str, Any]:
    """Return the values of the table of runs: one row for each result file."""
    averaged = [("average", "Average")] if suite.aggregation != "none" else []
    columns = averaged + [(benchmark.key, benchmark.title) for benchmark in suite.benchmarks]
    return {
        "titles": [title for _, title in columns],
        "rows": [
            {
                "when": f"{run.when:%Y-%m-%d %H:%M}" if run.when else "unknown",
                "precision": run.precision or "unknown",
                "revision": run.revision and run.revision[:7],
                "scorer": run.scored.scorer or "unknown",
                "scores": [_score(run, key) for key, _ in columns],
            }
            for run in runs
        ],
    }


def _score(run: PastRun, key: str) -> str:
    value = run.scored.average if key == "average" else run.scored.benchmarks[key].score
    return number(value, 2) or "not run"
