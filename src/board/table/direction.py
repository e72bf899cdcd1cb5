"""Which way a score is better."""

from __future__ import annotations

from src.core.statistics.aggregate import points_up
from src.core.suites import Suite


def is_higher_better(suite: Suite, score: str) -> bool:
    """Return whether more of `score` ("average" or "<benchmark>.score", a column of the frame) is better."""
    if score == "average":
        return suite.aggregation == "none" or points_up(
            suite.aggregation, [benchmark.higher_is_better for benchmark in suite.averaged]
        )
    return next((b.higher_is_better for b in suite.benchmarks if score == f"{b.key}.score"), True)
