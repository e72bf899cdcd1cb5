"""The About page: how scores are computed, in the suite's own words, so that the page cannot drift from the code."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from src.board.live.snapshot import Board, Snapshot
from src.core.suites import Benchmark
from src.settings import Settings
from src.ui.web import branding
from src.ui.web.addresses import model_page
from src.ui.web.figures import number
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

POOLING = {
    "mean": "the plain mean of its {tasks} tasks",
    "weighted": "all items of its {tasks} tasks together",
    "mean_of_metrics": "the mean of {metrics}",
}
NORMALISE = {
    "none": "Published as it is.",
    "once": "Chance-adjusted: a model that guesses scores 0.",
    "subtasks": "Chance-adjusted in each task before the mean: a model that guesses scores 0.",
}
METRIC_WORDS = {"acc": "accuracy", "inst": "instruction"}
AVERAGES = {
    "mean": "The average is the plain mean of the benchmarks’ scores.",
    "distance": "The average is 100 minus the root mean square of each score’s distance from 100.",
    "win_rate": "The average is the mean share of other rows that a row beats, benchmark by benchmark.",
    "z_mean": "The average is the mean of each score’s distance from the benchmark’s mean, in standard deviations.",
    "geometric": "The average is the geometric mean of the benchmarks’ scores.",
    "median": "The average is the median of the benchmarks’ scores.",
    "none": "This board has no average: its columns must not be added up.",
}
SOURCES = {
    "live": "They are read from {store}.",
    "local": "They are read from the folder {store}.",
    "copy": "They are the last copy of {store} that this board kept.",
    "sample": "They are made up: a small sample that comes with the code.",
    "none": "There are none yet.",
}


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the suite's benchmarks, how each becomes a score, and where the rows come from."""
    snapshot = snapshot_of(board, visit.query)
    suite, profile = snapshot.suite, board.state.profile
    body = render(
        "about/page.html",
        board_name=settings.name,
        own=branding.about(profile.about) if profile.about else None,
        hidden=snapshot.frame.attrs.get("hidden", ()),
        suite=suite,
        benchmarks=[_benchmark(benchmark) for benchmark in suite.benchmarks],
        is_chance_adjusted=any(benchmark.normalise != "none" for benchmark in suite.benchmarks),
        average=AVERAGES[suite.aggregation],
        has_rows_at_chance=_has(snapshot.frame, ".at_chance"),
        is_approximate=_has(snapshot.frame, ".approximate"),
        source=_source(snapshot, board),
        notes=snapshot.frame.attrs.get("notes", ()),
        number=number,
        model_page=model_page,
    )
    return View("About", body, description=suite.help)


def _benchmark(benchmark: Benchmark) -> dict[str, Any]:
    tasks = len(benchmark.tasks)
    pooling = POOLING[benchmark.pooling].format(tasks=tasks, metrics=" and ".join(map(_words, benchmark.metrics)))
    raw = f"Raw value: {pooling}. " if tasks > 1 or benchmark.pooling == "mean_of_metrics" else ""
    facts = (
        benchmark.items and f"{benchmark.items:,} items",
        tasks > 1 and f"{tasks} tasks",
        benchmark.shots is not None and _shots(benchmark.shots),
        _chance(benchmark),
    )
    return {
        "key": benchmark.key,
        "title": benchmark.title,
        "help": benchmark.help,
        "facts": [fact for fact in facts if fact],
        "rule": raw + NORMALISE[benchmark.normalise] if tasks else None,
    }


def _shots(shots: int) -> str:
    return f"{shots or 'no'} worked example{'' if shots == 1 else 's'} before each question"


def _chance(benchmark: Benchmark) -> str | None:
    chances = sorted({task.chance for task in benchmark.tasks if task.chance is not None})
    if not chances:
        return None
    low, high = number(100 * chances[0], 0), number(100 * chances[-1], 0)
    return f"guessing earns {low} %" if low == high else f"guessing earns {low} to {high} %, by task"


def _words(metric: str) -> str:
    return " ".join(METRIC_WORDS.get(part, part) for part in metric.split("_"))


def _has(frame: pd.DataFrame, mark: str) -> bool:
    return any(frame[column].eq(True).any() for column in frame if column.endswith(mark))


def _source(snapshot: Snapshot, board: Board) -> str:
    source = SOURCES[snapshot.source].format(store=snapshot.store or board.store.name)
    if snapshot.source in ("live", "local", "copy"):
        source += f" Last in step with it at {snapshot.as_of:%Y-%m-%d %H:%M} UTC."
    scorers = Counter(snapshot.frame["scorer"].dropna()) if "scorer" in snapshot.frame else Counter()
    graded = ", ".join(
        f"{count:,} by the rules of {scorer}".replace("-", "\u2011") for scorer, count in sorted(scorers.items())
    )
    return f"{source} Graded: {graded}." if graded else source


PAGE = Page(name="about", route="/about", nav="About", view=view)
