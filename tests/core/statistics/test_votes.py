"""Bradley–Terry: against its classical iteration, a library's regression, and simulation."""

import numpy as np
import pytest
import statsmodels.api as sm

from src.core.errors import BadInputError
from src.core.statistics.votes import DisconnectedError, bradley_terry

FOOD = [
    ("Pizza", "Sushi", "left"), ("Sushi", "Pizza", "left"), ("Pizza", "Tacos", "right"), ("Tacos", "Sushi", "tie"),
    ("Sushi", "Tacos", "right"), ("Tacos", "Pizza", "right"), ("Pizza", "Sushi", "tie"),
]  # fmt: skip


def fit(votes, **more):
    return bradley_terry(*zip(*votes, strict=True), **more)


def test_strengths_solve_the_classical_iteration():
    fitted = fit(FOOD)
    names = list(fitted.names)
    wins = np.zeros((3, 3))
    for left, right, winner in FOOD:
        i, j = names.index(left), names.index(right)
        share = {"left": 1, "right": 0, "tie": 0.5}[winner]
        wins[i, j] += share
        wins[j, i] += 1 - share
    strength = np.ones(3)
    for _ in range(5000):  # Zermelo 1929; Hunter 2004, MM algorithms
        met = (wins + wins.T) / (strength[:, None] + strength[None, :])
        strength = wins.sum(axis=1) / met.sum(axis=1)
        strength /= strength.sum()
    assert fitted.strength == pytest.approx(strength, abs=1e-10)


def test_errors_are_those_of_a_robust_and_a_clustered_logistic_regression():
    rng = np.random.default_rng(0)
    pairs = np.array([rng.choice(4, 2, replace=False) for _ in range(600)])
    ability = np.array([0.8, 0.2, 0.0, -0.5])
    won = rng.random(600) < 1 / (1 + np.exp(-(ability[pairs[:, 0]] - ability[pairs[:, 1]])))
    voters = rng.integers(0, 40, 600)
    design = np.eye(4)[pairs[:, 0]] - np.eye(4)[pairs[:, 1]]
    votes = [(f"m{a}", f"m{b}", "left" if w else "right") for (a, b), w in zip(pairs, won, strict=True)]
    regression = sm.GLM(won.astype(float), design[:, 1:], family=sm.families.Binomial())  # item 0 is the origin
    contrast = np.eye(4)[1:] - np.eye(4)[0]  # θ_k − θ_0
    plain = fit(votes)
    assert contrast @ plain.log_ability == pytest.approx(regression.fit().params, abs=1e-8)
    assert contrast @ plain.covariance @ contrast.T == pytest.approx(regression.fit(cov_type="HC0").cov_params())
    clustered = regression.fit(cov_type="cluster", cov_kwds={"groups": voters, "use_correction": False}).cov_params()
    by_voter = fit(votes, voters=list(voters)).covariance
    assert contrast @ by_voter @ contrast.T == pytest.approx(clustered * 40 / 39)


def test_intervals_cover_the_true_ability():
    rng = np.random.default_rng(1)
    ability = np.array([1.0, 0.3, 0, -0.4, -0.9])
    inside = 0
    for _ in range(300):
        a = rng.integers(0, 5, 400)
        b = (a + rng.integers(1, 5, 400)) % 5
        won = rng.random(400) < 1 / (1 + np.exp(-(ability[a] - ability[b])))
        fitted = bradley_terry([f"m{i}" for i in a], [f"m{i}" for i in b], np.where(won, "left", "right").tolist())
        inside += ability[0] - ability.mean() in fitted.interval("m0")
    assert 0.92 <= inside / 300 <= 0.98


def test_counts_stand_for_repeated_lines():
    repeated = fit(FOOD * 3)
    counted = fit(FOOD, counts=[3] * len(FOOD))
    assert counted.log_ability == pytest.approx(repeated.log_ability)
    assert counted.covariance == pytest.approx(repeated.covariance)
    assert counted.votes == 21


def test_the_chess_scale_gives_a_400_point_lead_ten_to_one():
    fitted = fit([("a", "b", "left")] * 10 + [("a", "b", "right")])
    assert fitted.probability("a", "b") == pytest.approx(10 / 11)
    assert np.diff(fitted.elo()) == pytest.approx([-400])
    assert fitted.elo().mean() == pytest.approx(1000)


def test_groups_that_never_met_are_named():
    with pytest.raises(DisconnectedError, match="x, y were never voted on together"):
        fit([*FOOD, ("x", "y", "left"), ("y", "x", "left")])


def test_an_unbeaten_item_has_no_finite_score():
    with pytest.raises(DisconnectedError, match="champion won, or lost, every vote"):
        fit([*FOOD, ("champion", "Pizza", "left"), ("Sushi", "champion", "right")])


def test_unreadable_votes_are_refused_in_words():
    with pytest.raises(BadInputError, match="left, right or tie, not 'both'"):
        fit([("a", "b", "both")])
    with pytest.raises(BadInputError, match="against itself"):
        fit([("a", "a", "left")])
    with pytest.raises(BadInputError, match="no votes"):
        bradley_terry([], [], [])
