"""The tabs of a model's page that open its result files: subtasks, and the exact settings of the run."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from src.board.model import ModelView
from src.board.run import RunDetail, run_detail
from src.board.snapshot import Board, Snapshot
from src.core.errors import BoardError
from src.core.scoring import BenchmarkScore, SubtaskScore
from src.core.suites import Benchmark, Suite
from src.ui.figures import number
from src.ui.html import h, join


def subtasks(board: Board, snapshot: Snapshot, found: ModelView) -> Markup:
    """Every subtask with what it counts for."""
    return _drawn(board, snapshot, found, _subtasks)


def settings(board: Board, snapshot: Snapshot, found: ModelView) -> Markup:
    """How the run was set up, as its file tells."""
    return _drawn(board, snapshot, found, _settings)


def _drawn(board: Board, snapshot: Snapshot, found: ModelView, draw: Callable[[Suite, RunDetail], Markup]) -> Markup:
    """What `draw` makes of the run's file, or the sentence that says why there is none."""
    try:
        return draw(snapshot.suite, run_detail(board.shown, snapshot.suite, found.run))
    except BoardError as error:
        return h("p", {"class": "lb-quiet"}, str(error))


def _subtasks(suite: Suite, run: RunDetail) -> Markup:
    head = h(
        "tr",
        {},
        h("th", {"scope": "col"}, "Task"),
        [
            h(
                "th",
                {"scope": "col", "class": f"lb-num{' lb-more' if title in MORE else ''}"},
                h("abbr", {"title": help}, title),
            )
            for title, help in (
                ("Items", "Questions that were scored; where the file does not tell, those the task has"),
                ("Shots", "Worked examples before each question"),
                ("Chance", "What guessing earns"),
                ("Raw", "Share of points"),
                ("±", "Standard error of the raw value"),
                ("Score", "As published: guessing taken off where the suite says so"),
            )
            if title != "±" or run.stderrs
        ],
    )
    bodies = [_benchmark(suite, benchmark, run) for benchmark in run.benchmarks]
    table = h("table", {"class": "lb-subtasks lb-heat"}, h("thead", {}, head), bodies)
    frame = {"class": "lb-scroll", "role": "region", "aria-label": "Subtasks", "tabindex": "0"}
    return h("div", frame, table)


MORE = ("Items", "Shots", "Chance", "±")  # left out where there is no room


def _benchmark(suite: Suite, scored: BenchmarkScore, run: RunDetail) -> Markup:
    benchmark = suite.benchmark(scored.key)
    rule = benchmark.pooling, benchmark.normalise
    alone = len(scored.subtasks) == 1
    title = h(
        "tr",
        {"class": "lb-group"},
        h("th", {"scope": "rowgroup"}, benchmark.title, h("small", {}, POOLED.get(rule))),
        _cells(scored.subtasks[0], run) if alone else h("td", {"class": "lb-more", "colspan": 3}),
        None if alone else h("td", {"class": "lb-num"}, number(scored.raw, 4) or "incomplete"),
        None if alone or not run.stderrs else h("td", {"class": "lb-more"}),
        _shaded(benchmark, scored.score, number(scored.score, 2) or "not run"),
    )
    rows = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, task.title),
            _cells(task, run),
            _shaded(benchmark, task.score, number(task.score, 2) or task.problem),
        )
        for task in scored.subtasks
    ]
    return h("tbody", {}, title, None if alone else rows)


def _cells(task: SubtaskScore, run: RunDetail) -> Markup:
    error = run.stderrs.get(task.task)
    return join(
        h("td", {"class": "lb-num lb-more"}, f"{task.n:,}" if task.n else task.items and f"{task.items:,}"),
        h("td", {"class": "lb-num lb-more"}, task.shots),
        h("td", {"class": "lb-num lb-more"}, number(task.chance, 3)),
        h("td", {"class": "lb-num", "title": task.raw}, number(task.raw, 4)),
        h("td", {"class": "lb-num lb-more"}, number(error, 4)) if run.stderrs else None,
    )


def _shaded(benchmark: Benchmark, score: float | None, words: str | None) -> Markup:
    """A score on a ground as deep as it lies between the benchmark's bounds: what stands out is found at a glance."""
    shade = None
    if score is not None and benchmark.bounds:
        low, high = benchmark.bounds
        depth = min(1.0, max(0.0, (score - low) / (high - low)))
        shade = f"--depth: {depth if benchmark.higher_is_better else 1 - depth:.3f}"
    return h("td", {"class": "lb-num lb-shaded", "title": score, "style": shade}, words)


POOLED = {
    ("mean", "subtasks"): "mean of the tasks, each with guessing taken off",
    ("mean", "none"): "mean of the tasks",
    ("weighted", "none"): "all items together",
    ("weighted", "once"): "all items together, guessing taken off once",
    ("mean", "once"): "guessing taken off",
    ("mean_of_metrics", "none"): "mean of the share of prompts and of instructions followed",
}


def _settings(suite: Suite, run: RunDetail) -> Markup:
    rows = [join(h("dt", {}, setting.title), h("dd", {}, _value(setting.value))) for setting in run.settings]
    files = [h("li", {}, h("code", {"translate": "no"}, path)) for path in run.paths]
    return join(
        h("dl", {"class": "lb-settings"}, rows),
        h("p", {"class": "lb-quiet"}, f"Graded by the rules of {run.scorer}." if run.scorer else None),
        h("h3", {}, "Files"),
        h("ul", {"class": "lb-files"}, files),
    )


def _value(text: str) -> Markup:
    if len(text) > 160 or "\n" in text:
        return h("details", {}, h("summary", {}, f"{len(text):,} characters"), h("pre", {"class": "lb-code"}, text))
    return h("code", {"translate": "no"}, text)
