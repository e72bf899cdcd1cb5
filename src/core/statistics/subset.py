"""A benchmark's score estimated from 100 of its questions, with the help of models that answered all of them.

A random stratified subset keeps the estimate unbiased whatever the model; a two-dimensional item response model,
trained on reference models, narrows it. Augmented inverse probability weighting with cross-fitting (Robins, Rotnitzky,
Zhao 1994; Chernozhukov et al. 2018): prediction for all questions, corrected by what the asked ones show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr

from src.core.errors import BadInputError
from src.core.statistics.intervals import Array, Interval, least_se, normal_interval

LEAST_REFERENCES = 400
SLOPE_PRIOR = 1.0  # variance of an item's slopes a priori
INTERCEPT_PRIOR = 9.0  # and of its intercept


@dataclass(frozen=True)
class ItemModel:
    """P(right) = expit(intercept + slopes · ability): slopes (items, dimensions), intercepts (items,).

    Abilities are standard normal a priori. Birnbaum's two-parameter logistic model in several dimensions (Reckase 2009,
    Multidimensional Item Response Theory).
    """

    slopes: Array
    intercepts: Array
    references: int

    def probability(self, ability: Array) -> Array:
        """(items,) for one ability (dimensions,)."""
        return expit(self.intercepts + self.slopes @ ability)


@dataclass(frozen=True)
class SubsetEstimate:
    """A score over all `items` questions, estimated from those `asked`; never ranked as if measured.

    value, se, interval: a share 0..1, or in the unit of `worth` if that was given.
    """

    value: float
    se: float
    interval: Interval
    asked: int
    items: int
    label: str = "estimated"


def fit_item_model(correct: ArrayLike, dimensions: int = 2, sweeps: int = 40) -> ItemModel:
    """Fit by penalised joint likelihood, a Newton step for all models and one for all items in turn.

    correct: (models, items), 0..1, no gaps; at least 400 reference models. Deterministic: starts at the leading
    principal components.
    """
    x = np.asarray(correct, float)
    if len(x) < LEAST_REFERENCES:
        raise BadInputError(f"Estimates need at least {LEAST_REFERENCES} reference models; there are {len(x)}.")
    share = np.clip(x.mean(axis=0), 0.01, 0.99)
    centred = x - x.mean(axis=0)
    u, _, _ = np.linalg.svd(centred, full_matrices=False)
    ability = u[:, :dimensions] * np.sqrt(len(x))
    ability *= np.where(np.corrcoef(ability.T, x.mean(axis=1))[-1, :-1] < 0, -1, 1)
    items = np.column_stack([np.log(share / (1 - share)), np.zeros((x.shape[1], dimensions))])
    item_penalty = np.r_[1 / INTERCEPT_PRIOR, np.full(dimensions, 1 / SLOPE_PRIOR)]
    for _ in range(sweeps):
        design = np.column_stack([np.ones(len(x)), ability])
        for _ in range(2):
            items = _newton(items, design, x.T, item_penalty)
        for _ in range(2):
            ability = _newton(ability, items[:, 1:], x, np.ones(dimensions), offset=items[:, 0])
        ability = (ability - ability.mean(axis=0)) / ability.std(axis=0)
    return ItemModel(items[:, 1:], items[:, 0], len(x))


def ability_of(model: ItemModel, rows: NDArray[np.intp], scores: Array) -> Array:
    """Most likely ability a posteriori of a model that scored `scores` on the items `rows`."""
    ability = np.zeros((1, model.slopes.shape[1]))
    penalty = np.ones(model.slopes.shape[1])
    for _ in range(50):
        before = ability
        ability = _newton(ability, model.slopes[rows], scores[None, :], penalty, offset=model.intercepts[rows])
        if np.max(np.abs(ability - before)) < 1e-8:
            break
    return ability[0]


def choose_subset(strata: ArrayLike, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """`size` questions, drawn at random within strata in proportion to their sizes; every stratum gives at least two.

    strata: (items,) labels: subtasks, or `difficulty_strata` of a benchmark without any. Largest remainders are
    rounded up.
    """
    _, label = np.unique(np.asarray(strata), return_inverse=True)
    counts = np.bincount(label)
    if size < 2 * len(counts) or size > len(label):
        raise BadInputError(f"{size} of {len(label)} questions cannot hold two of each of {len(counts)} strata.")
    ideal = size * counts / counts.sum()
    take = np.minimum(np.maximum(np.floor(ideal).astype(int), 2), counts)
    for g in np.argsort(-(ideal - take), kind="stable"):
        take[g] += min(max(size - take.sum(), 0), 1, counts[g] - take[g])
    while take.sum() > size:  # small strata were raised to two
        take[np.argmax(take)] -= 1
    chosen = [rng.choice(np.flatnonzero(label == g), take[g], replace=False) for g in range(len(counts))]
    return np.sort(np.concatenate(chosen))


def difficulty_strata(model: ItemModel, strata: int = 10) -> NDArray[np.intp]:
    """Classes of equal size by how hard reference models find the item."""
    order = np.argsort(np.argsort(model.intercepts, kind="stable"), kind="stable")
    return order * strata // len(order)


def estimate(
    model: ItemModel,
    asked: NDArray[np.intp],
    scores: ArrayLike,
    strata: ArrayLike,
    *,
    rng: np.random.Generator,
    worth: ArrayLike | None = None,
    splits: int = 5,
    level: float = 0.95,
) -> SubsetEstimate:
    """Σ worth·x over all items from the `scores` x (0..1) of those `asked`, drawn by `choose_subset` from `strata`.

    worth: (items,), alike within a stratum; by default 1/items, for the share right. A plain mean of k normalised
    subtasks gives an item of subtask s 100/(1 − chance_s)/(k·N_s), and then wants Σ 100·chance_s/(1 − chance_s)/k
    taken off.
    Two-fold cross-fitting: ability fitted on one half predicts p̂; the other half corrects it. Within stratum s,
    half k gives T_s = Σ known x + Σ_rest p̂ + N_rest · mean_k(x − p̂), unbiased whatever p̂ is; halves are averaged, then
    a few random splits. Var = Σ_s worth_s² N_s² (1 − n_s/N_s) v_s/n_s, v_s the variance of x − p̂ (Särndal, Swensson,
    Wretman 1992, Model Assisted Survey Sampling).
    """
    x, (_, label) = np.asarray(scores, float), np.unique(np.asarray(strata), return_inverse=True)
    n, total = len(asked), len(label)
    if len(x) != n or total != len(model.intercepts):
        raise BadInputError(f"{n} questions came with {len(x)} scores, {len(model.intercepts)} items, {total} strata.")
    if np.bincount(label[asked], minlength=label.max() + 1).min() < 2:
        raise BadInputError("Every stratum needs at least two questions asked; take them from choose_subset.")
    each = np.full(total, 1 / total) if worth is None else np.asarray(worth, float)
    weight = np.bincount(label, each) / np.bincount(label)
    if not np.allclose(each, weight[label]):
        raise BadInputError("Questions of one stratum must be worth the same; use the subtasks as strata.")
    results = [_split_estimate(model, asked, x, label, rng) for _ in range(splits)]
    totals, variances = (np.mean(part, axis=0) for part in zip(*results, strict=True))
    value, se = float(weight @ totals), float(np.sqrt(weight**2 @ variances))
    se = max(se, float(each.sum()) * least_se(n) * float(np.sqrt(1 - n / total)))
    return SubsetEstimate(value, se, normal_interval(value, se, level), n, total)


def clamped_mean(mean: float, se: float) -> float:
    """Return a mean of subtasks that each count at least 0, from their unclamped mean in points.

    Clamping each small task's estimate would count its noise: 13 points where the truth is 2. A model's true scores
    over subtasks spread about their mean m like N(m, τ²); then the clamped mean is ψ(m, τ), with
    ψ(m, t) = m Φ(m/t) + t φ(m/t) = E max(0, N(m, t²)), and ψ(m̂, √(τ² − se²)) is unbiased for it, since the error of
    m̂ makes up the rest of the spread (deconvolution). τ = 7 + 0.4 m, 7 to 25, fits 24 subtasks of BBH over 112 models.
    """
    spread = float(np.clip(LEAST_SPREAD + SPREAD_SLOPE * mean, LEAST_SPREAD, MOST_SPREAD))
    t = float(np.sqrt(max(0.0, spread**2 - se**2)))
    if t == 0:
        return max(0.0, mean)
    return float(mean * ndtr(mean / t) + t * np.exp(-((mean / t) ** 2) / 2) / np.sqrt(2 * np.pi))


LEAST_SPREAD, SPREAD_SLOPE, MOST_SPREAD = 7.0, 0.4, 25.0  # of a model's subtasks about their mean, in points


def _split_estimate(
    model: ItemModel, asked: NDArray[np.intp], x: Array, label: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Estimated sums of scores over the strata, and their variances, from one split in halves."""
    sizes, taken = np.bincount(label), np.bincount(label[asked], minlength=label.max() + 1)
    fold = _folds(label[asked], rng)
    residual = np.empty(len(x))
    total = np.zeros(len(sizes))
    for k in (0, 1):
        here, there = fold == k, fold != k
        predicted = model.probability(ability_of(model, asked[there], x[there]))
        residual[here] = x[here] - predicted[asked[here]]
        known, corrected = label[asked[there]], label[asked[here]]
        sure = np.bincount(known, x[there] - predicted[asked[there]], len(sizes)) + np.bincount(label, predicted)
        rest = sizes - np.bincount(known, minlength=len(sizes))
        mine = np.bincount(corrected, minlength=len(sizes))
        correction = np.bincount(corrected, residual[here], len(sizes)) / np.maximum(mine, 1)
        total += mine / taken * (sure + rest * correction)
    off = residual - (np.bincount(label[asked], residual) / taken)[label[asked]]
    spread = np.bincount(label[asked], off**2) / np.maximum(taken - 1, 1)
    return total, sizes**2 * (1 - taken / sizes) * spread / taken


def _folds(strata: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Halves of each stratum, at random; odd ones out go to either half in turn."""
    order = np.lexsort((rng.random(len(strata)), strata))
    fold = np.empty(len(strata), dtype=np.intp)
    fold[order] = np.arange(len(strata)) % 2
    return fold


def _newton(parameters: Array, design: Array, outcome: Array, penalty: Array, offset: Array | float = 0.0) -> Array:
    """Return one Newton step of many ridge-penalised logistic regressions on one design (n, d).

    Outcome (m, n) → (m, d).
    """
    expected = expit(parameters @ design.T + offset)
    gradient = (outcome - expected) @ design - penalty * parameters
    d = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), d * d)
    information = ((expected * (1 - expected)) @ products).reshape(-1, d, d) + np.diag(penalty)
    step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
    return parameters + np.clip(step, -1, 1)
