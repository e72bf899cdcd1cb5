"""The charts of the Explore page: a frame in, a figure, the sentence that says what it shows, and its numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from src.board.charts.benchmarks import correlations, health
from src.board.charts.drawing import NOTHING, Chart, ChartChoice
from src.board.charts.models import GROUPS, best_over_time, scaling, spread
from src.board.charts.pairs import COSTS, numeric_columns, one_against_another
from src.core.suites import Suite

CHARTS: Mapping[str, Callable[[pd.DataFrame, Suite, ChartChoice], Chart]] = {
    "cost": one_against_another,
    "time": best_over_time,
    "spread": spread,
    "correlations": correlations,
    "health": health,
    "scaling": scaling,
}

OF_BENCHMARKS = ("correlations", "health")
"""Charts that read every score, with what is known of it."""
OF_MODELS = ("id", "model", "precision", "model_type", "family", "params_b", "submission_date")
"""What the other charts read of a frame, beside what is chosen."""

TITLES = {
    "cost": "Scatter plot",
    "time": "Best over time",
    "spread": "Distribution",
    "correlations": "Correlations",
    "health": "Health",
    "scaling": "Scaling",
}

__all__ = [
    "CHARTS",
    "COSTS",
    "GROUPS",
    "NOTHING",
    "OF_BENCHMARKS",
    "OF_MODELS",
    "TITLES",
    "Chart",
    "ChartChoice",
    "numeric_columns",
]
