"""Harness numbers → raw value → published score → average, always from the subtasks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from src.core.suites import Suite


def averages(frame: pd.DataFrame, suite: Suite) -> pd.Series:
    """The average of every row of a tidy frame by the suite's aggregation; missing where a benchmark is."""
    keys = [f"{benchmark.key}.score" for benchmark in suite.averaged]
    if suite.aggregation == "none" or not keys:
        return pd.Series(np.nan, index=frame.index)
    scores = frame[keys].to_numpy(dtype="float64")
    weights = np.array([benchmark.weight for benchmark in suite.averaged])
    weights = weights / weights.sum()
    if suite.aggregation == "distance_to_optimum":
        return pd.Series(suite.optimum - np.sqrt(((suite.optimum - scores) ** 2) @ weights), index=frame.index)
    if suite.aggregation == "win_rate":
        return pd.Series(_win_rates(frame[keys], suite) @ weights, index=frame.index)
    return pd.Series(scores @ weights, index=frame.index)


def _win_rates(scores: pd.DataFrame, suite: Suite) -> np.ndarray:
    """For each row and benchmark, the share of other rows it beats, in percent; a tie is half a win."""
    signs = np.array([1 if benchmark.higher_is_better else -1 for benchmark in suite.averaged])
    ranks = (scores * signs).rank(method="average")
    return (100 * (ranks - 1) / (ranks.count() - 1).clip(lower=1)).to_numpy()
