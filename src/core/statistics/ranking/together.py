"""Several models on the same items: how their scores vary together, so that ranks count what they share only once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.intervals import Array, least_se
from src.core.statistics.paired import MOST_UNMATCHED, ItemScores, UnmatchedError, keys_of


class SharedScores(NamedTuple):
    """Keys of the items that all models answered (items,), as of `keys_of`, and scores (models, items)."""

    keys: NDArray[np.str_]
    scores: Array


def shared_scores(answers: Sequence[ItemScores], most_unmatched: float = MOST_UNMATCHED) -> SharedScores:
    """Return the models' scores on the items that all answered.

    Raises UnmatchedError if more than `most_unmatched` of all items were not answered by every model.
    """
    keys = [keys_of(each) for each in answers]
    common = reduce(np.intersect1d, keys)
    every = reduce(np.union1d, keys)
    missing = 1 - len(common) / len(every) if len(every) else 1.0
    if missing > most_unmatched:
        raise UnmatchedError(
            f"Only {len(common):,} of {len(every):,} questions were answered by all models ({missing:.1%} unmatched, "
            f"{most_unmatched:.0%} allowed): the runs differ in data or task version. Compare runs of one version."
        )
    rows = []
    for key, each in zip(keys, answers, strict=True):
        order = np.argsort(key)
        rows.append(np.asarray(each.scores, float)[order[np.searchsorted(key, common, sorter=order)]])
    return SharedScores(common, np.array(rows))


def score_covariance(tasks: Sequence[tuple[Array, float]], is_macro: bool) -> Array:
    """Return the covariance of the models' scores in points², (models, models), from fixed strata of shared items.

    tasks: (scores (models, items), points a full item is worth). Macro: (1/k²) Σ a_s² C_s; pooled: a² Σ (n_s/N)² C_s,
    with C_s the sample covariance of items over n_s. A variance is never below that of `least_se`.
    """
    if not tasks or any(scores.shape[1] < 2 for scores, _ in tasks):
        raise BadInputError("A covariance needs two or more items in every task.")
    total = sum(scores.shape[1] for scores, _ in tasks)
    weights = [scale / len(tasks) if is_macro else scale * scores.shape[1] / total for scores, scale in tasks]
    parts = [w**2 * np.cov(scores) / scores.shape[1] for (scores, _), w in zip(tasks, weights, strict=True)]
    covariance = np.atleast_2d(np.sum(parts, axis=0))
    floor = (exact.mean(scale for _, scale in tasks) * least_se(total)) ** 2
    short = np.maximum(floor - np.diag(covariance), 0)
    return covariance + np.diag(short)
