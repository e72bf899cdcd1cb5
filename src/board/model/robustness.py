"""How firm a model's place is: against sampling noise, other weights, other aggregations, and without a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.board.live.snapshot import Snapshot
from src.board.table.rows import kept
from src.core.errors import BadInputError
from src.core.items.sensitivity import OptionSensitivity
from src.core.scoring import averages
from src.core.statistics.aggregate import AGGREGATIONS, aggregate, leave_one_out, points_up
from src.core.statistics.ranking.ranks import competition_rank
from src.core.statistics.ranking.robustness import weight_robustness
from src.core.suites import Suite

DRAWS = 400
MOST_ROWS = 20_000  # beyond this the other weights are drawn for a random part of the board
SEED = 7


@dataclass(frozen=True)
class Band:
    """Where a rank lies under random weights: 5 % of draws are better than `low`, 5 % worse than `high`."""

    low: int
    high: int
    first: float  # share of draws in which the model is first


@dataclass(frozen=True)
class RankRobustness:
    """What a place would be otherwise. Ranks are among the rows that have every benchmark, `of` in number."""

    rank: int
    of: int
    noise: tuple[int, int] | None  # the range that sampling noise leaves
    tied_with_best: bool
    any_weights: Band | None  # Dirichlet(1): whatever somebody cares for
    near_weights: Band | None  # Dirichlet(10): about as the board weighs them
    aggregated: tuple[tuple[str, int], ...]  # label of another aggregation, the rank under it
    without: tuple[tuple[str, int], ...]  # title of a benchmark, the rank were it left out


def perturbed_ranks(
    snapshot: Snapshot, row_id: str, sensitivity: Mapping[str, OptionSensitivity]
) -> tuple[int, int] | None:
    """Return the best and the worst rank of a row if each benchmark had its best or worst score of all option orders.

    Other rows keep their scores. None if the row has no rank, or if averages depend on the other rows.
    """
    frame, suite = snapshot.frame, snapshot.suite
    row, others = frame[frame["id"] == row_id], frame.loc[frame["id"] != row_id, "average"].dropna()
    if row.empty or row["average"].isna().any() or not sensitivity or suite.aggregation in ("none", "win_rate"):
        return None
    sign = 1 if points_up(suite.aggregation, [benchmark.higher_is_better for benchmark in suite.averaged]) else -1
    ranks = []
    for end in ("high", "low"):
        scores = {f"{key}.score": getattr(each, end) for key, each in sensitivity.items()}
        average = float(averages(row.assign(**scores), suite).iloc[0])
        ranks.append(1 + int((sign * others > sign * average + 1e-9).sum()))
    return min(ranks), max(ranks)


def firmness(frame: pd.DataFrame, suite: Suite, row_id: str) -> RankRobustness | None:
    """Return everything above for one row; None if it has no rank."""
    benchmarks = suite.averaged
    columns = [f"{benchmark.key}.score" for benchmark in benchmarks]
    whole = frame[frame["average"].notna()].dropna(subset=columns)
    found = np.flatnonzero(whole["id"] == row_id)
    if not len(found) or len(benchmarks) < 2 or suite.aggregation == "none":
        return None
    at = int(found[0])
    scores = kept(whole[columns].to_numpy(float))
    better = [benchmark.higher_is_better for benchmark in benchmarks]
    weights = np.array([benchmark.weight for benchmark in benchmarks])
    row = whole.iloc[at]
    sign = 1 if points_up(suite.aggregation, better) else -1
    rank = int(competition_rank(sign * kept(whole["average"].to_numpy(float)))[at])
    left_out = leave_one_out(scores, suite.aggregation, weights, better)
    return RankRobustness(
        rank=rank,
        of=len(whole),
        noise=_range(row),
        tied_with_best=bool(row.get("tied", False)),
        any_weights=_band(scores, better, at, 1.0),
        near_weights=_band(scores, better, at, 10.0),
        aggregated=tuple(_aggregated(scores, weights, better, suite, at)),
        without=tuple((each.title, int(left[at])) for each, left in zip(benchmarks, left_out.T, strict=True)),
    )


def _range(row: pd.Series) -> tuple[int, int] | None:
    low, high = row.get("rank.low"), row.get("rank.high")
    return None if low is None or pd.isna(low) or pd.isna(high) else (int(low), int(high))


def _band(scores: np.ndarray, better: list[bool], at: int, concentration: float) -> Band | None:
    """Return only if all benchmarks point one way and share a scale: a weighted mean needs both."""
    if len(set(better)) > 1:
        return None
    rng = np.random.default_rng(SEED)
    upward = scores if better[0] else -scores
    share = 1.0
    if len(upward) > MOST_ROWS:
        others = rng.choice(np.delete(np.arange(len(upward)), at), MOST_ROWS - 1, replace=False)
        share = len(upward) / MOST_ROWS
        upward, at = np.vstack([upward[at], upward[others]]), 0
    found = weight_robustness(upward, rng, concentration=concentration, draws=DRAWS, rows=[at])
    low, high = (max(1, round(1 + (float(end[0]) - 1) * share)) for end in (found.low, found.high))
    return Band(low, high, float(found.first[0]))


def _aggregated(
    scores: np.ndarray, weights: np.ndarray, better: list[bool], suite: Suite, at: int
) -> list[tuple[str, int]]:
    ranks = []
    for name, way in AGGREGATIONS.items():
        if name == suite.aggregation:
            continue
        try:
            values = kept(aggregate(scores, name, weights, better))
        except BadInputError:
            continue  # this way cannot be taken here
        sign = 1 if points_up(name, better) else -1
        ranks.append((way.label, int(competition_rank(sign * values)[at])))
    return ranks
