"""The scores of one row as lines: each with its interval, its place among models of its size, and beside its base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.board.live.per_frame import per_frame
from src.board.model.relations import value_of
from src.board.table.direction import is_higher_better
from src.board.table.rows import kept
from src.core.statistics.relative import Gain, gain_over_base
from src.core.suites import Benchmark, Suite

NEAR = 1.25  # a model of its size has between size / NEAR and size × NEAR parameters
FEWEST = 10  # fewer peers than this say little, so the whole board stands in
BINS = 25  # of the distribution of the peers' scores


@dataclass(frozen=True)
class Place:
    """Where a score falls among its peers' scores, best first; ties share a place."""

    rank: int
    of: int
    heights: tuple[int, ...]  # peers in each of BINS equal parts of the benchmark's range


@dataclass(frozen=True)
class ScoreLine:
    """One number of the run: the average, or a benchmark."""

    key: str
    title: str
    help: str
    unit: str
    digits: int
    bounds: tuple[float, float]
    score: float | None
    low: float | None  # 95 % interval of the score, if something tells
    high: float | None
    raw: float | None  # 0..1
    base: float | None  # the base model's score
    place: Place | None
    gained: Gain | None = None  # over the base, with its interval; from counts, as if each answered other questions

    @property
    def gain(self) -> float | None:
        """Score less the base's, in points."""
        return None if self.score is None or self.base is None else self.score - self.base


@dataclass(frozen=True)
class Peers:
    """Whom a model is compared with: those of about its size, or all if that is unknown or too few."""

    count: int
    low: float | None  # billions
    high: float | None


def peers_of(frame: pd.DataFrame, size: float | None) -> tuple[Peers, Mapping[str, np.ndarray]]:
    """Return who is near in size, and their scores by column, NaN if unknown."""
    sizes, scores = _columns(frame)
    if size:
        near = (sizes >= size / NEAR) & (sizes <= size * NEAR)
        if (n := int(near.sum())) >= FEWEST:
            return Peers(n, size / NEAR, size * NEAR), {path: column[near] for path, column in scores.items()}
    return Peers(len(frame), None, None), scores


@per_frame(4)
def _columns(frame: pd.DataFrame) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    paths = ["average", *(name for name in frame.columns if name.endswith(".score"))]
    return _floats(frame["params_b"]), {path: _floats(frame[path]) for path in paths}


def _floats(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)


def score_lines(
    suite: Suite, row: pd.Series, base: pd.Series | None, among: Mapping[str, np.ndarray]
) -> list[ScoreLine]:
    """Return the average and every benchmark of `row`, beside `base` and the scores of its peers."""

    def line(key: str, path: str, title: str, text: str, benchmark: Benchmark | None) -> ScoreLine:
        score = value_of(row[path])
        higher = is_higher_better(suite, path)
        bounds = _bounds(benchmark, among[path], higher)
        return ScoreLine(
            key,
            title,
            text,
            benchmark.unit if benchmark else "%",
            benchmark.digits if benchmark else 2,
            bounds,
            score,
            value_of(row.get(f"{key}.low")),
            value_of(row.get(f"{key}.high")),
            value_of(row.get(f"{key}.raw")),
            None if base is None else value_of(base[path]),
            _place(among[path], score, bounds, higher),
            None if base is None else _gained(row, base, path, f"{key}.se"),
        )

    lines = [] if suite.aggregation == "none" else [line("average", "average", "Average", AVERAGE, None)]
    return lines + [line(each.key, f"{each.key}.score", each.title, each.help, each) for each in suite.benchmarks]


def _gained(row: pd.Series, base: pd.Series, score: str, error: str) -> Gain | None:
    data = [value_of(each.get(column)) for each in (row, base) for column in (score, error)]
    return None if None in data else gain_over_base(*data)


AVERAGE = "Plain mean of the benchmarks’ scores; none while one of them is missing."


def _bounds(benchmark: Benchmark | None, scores: np.ndarray, higher: bool) -> tuple[float, float]:
    """From where to where a score is drawn: over its whole range where that is one of points, else as far as scores go.

    Word error rates may pass 100, and speeds know no end: on such a range all models would stand in one place.
    """
    bounds = benchmark.bounds if benchmark else (0.0, 100.0)
    return bounds if bounds and higher and bounds[1] - bounds[0] <= 100 else _range(scores)


def _range(scores: np.ndarray) -> tuple[float, float]:
    known = scores[~np.isnan(scores)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    return (low, high) if low < high else (0.0, 100.0)


def _place(scores: np.ndarray, score: float | None, bounds: tuple[float, float], higher: bool) -> Place | None:
    known = kept(scores[~np.isnan(scores)])
    if score is None or not len(known):
        return None
    own = kept(np.array([score]))
    better = int((known > own).sum() if higher else (known < own).sum())
    heights, _ = np.histogram(np.clip(known, *bounds), bins=BINS, range=bounds)
    return Place(better + 1, len(known), tuple(heights.tolist()))
