"""Two models on the same questions: the difference, its interval, and what it would take to see one.

Joined on (task, doc_hash), never on position: row order differs between runs. Same formulas as one model's, on
d = x_A − x_B (Miller 2024, arXiv:2411.00640); McNemar's mid-p for one right-or-wrong benchmark
(Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91); Holm (1979) for one against many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, norm

from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.intervals import (
    Array,
    Interval,
    common_clusters,
    is_binary,
    macro_se,
    normal_interval,
    pooled_se,
    standard_error,
)

MOST_UNMATCHED = 0.01  # share of questions that one of two models never saw
DETECTABLE = 2.8  # z(0.975) + z(0.8): a difference this many SE wide is found four times out of five


class UnmatchedError(BadInputError):
    """Two models did not answer the same questions."""


@dataclass(frozen=True)
class ItemScores:
    """One model's scored answers: tasks, doc_hashes (n,) name the question, scores (n,) lie in 0..1.

    clusters: (n,) labels of questions that stand or fall together, or None.
    """

    tasks: NDArray
    doc_hashes: NDArray
    scores: Array
    clusters: NDArray | None = None


@dataclass(frozen=True)
class Pair:
    """Two models' scores on the questions both answered, ordered by task and doc_hash.

    rows_a, rows_b: where each question lies in either model's answers. unmatched: share of questions only one has.
    """

    tasks: NDArray
    doc_hashes: NDArray
    a: Array
    b: Array
    rows_a: NDArray[np.intp]
    rows_b: NDArray[np.intp]
    clusters: NDArray | None
    unmatched: float


@dataclass(frozen=True)
class Difference:
    """A minus B in points.

    wins, losses: questions A or B scored higher on, ties the others. smallest_detectable: the true difference that
    this many questions would show four times out of five.
    """

    value: float
    se: float
    interval: Interval
    p: float
    method: str
    wins: int
    losses: int
    ties: int
    smallest_detectable: float
    unmatched: float = 0.0


@dataclass(frozen=True)
class PairedStratum:
    """Both models' scores (n,) on one subtask's questions, in the same order; scale: points a full item is worth."""

    a: Array
    b: Array
    scale: float = 100.0
    clusters: NDArray | None = None


def join(a: ItemScores, b: ItemScores, most_unmatched: float = MOST_UNMATCHED) -> Pair:
    """Match two models' answers on (task, doc_hash); a question asked twice is matched in order of its score.

    Clusters are taken from A.

    Raises UnmatchedError if more than `most_unmatched` of all questions were answered by one model only: then the runs
    used other data, or another version of the task.
    """
    key_a, key_b = keys_of(a), keys_of(b)
    _, rows_a, rows_b = np.intersect1d(key_a, key_b, assume_unique=True, return_indices=True)
    total = len(key_a) + len(key_b) - len(rows_a)
    unmatched = 1 - len(rows_a) / total if total else 1.0
    if unmatched > most_unmatched:
        raise UnmatchedError(
            f"Only {len(rows_a):,} of {total:,} questions were answered by both models ({unmatched:.1%} unmatched, "
            f"{most_unmatched:.0%} allowed): the runs differ in data or task version. Compare runs of one version."
        )
    clusters = None if a.clusters is None else np.asarray(a.clusters)[rows_a]
    return Pair(
        np.asarray(a.tasks)[rows_a], np.asarray(a.doc_hashes)[rows_a],
        np.asarray(a.scores, float)[rows_a], np.asarray(b.scores, float)[rows_b],
        rows_a, rows_b, clusters, unmatched,
    )  # fmt: skip


def macro_difference(strata: Sequence[PairedStratum], level: float = 0.95, unmatched: float = 0.0) -> Difference:
    """Difference of plain means of subtasks: (1/k) Σ a_s d̄_s, Var = (1/k²) Σ a_s² Var(d̄_s)."""
    value = exact.mean(s.scale * exact.mean(s.a - s.b) for s in strata)
    se = macro_se([(s.a - s.b, s.scale, s.clusters) for s in strata])
    return _difference(strata, value, se, level, unmatched, is_pooled=False)


def pooled_difference(strata: Sequence[PairedStratum], level: float = 0.95, unmatched: float = 0.0) -> Difference:
    """Difference of scores pooled over items, all on one scale.

    Without clusters Var = Σ (n_s/N)² Var(d̄_s); with them all items are centred on the common mean difference.
    p is McNemar's mid-p if the scores are right or wrong and no clusters are given.
    """
    scale = strata[0].scale
    if any(s.scale != scale for s in strata):
        raise BadInputError("Subtasks pooled into one score must share one chance level.")
    d = [s.a - s.b for s in strata]
    clusters = common_clusters(strata)
    se = pooled_se(d) if clusters is None else standard_error(np.concatenate(d), clusters)
    return _difference(strata, scale * exact.mean(np.concatenate(d)), scale * se, level, unmatched, is_pooled=True)


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """Return two-sided mid-p of wins against losses under a fair coin.

    2·P(X ≤ min) − P(X = min), X ~ Bin(wins+losses, ½).
    """
    n, fewer = wins + losses, min(wins, losses)
    if n == 0:
        return 1.0
    return float(min(1.0, 2 * binom.cdf(fewer, n, 0.5) - binom.pmf(fewer, n, 0.5)))


def holm(p: ArrayLike) -> Array:
    """Holm's (1979) step-down adjustment: p-values of one model against many, comparable with 0.05 as they stand."""
    raw = np.asarray(p, float)
    order = np.argsort(raw, kind="stable")
    steps = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def normal_p(value: float, se: float) -> float:
    """Return two-sided p of value/se under the normal distribution."""
    return float(2 * norm.sf(abs(value) / se))


def _difference(
    strata: Sequence[PairedStratum], value: float, se: float, level: float, unmatched: float, *, is_pooled: bool
) -> Difference:
    a, b = np.concatenate([s.a for s in strata]), np.concatenate([s.b for s in strata])
    wins, losses = int(np.sum(a > b)), int(np.sum(a < b))
    counts_alone = is_binary(a) and is_binary(b) and (is_pooled or len(strata) == 1)
    if counts_alone and all(s.clusters is None for s in strata):
        p, method = mcnemar_mid_p(wins, losses), "McNemar mid-p"
    else:
        p, method = normal_p(value, se), "normal"
    return Difference(
        value, se, normal_interval(value, se, level), p, method, wins, losses, len(a) - wins - losses,
        DETECTABLE * se, unmatched,
    )  # fmt: skip


def keys_of(answers: ItemScores) -> NDArray:
    """Return a key per answer: its question and, if that is asked twice, which of its answers by score this is."""
    names = np.char.add(np.char.add(np.asarray(answers.tasks, str), "\x1f"), np.asarray(answers.doc_hashes, str))
    order = np.lexsort((answers.scores, names))
    ordered = names[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(ordered)), 0))
    turn = np.empty(len(ordered), dtype=int)
    turn[order] = np.arange(len(ordered)) - first
    return np.char.add(np.char.add(names, "\x1f"), turn.astype(str))


def question_of(key: str) -> str:
    """Return the question's hash in a key of `keys_of`."""
    return key.rsplit("\x1f", 2)[1]
