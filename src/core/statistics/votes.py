"""Scores out of votes between pairs: Bradley–Terry with intervals.

Bradley & Terry (1952), Biometrika 39; fitted as logistic regression, ties as half a win for either side; sandwich
covariance after White (1982), clustered by voter if voters are known (Liang & Zeger 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, softmax

from src.core.errors import BadInputError
from src.core.statistics.intervals import Array, Interval, z_value


class DisconnectedError(BadInputError):
    """Some items were never beaten by the rest, or never met it: no scale holds them all."""


@dataclass(frozen=True)
class BradleyTerry:
    """names: sorted; log_ability: (p,), mean 0, so that P(i beats j) = expit(θ_i − θ_j); covariance: (p, p) of it."""

    names: tuple[str, ...]
    log_ability: Array
    covariance: Array
    votes: int

    @property
    def strength(self) -> Array:
        """exp(θ) scaled to sum 1."""
        return softmax(self.log_ability)

    @property
    def se(self) -> Array:
        return np.sqrt(np.diag(self.covariance))

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """θ ± z·SE against the average item."""
        i = self.names.index(name)
        half = z_value(level) * self.se[i]
        return Interval(float(self.log_ability[i] - half), float(self.log_ability[i] + half), "sandwich", level)

    def elo(self, base: float = 1000.0) -> Array:
        """Return the same on the chess scale: 400/ln 10 points a unit of θ, `base` for the average item."""
        return base + float(400 / np.log(10)) * self.log_ability

    def probability(self, a: str, b: str) -> float:
        """P(a beats b)."""
        return float(expit(self.log_ability[self.names.index(a)] - self.log_ability[self.names.index(b)]))


def bradley_terry(
    left: Sequence[str],
    right: Sequence[str],
    winner: Sequence[str],
    counts: ArrayLike | None = None,
    voters: Sequence[object] | None = None,
) -> BradleyTerry:
    """Fit votes by maximum likelihood: Newton's method until the gradient vanishes.

    left, right: names; winner: "left", "right" or "tie"; counts: how often each line was seen (1 unless given);
    voters: who voted, whose votes then stand or fall together. Raises DisconnectedError if no finite scale exists (Ford
    1957: every split of the items needs a win, or tie, both ways).
    """
    outcome = {"left": 1.0, "right": 0.0, "tie": 0.5}
    if len(left) != len(right) or len(left) != len(winner):
        raise BadInputError(
            f"{len(left)} left names, {len(right)} right names and {len(winner)} winners do not pair up."
        )
    if unknown := sorted({str(w) for w in winner} - outcome.keys()):
        raise BadInputError(f"A vote's winner is left, right or tie, not {', '.join(map(repr, unknown))}.")
    names, ids = np.unique(np.asarray([*left, *right], dtype=str), return_inverse=True)
    a, b = ids[: len(left)], ids[len(left) :]
    if np.any(a == b):
        raise BadInputError(f"{names[a[a == b][0]]!r} was put to vote against itself.")
    y = np.array([outcome[str(w)] for w in winner])
    n = np.ones(len(y)) if counts is None else np.asarray(counts, float)
    if not len(y) or np.any(n < 0):
        raise BadInputError(
            "There are no votes to count." if not len(y) else "A vote cannot be seen fewer than 0 times."
        )
    votes = _Votes(len(names), a, b, y, n)
    _check_connected(names, votes)
    theta = _newton(votes)
    return BradleyTerry(tuple(map(str, names)), theta, _sandwich(votes, theta, voters), int(n.sum()))


@dataclass(frozen=True)
class _Votes:
    """Lines of votes as numbers: item a met item b, y is a's outcome (1, ½, 0), seen n times."""

    p: int
    a: NDArray[np.intp]
    b: NDArray[np.intp]
    y: Array
    n: Array

    def expected(self, theta: Array) -> Array:
        return expit(theta[self.a] - theta[self.b])

    def laplacian(self, weight: Array) -> Array:
        """Σ over votes of weight·(e_a − e_b)(e_a − e_b)ᵀ, (p, p)."""
        off = np.zeros((self.p, self.p))
        np.add.at(off, (self.a, self.b), weight)
        off += off.T
        return np.diag(off.sum(axis=1)) - off


def _newton(votes: _Votes) -> Array:
    theta = np.zeros(votes.p)
    for _ in range(100):
        expected = votes.expected(theta)
        residual = votes.n * (votes.y - expected)
        gradient = np.bincount(votes.a, residual, votes.p) - np.bincount(votes.b, residual, votes.p)
        information = votes.laplacian(votes.n * expected * (1 - expected))
        step = np.linalg.solve(information + 1.0, gradient)  # + 1 fixes the free constant: steps have mean 0
        theta = theta + step * min(1.0, 2 / max(np.abs(step).max(), 1e-12))  # long strides overshoot
        if np.abs(step).max() < 1e-10:
            return theta - theta.mean()
    raise BadInputError("The votes are too one-sided to put on a scale.")


def _sandwich(votes: _Votes, theta: Array, voters: Sequence[object] | None) -> Array:
    expected = votes.expected(theta)
    bread = np.linalg.pinv(votes.laplacian(votes.n * expected * (1 - expected)), hermitian=True)
    residual = votes.y - expected
    if voters is None:
        return bread @ votes.laplacian(votes.n * residual**2) @ bread
    _, voter = np.unique(np.asarray(voters, dtype=str), return_inverse=True)
    groups = int(voter.max()) + 1
    if groups < 2:
        raise BadInputError("All votes came from one voter; nothing tells how other voters would differ.")
    scores = np.zeros((groups, votes.p))
    np.add.at(scores, (voter, votes.a), votes.n * residual)
    np.add.at(scores, (voter, votes.b), -votes.n * residual)
    return bread @ (groups / (groups - 1) * scores.T @ scores) @ bread


def _check_connected(names: NDArray, votes: _Votes) -> None:
    wins, losses = (votes.y > 0) & (votes.n > 0), (votes.y < 1) & (votes.n > 0)
    tails, heads = np.r_[votes.a[wins], votes.b[losses]], np.r_[votes.b[wins], votes.a[losses]]
    graph = coo_array((np.ones(len(tails)), (tails, heads)), shape=(votes.p, votes.p)).tocsr()
    for connection, reason in (
        ("weak", "were never voted on together with the others"),
        ("strong", "won, or lost, every vote against some others"),
    ):
        parts, label = connected_components(graph, directed=True, connection=connection)
        if parts > 1:
            smallest = np.bincount(label).argmin()
            group = [str(x) for x in names[label == smallest]]
            shown = ", ".join(group[:3]) + (f" and {len(group) - 3} more" if len(group) > 3 else "")
            raise DisconnectedError(
                f"These votes give no common scale: {shown} {reason} ({parts} groups). "
                "Collect votes across the groups, or rank each group by itself."
            )
