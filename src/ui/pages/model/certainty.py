"""The tab of a model's page that tells how sure its scores are, what its makers claim, and how sure the model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from src.board.claims.comparing import ClaimComparison, compare_claims
from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import ModelView
from src.board.model.robustness import perturbed_ranks
from src.board.model.run import RunDetail, run_detail
from src.board.model.scores import ScoreLine
from src.core.errors import NotFoundError
from src.core.items.errors import ItemErrors
from src.core.items.options import OptionScores
from src.core.items.sensitivity import OptionSensitivity
from src.core.statistics.repeats import RepeatedScore
from src.core.suites import Suite
from src.ui.web.figures import number, signed
from src.ui.web.templates import render


def certainty(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render each score's interval and what it rests on; for multiple choice, prediction sets and calibration."""
    try:
        run: RunDetail | None = run_detail(board.shown, snapshot.suite, model.run, model.runs)
    except NotFoundError:  # a store of published tables only: the intervals come from counts
        run = None
    lines = [line for line in model.lines if line.key != "average"]
    options = run.options if run else {}
    return render(
        "model/certainty.html",
        errors=[_error(line, run.errors.get(line.key) if run else None) for line in lines],
        claims=[_claim(snapshot.suite, claim) for claim in _claims(snapshot, model)],
        habits=_habits(snapshot.suite, run) if run else [],
        options=[_options(line.title, options[line.key]) for line in lines if line.key in options],
        orders=[_order(snapshot.suite, key, each) for key, each in run.sensitivity.items()] if run else [],
        repeats=[_repeats(snapshot.suite, key, each) for key, each in run.repeats.items()] if run else [],
        ranks=perturbed_ranks(snapshot, model.run.id, run.sensitivity) if run else None,
    )


def _error(line: ScoreLine, errors: ItemErrors | None) -> dict[str, Any]:
    return {
        "title": line.title,
        "score": number(line.score, 2) or "",
        "interval": "" if line.low is None else f"{number(line.low, 2)} to {number(line.high, 2)}",
        "from": _source(line, errors),
    }


def _source(line: ScoreLine, errors: ItemErrors | None) -> str:
    if errors is None:
        return "approximate, from the number of items" if line.low is not None else "unknown"
    parts = [f"{errors.items:,} graded items"]
    if errors.clusters:
        parts.append(f"{errors.clusters:,} different questions")
    if errors.ungraded:
        parts.append(f"{errors.ungraded:,} not graded, which the interval covers")
    return ", ".join(parts)


def _claims(snapshot: Snapshot, model: ModelView) -> list[ClaimComparison]:
    rows = snapshot.frame[snapshot.frame["id"] == model.run.id]
    return list(compare_claims(rows.iloc[0].to_dict(), snapshot.suite)) if len(rows) else []


def _claim(suite: Suite, claim: ClaimComparison) -> dict[str, Any]:
    settings = {True: "the same shots", False: "other shots", None: "settings not stated"}
    return {
        "title": suite.benchmark(claim.benchmark).title,
        "claimed": number(claim.claimed, 1),
        "measured": number(claim.measured, 1),
        "difference": f"{signed(claim.difference, 1)} ± {number(1.96 * claim.error, 1)}",
        "z": signed(claim.z, 1),
        "is_notable": claim.is_notable,
        "note": f"{claim.note}; {settings[claim.alike]}",
    }


def _habits(suite: Suite, run: RunDetail) -> list[dict[str, str]]:
    """Return the tasks whose answers are worth a word: one option nearly throughout, cut texts, unread answers."""
    titles = {
        task.name: f"{benchmark.title}: {task.title}" for benchmark in suite.benchmarks for task in benchmark.tasks
    }
    return [
        {"title": titles.get(task, task), "habit": habit.sentence()}
        for tasks in run.habits.values()
        for task, habit in tasks.items()
        if habit.is_notable
    ]


def _order(suite: Suite, key: str, found: OptionSensitivity) -> dict[str, Any]:
    benchmark = suite.benchmark(key)
    titles = {task.name: task.title for task in benchmark.tasks}
    ways = [
        f"{len(own) + 1} orders" if kind == "order" else f"{len(own) + 1} kinds of labels"
        for kind, own in (("order", found.order), ("labels", found.labels))
        if own
    ]
    return {
        "title": benchmark.title,
        "score": number(found.score, 2),
        "range": f"{number(found.low, 2)} to {number(found.high, 2)}",
        "spread": number(found.high - found.low, 1),
        "changed": f"{number(100 * found.changed, 1)} %",
        "ways": f"{' and '.join(ways)}, {found.items:,} items",
        "without": ", ".join(titles.get(name, name) for name in found.without),
    }


def _repeats(suite: Suite, key: str, found: RepeatedScore) -> dict[str, Any]:
    return {
        "title": suite.benchmark(key).title,
        "average": f"{number(100 * found.average, 1)} ± {number(50 * (found.high - found.low), 1)}",
        "pass_at": _by_k(found.pass_at),
        "pass_all": _by_k(found.pass_all),
        "consistency": "" if found.consistency is None else f"{number(100 * found.consistency, 1)} %",
        "asked": f"{found.items:,} items, {found.repeats} tries each",
    }


def _by_k(values: Mapping[int, float]) -> str:
    return ", ".join(f"{k}: {number(100 * value, 1)}" for k, value in values.items())


def _options(title: str, scores: OptionScores) -> dict[str, str]:
    return {
        "title": title,
        "set_size": f"{number(scores.set_size, 2)} of {number(scores.options, 1)}",
        "coverage": f"{number(100 * scores.coverage, 1)} %",
        "uacc": number(100 * scores.uacc, 1) or "",
        "ece": f"{number(100 * scores.ece, 1)} ± {number(100 * scores.ece_se, 1)}",
    }
