"""Charts of the benchmarks themselves: how far they agree, and whether each still tells models apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from src.board.charts.drawing import Axis, Bar, Chart, ChartChoice, Figure, label, nothing, numbers, share
from src.core.errors import BadInputError
from src.core.statistics.health import benchmark_health, shared_signal
from src.core.suites import Suite

TITLE = "Benchmarks against one another"


def correlations(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return how far the benchmarks agree with one another about who is better (Pearson, on published scores)."""
    keys = [f"{benchmark.key}.score" for benchmark in suite.benchmarks if f"{benchmark.key}.score" in frame]
    titles = [label(suite, key) for key in keys]
    try:
        shared = shared_signal(frame[keys].to_numpy(dtype=float, na_value=np.nan))
    except BadInputError:
        return nothing("correlations", TITLE)
    table = pd.DataFrame(shared.correlation, index=titles, columns=titles).rename_axis("benchmark").reset_index()

    def draw() -> Figure:
        places = Axis(kind="names", names=titles)
        return Figure(places, places, cells=shared.correlation.round(2).tolist())

    sentence = (
        f"Over {shared.models:,} models one common direction carries {share(shared.first_component)} of the "
        f"differences between models: the {len(keys)} benchmarks amount to about {shared.participation:.1f} "
        "separate things."
    )
    return Chart("correlations", TITLE, sentence, draw, table)


def health(frame: pd.DataFrame, suite: Suite, ask: ChartChoice) -> Chart:
    """Return whether each benchmark still tells models apart: reliability, models at chance, ties with its best."""
    found = {}
    for benchmark in suite.benchmarks:
        score, se, chance = (f"{benchmark.key}.{part}" for part in ("score", "se", "at_chance"))
        if score not in frame or not frame[score].notna().any():
            continue
        sign = 1 if benchmark.higher_is_better else -1
        marks = frame[chance].fillna(False).to_numpy(bool) if chance in frame else None
        known = benchmark_health(sign * numbers(frame, score), numbers(frame, se) if se in frame else None, marks)
        found[benchmark.title] = known
    rows = {title: each for title, each in found.items() if each.reliability is not None}
    if not rows:
        return nothing("health", "Health of the benchmarks")
    # the best itself is one of those that are not distinguishable from it
    tied = {title: max(0, (each.ties_with_best or 1) - 1) for title, each in rows.items()}

    def draw() -> Figure:
        bars = [
            Bar(title, each.reliability or 0, f"{share(each.floor)} at chance, {tied[title]:,} tied with the best")
            for title, each in rows.items()
        ]
        return Figure(Axis("Reliability", ends=(0, 1)), Axis(kind="names", names=list(rows)), bars=bars)

    reliable = max(rows, key=lambda title: rows[title].reliability or 0)
    floor = max(rows, key=lambda title: rows[title].floor)
    most = max(tied, key=lambda title: tied[title])
    sentence = (
        f"{reliable} tells these models apart best: {rows[reliable].reliability:.3f} of its differences is not chance. "
        f"On {floor}, {share(rows[floor].floor)} of models are not distinguishable from guessing; "
        f"on {most}, {tied[most]:,} are not distinguishable from the best."
    )
    table = pd.DataFrame([{"benchmark": title, **vars(each)} for title, each in rows.items()])
    return Chart("health", "Health of the benchmarks", sentence, draw, table)
