"""How sure the table is of its numbers: the suite's facts and the frame's rows in, columns beside the scores out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from src.board.claims.comparing import with_claims
from src.core.statistics.approximate import Design
from src.core.statistics.table import TableStatistics, table_statistics
from src.core.suites import Benchmark, Suite

LEVEL = 0.95


def design(benchmark: Benchmark) -> Design | None:
    """Return the items behind a benchmark's published score; None if the suite does not say how many there are."""
    if not benchmark.tasks:
        if not benchmark.items or benchmark.unit != "%":
            return None
        return Design((benchmark.items,), (0.0,))
    if any(task.items is None for task in benchmark.tasks):
        return None
    takes_chance_off = benchmark.normalise != "none"
    return Design(
        items=tuple(task.items or 0 for task in benchmark.tasks),
        chance=tuple((task.chance or 0.0) if takes_chance_off else 0.0 for task in benchmark.tasks),
        is_macro=benchmark.pooling == "mean" and len(benchmark.tasks) > 1,
        independent=benchmark.independent,
    )


def statistics(frame: pd.DataFrame, suite: Suite) -> TableStatistics:
    """Intervals, rank ranges and ties for every row of a tidy frame."""
    benchmarks = suite.benchmarks
    return table_statistics(
        _matrix(frame, [f"{b.key}.score" for b in benchmarks]),
        se=_matrix(frame, [f"{b.key}.se" for b in benchmarks]),
        raw=np.column_stack([_raw(frame, b) for b in benchmarks]),
        bounds=(
            _matrix(frame, [f"{b.key}.from" for b in benchmarks]),
            _matrix(frame, [f"{b.key}.to" for b in benchmarks]),
        ),
        designs=[design(b) for b in benchmarks],
        average=_matrix(frame, ["average"])[:, 0],
        weights=[b.weight for b in benchmarks] if suite.averaged else None,
        higher_is_better=all(b.higher_is_better for b in suite.averaged) or suite.aggregation != "mean",
        level=LEVEL,
    )


def with_certainty(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the frame with what is known of each number.

    For the average and each benchmark k the columns `k.se`, `k.low`,
    `k.high` (points; the score before clipping at chance), `k.at_chance`, `k.approximate` (from counts, not samples),
    and `rank`, `rank.low`, `rank.high`, `tied` (not distinguishable from the best), `tier` (1: not distinguishable from
    the best row, 2: from the best of the others, …); `claim.z` if anything is claimed of any row.
    """
    if frame.empty:
        return frame
    found = statistics(frame, suite)
    columns: dict[str, object] = {
        "average.se": found.average_se,
        "average.low": found.average_low,
        "average.high": found.average_high,
        "average.approximate": found.is_approximate,
        "rank": found.rank,
        "rank.low": found.rank_low,
        "rank.high": found.rank_high,
        "tied": found.tied_with_best,
        "tier": found.tier,
    }
    for b, benchmark in enumerate(suite.benchmarks):
        for name in ("se", "low", "high", "at_chance", "approximate"):
            columns[f"{benchmark.key}.{name}"] = getattr(found, name)[:, b]
    kept = frame.drop(columns=[name for name in columns if name in frame])
    joined = pd.concat([kept, pd.DataFrame(columns, index=frame.index)], axis=1)
    joined.attrs = dict(frame.attrs)
    return with_claims(joined, suite)


def _raw(frame: pd.DataFrame, benchmark: Benchmark) -> np.ndarray:
    raw = _matrix(frame, [f"{benchmark.key}.raw"])[:, 0]
    if benchmark.normalise == "none" and benchmark.unit == "%":  # then the score is the raw value, in per cent
        return np.where(np.isnan(raw), _matrix(frame, [f"{benchmark.key}.score"])[:, 0] / 100, raw)
    return raw


def _matrix(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Return columns as floats, shape (rows, columns); NaN if unknown or if the frame has no such column."""
    return frame.reindex(columns=columns).to_numpy(dtype=float, na_value=np.nan)
