"""A claim beside the measurement: the difference, its error, z, and whether both were measured alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from src.board.claims.reading import shots_of
from src.core import exact
from src.core.suites import Benchmark, Suite

NOTABLE = 3.0
"""|z| from which a claim is reported: of honest claims one in 370 passes it, of those six errors wrong 999 in 1,000."""


@dataclass(frozen=True)
class ClaimComparison:
    """One benchmark, in per cent before chance is taken off. error: of the difference; alike: None if unknown."""

    benchmark: str
    claimed: float
    measured: float
    error: float
    note: str
    alike: bool | None

    @property
    def difference(self) -> float:
        """Claimed less measured, in points."""
        return self.claimed - self.measured

    @property
    def z(self) -> float:
        """The difference in units of its standard error."""
        return self.difference / self.error

    @property
    def is_notable(self) -> bool:
        """Whether chance alone does not explain the difference."""
        return abs(self.z) > NOTABLE


def compare_claims(row: Mapping[str, Any], suite: Suite) -> Iterator[ClaimComparison]:
    """Yield what is claimed of a row of a frame with certainty, benchmark by benchmark.

    The claim's own error is unknown, so it counts with that of the measurement: √2·SE.
    """
    for benchmark in suite.benchmarks:
        claimed, se, raw, score = (
            np.nan if (value := row.get(f"{benchmark.key}.{part}")) is None or pd.isna(value) else float(value)
            for part in ("claimed", "se", "raw", "score")
        )
        measured = float(_per_cent(np.array(raw), np.array(score), benchmark))
        if np.isnan([claimed, measured, se]).any() or not se:
            continue
        note = row.get(f"{benchmark.key}.claim_note")
        words = "" if note is None or pd.isna(note) else str(note)
        shots = shots_of(words)
        yield ClaimComparison(
            benchmark.key, claimed, measured, math.sqrt(2) * se * raw_points(benchmark), words,
            None if shots is None or benchmark.shots is None else shots == benchmark.shots,
        )  # fmt: skip


def with_claims(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the frame with `claim.z`: of each row's claims the z that is farthest from 0."""
    farthest = np.full(len(frame), np.nan)
    for benchmark in suite.benchmarks:
        columns = [f"{benchmark.key}.{part}" for part in ("claimed", "se", "raw", "score")]
        if not set(columns[:2]) <= set(frame.columns):
            continue
        claimed, se, raw, score = frame.reindex(columns=columns).to_numpy(dtype=float, na_value=np.nan).T
        z = (claimed - _per_cent(raw, score, benchmark)) / (math.sqrt(2) * se * raw_points(benchmark))
        farther = ~np.isnan(z) & (np.isnan(farthest) | (np.abs(z) > np.abs(np.nan_to_num(farthest))))
        farthest = np.where(farther, z, farthest)
    if np.isnan(farthest).all():
        return frame
    compared = frame.assign(**{"claim.z": farthest})
    compared.attrs = dict(frame.attrs)
    return compared


def raw_points(benchmark: Benchmark) -> float:
    """Return how many points of the raw score one point of the published score is."""
    if benchmark.normalise == "none":
        return 1.0
    chances = [task.chance for task in benchmark.tasks if task.chance is not None]
    return 1 - (exact.mean(chances) if chances else benchmark.chance or 0.0)


def _per_cent(raw: np.ndarray, score: np.ndarray, benchmark: Benchmark) -> np.ndarray:
    """Return raw scores in per cent; if a table has none, from a published score that was not clipped at chance."""
    share = raw_points(benchmark)
    known = benchmark.normalise != "subtasks" or len(benchmark.tasks) <= 1
    derived = np.where((score > 0) & known, 100 * (1 - share) + share * score, np.nan)
    return np.where(np.isnan(raw), derived, 100 * raw)
