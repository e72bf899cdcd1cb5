"""The charts of the Explore page: a frame in, a figure, the sentence that says what it shows, and its numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from src.board.charts.benchmarks import correlations, health
from src.board.charts.drawing import NOTHING, Ask, Chart
from src.board.charts.models import COSTS, GROUPS, best_over_time, scaling, score_against_cost, spread
from src.core.suites import Suite

CHARTS: Mapping[str, Callable[[pd.DataFrame, Suite, Ask], Chart]] = {
    "cost": score_against_cost,
    "time": best_over_time,
    "spread": spread,
    "correlations": correlations,
    "health": health,
    "scaling": scaling,
}

TITLES = {
    "cost": "Score against cost",
    "time": "Best over time",
    "spread": "Distribution",
    "correlations": "Correlations",
    "health": "Health",
    "scaling": "Scaling",
}

__all__ = ["CHARTS", "COSTS", "GROUPS", "NOTHING", "TITLES", "Ask", "Chart"]
