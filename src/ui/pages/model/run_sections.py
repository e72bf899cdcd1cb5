"""The tabs of a model's page that open its result files: subtasks, and the exact settings of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import ModelView
from src.board.model.run import RunDetail, run_detail
from src.core.errors import BoardError
from src.core.scoring import BenchmarkScore, SubtaskScore
from src.core.suites import Benchmark, Suite
from src.ui.web.figures import number, signed
from src.ui.web.templates import render

COLUMNS = (
    ("Items", "Questions that were scored; if the file does not say, those that the task has"),
    ("Shots", "Worked examples before each question"),
    ("Chance", "What guessing earns"),
    ("Raw", "Share of points"),
    ("±", "Standard error of the raw value"),
    ("Score", "As published: chance-adjusted if the suite says so"),
)
EXTRA = ("Items", "Shots", "Chance", "±")  # left out if there is no room
POOLED = {
    ("mean", "subtasks"): "mean of the tasks, each chance-adjusted",
    ("mean", "none"): "mean of the tasks",
    ("weighted", "none"): "all items together",
    ("weighted", "once"): "all items together, then chance-adjusted",
    ("mean", "once"): "chance-adjusted",
    ("mean_of_metrics", "none"): "mean of the share of prompts and of instructions followed",
}
SHADES = 20  # steps of the ground; `assets/board.css` has a rule for each
LONGEST = 160  # characters of a setting before it is folded


def subtasks(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render every subtask with its raw value and its score."""
    base = _base_scores(board, snapshot, model)
    return _render(board, snapshot, model, lambda suite, run: _subtasks(suite, run, base))


def _base_scores(board: Board, snapshot: Snapshot, model: ModelView) -> Mapping[str, float]:
    """Return the base model's score by subtask; nothing if no file of it is kept."""
    if model.base is None:
        return {}
    try:
        detail = run_detail(board.shown, snapshot.suite, model.base)
    except BoardError:
        return {}
    return {task.task: task.score for each in detail.benchmarks for task in each.subtasks if task.score is not None}


def settings(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render the settings of the run, as its result file has them."""
    return _render(board, snapshot, model, _settings)


def _render(board: Board, snapshot: Snapshot, model: ModelView, draw: Callable[[Suite, RunDetail], Markup]) -> Markup:
    """Return what `draw` makes of the run's file, or the sentence that says why there is none."""
    try:
        return draw(snapshot.suite, run_detail(board.shown, snapshot.suite, model.run, model.runs))
    except BoardError as error:
        return render("model/note.html", text=str(error))


def _subtasks(suite: Suite, run: RunDetail, base: Mapping[str, float]) -> Markup:
    return render(
        "model/subtasks.html",
        columns=[
            {"title": title, "help": help, "is_extra": title in EXTRA}
            for title, help in COLUMNS
            if title != "±" or run.stderrs
        ],
        has_errors=bool(run.stderrs),
        has_base=bool(base),
        benchmarks=[_benchmark(suite.benchmark(scored.key), scored, run, base) for scored in run.benchmarks],
    )


def _benchmark(
    benchmark: Benchmark, scored: BenchmarkScore, run: RunDetail, base: Mapping[str, float]
) -> dict[str, Any]:
    tasks = [
        _task(task, run)
        | _beside(task, base)
        | {"score": _shaded(benchmark, task.score, number(task.score, 2) or task.problem)}
        for task in scored.subtasks
    ]
    is_alone = len(tasks) == 1
    return {
        "title": benchmark.title,
        "rule": POOLED.get((benchmark.pooling, benchmark.normalise)),
        "only": tasks[0] if is_alone else None,
        "raw": number(scored.raw, 4) or "incomplete",
        "score": _shaded(benchmark, scored.score, number(scored.score, 2) or "not run"),
        "tasks": [] if is_alone else tasks,
    }


def _beside(task: SubtaskScore, base: Mapping[str, float]) -> dict[str, str]:
    """Return the base model's score and the gain over it; empty if either is unknown."""
    other = base.get(task.task)
    gain = None if other is None or task.score is None else task.score - other
    return {"base": number(other, 2) or "", "gain": signed(gain, 2) or "" if gain is not None else ""}


def _task(task: SubtaskScore, run: RunDetail) -> dict[str, Any]:
    """Return the cells of a task before its score; empty if unknown."""
    questions = task.n or task.items
    return {
        "title": task.title,
        "questions": "" if questions is None else f"{questions:,}",
        "shots": "" if task.shots is None else str(task.shots),
        "chance": number(task.chance, 3) or "",
        "raw": number(task.raw, 4) or "",
        "exact": task.raw,
        "error": number(run.stderrs.get(task.task), 4) or "",
    }


def _shaded(benchmark: Benchmark, score: float | None, text: str | None) -> dict[str, Any]:
    """Return a score with the depth of its ground: where it lies between the benchmark's bounds, in SHADES steps."""
    shade = None
    if score is not None and benchmark.bounds and all(map(math.isfinite, benchmark.bounds)):
        low, high = benchmark.bounds
        depth = min(1.0, max(0.0, (score - low) / (high - low)))
        shade = round(SHADES * (depth if benchmark.higher_is_better else 1 - depth))
    return {"exact": score, "shade": shade, "text": text or ""}


def _settings(suite: Suite, run: RunDetail) -> Markup:
    return render("model/settings.html", settings=run.settings, scorer=run.scorer, paths=run.paths, longest=LONGEST)
