"""Estimates from 100 questions: unbiased whatever the model, honest about their error, better than the plain mean."""

import numpy as np
import pytest
from scipy.special import expit

from src.core.errors import BadInputError
from src.core.statistics.intervals import Stratum, macro
from src.core.statistics.subset import (
    ItemModel,
    ability_of,
    choose_subset,
    clamped_mean,
    difficulty_strata,
    estimate,
    fit_item_model,
)


@pytest.fixture(scope="module")
def world():
    """600 models' answers to 800 questions, by the law the item model assumes."""
    rng = np.random.default_rng(0)
    slopes, intercepts = np.abs(rng.normal(1.2, 0.5, (800, 2))) * [1, 0.4], rng.normal(0, 1.5, 800)
    chance_right = expit(rng.normal(size=(600, 2)) @ slopes.T + intercepts)
    return (rng.random((600, 800)) < chance_right).astype(float), chance_right


@pytest.fixture(scope="module")
def model(world):
    return fit_item_model(world[0][:450])


@pytest.mark.slow
def test_item_model_recovers_the_probabilities_it_never_saw(world, model):
    correct, chance_right = world
    newcomer = ability_of(model, np.arange(800), correct[500])
    assert np.corrcoef(model.probability(newcomer), chance_right[500])[0, 1] > 0.95


def test_estimate_is_unbiased_and_its_interval_holds_even_for_a_model_unlike_any_reference(model):
    rng = np.random.default_rng(1)
    strata = difficulty_strata(model)
    contrary = (rng.random(800) < model.probability(np.array([-1.5, 0.5]))[::-1]).astype(float)
    results = []
    for _ in range(200):
        asked = choose_subset(strata, 100, rng)
        results.append(estimate(model, asked, contrary[asked], strata, rng=rng, splits=1))
    values = np.array([r.value for r in results])
    assert values.mean() == pytest.approx(contrary.mean(), abs=3 * values.std() / np.sqrt(200))
    assert np.mean([contrary.mean() in r.interval for r in results]) > 0.9


def test_estimate_beats_the_plain_mean_of_a_random_subset(world, model):
    rng = np.random.default_rng(2)
    correct = world[0]
    strata = difficulty_strata(model)
    helped, plain = [], []
    for row in correct[450:550]:
        asked, unaided = choose_subset(strata, 100, rng), rng.choice(800, 100, replace=False)
        helped.append(estimate(model, asked, row[asked], strata, rng=rng, splits=2).value - row.mean())
        plain.append(row[unaided].mean() - row.mean())
    assert np.std(helped) < 0.85 * np.std(plain)


def test_a_mean_of_normalised_subtasks_is_estimated_on_the_published_scale(world, model):
    rng = np.random.default_rng(7)
    subtasks, chance = np.repeat([0, 1, 2, 3], [400, 200, 150, 50]), np.array([1 / 2, 1 / 5, 1 / 3, 0])
    scale = 100 / (1 - chance)
    worth = (scale / 4 / np.bincount(subtasks))[subtasks]
    off, inside = [], []
    for row in world[0][450:550]:
        published = macro([Stratum(row[subtasks == s], chance[s]) for s in range(4)]).unclipped
        asked = choose_subset(subtasks, 100, rng)
        found = estimate(model, asked, row[asked], subtasks, worth=worth, rng=rng, splits=2)
        off.append(found.value - np.sum(scale * chance) / 4 - published)
        inside.append(published + np.sum(scale * chance) / 4 in found.interval)
    assert np.mean(off) == pytest.approx(0, abs=3 * np.std(off) / 10)
    assert 0.88 <= np.mean(inside) <= 0.99


def test_asking_everything_leaves_no_error(world, model):
    correct = world[0]
    found = estimate(model, np.arange(800), correct[500], difficulty_strata(model), rng=np.random.default_rng(3))
    assert found.value == pytest.approx(correct[500].mean())
    assert found.se == pytest.approx(0)


def test_subset_takes_from_every_stratum_in_proportion():
    strata = np.repeat(["a", "b", "c"], [600, 395, 5])
    asked = choose_subset(strata, 100, np.random.default_rng(4))
    assert len(asked) == len(set(asked.tolist())) == 100
    assert dict(zip(*np.unique(strata[asked], return_counts=True), strict=True)) == {"a": 59, "b": 39, "c": 2}


def test_the_label_says_estimated():
    model = ItemModel(np.ones((20, 2)), np.zeros(20), 400)
    found = estimate(model, np.arange(10), np.ones(10), np.zeros(20), rng=np.random.default_rng(5))
    assert (found.label, found.asked, found.items) == ("estimated", 10, 20)
    assert found.se > 0


def test_too_few_reference_models_are_refused(world):
    with pytest.raises(BadInputError, match="at least 400 reference models; there are 399"):
        fit_item_model(world[0][:399])
    with pytest.raises(BadInputError, match="cannot hold two"):
        choose_subset(np.arange(80), 100, np.random.default_rng(6))


def test_a_stratum_nobody_was_asked_about_is_refused(model):
    strata = np.repeat([0, 1], 400)
    with pytest.raises(BadInputError, match="at least two questions asked"):
        estimate(model, np.arange(100), np.ones(100), strata, rng=np.random.default_rng(8))
    with pytest.raises(BadInputError, match="worth the same"):
        estimate(model, np.arange(0, 800, 8), np.ones(100), strata, worth=np.arange(800), rng=np.random.default_rng(9))


@pytest.mark.parametrize("middle", [-1.0, 1.0, 4.0, 12.0, 25.0, 40.0])
def test_the_clamped_mean_of_small_tasks_is_estimated_without_counting_their_noise(middle):
    """Four questions of each of 24 tasks, as `--subset` puts of BBH; the true scores spread as real models' do."""
    rng = np.random.default_rng(11)
    chance, n = rng.choice([1 / 2, 1 / 3, 1 / 6], 24), 4
    spread = np.clip(7 + 0.4 * middle, 7, 25)
    off, naive = [], []
    for _ in range(150):
        points = np.minimum(middle + spread * rng.standard_normal(24), 98)
        right = np.clip(chance + points / 100 * (1 - chance), 0, 1)
        truth = np.maximum(0, 100 * (right - chance) / (1 - chance)).mean()
        drawn = 100 * (rng.binomial(n, right, (40, 24)) / n - chance) / (1 - chance)
        se = np.sqrt((((100 / (1 - chance)) ** 2) * right * (1 - right) / n).sum()) / 24
        off.append(np.mean([clamped_mean(each, se) for each in drawn.mean(axis=1)]) - truth)
        naive.append(np.maximum(0, drawn).mean() - truth)
    assert abs(np.mean(off)) < 1.5  # of a standard error of 7
    assert np.mean(naive) > 2.5


def test_a_sure_mean_far_above_zero_is_its_own_clamped_mean():
    assert clamped_mean(60.0, 0.5) == pytest.approx(60.0, abs=0.1)
    assert clamped_mean(-30.0, 2.0) == pytest.approx(0.0, abs=0.01)
    assert clamped_mean(1.0, 9.0) == 1.0  # so unsure that nothing is left to spread
