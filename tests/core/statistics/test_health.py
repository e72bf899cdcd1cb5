"""Benchmark health: against a known ratio of noise to signal, scipy, scikit-learn."""

import numpy as np
import pytest
from scipy.stats import pointbiserialr
from sklearn.decomposition import PCA

from src.core.errors import BadInputError
from src.core.statistics.health import benchmark_health, item_statistics, shared_signal


def test_reliability_is_the_squared_correlation_with_the_true_score():
    rng = np.random.default_rng(0)
    true = rng.normal(50, 6, 20_000)
    seen = true + rng.normal(0, 3, 20_000)
    found = benchmark_health(seen, np.full(20_000, 3.0))
    assert found.reliability == pytest.approx(np.corrcoef(true, seen)[0, 1] ** 2, abs=0.01)
    assert found.reliability == pytest.approx(36 / 45, abs=0.01)


def test_a_benchmark_of_pure_noise_has_no_reliability():
    seen = np.random.default_rng(1).normal(50, 3, 200)
    assert benchmark_health(seen, np.full(200, 5.0)).reliability == 0


def test_floor_and_ties_are_counted_among_models_with_a_score():
    found = benchmark_health([0, 0, 10, 49, 50, np.nan], [1.0] * 6)
    assert (found.models, found.floor, found.ties_with_best, found.best, found.median) == (5, 0.4, 2, 50, 10)
    marked = benchmark_health([0, 0, 10, 49, 50, np.nan], at_chance=np.array([1, 1, 1, 0, 0, 0], bool))
    assert marked.floor == 0.6
    assert marked.reliability is None
    assert marked.ties_with_best is None


def test_items_are_held_against_the_score_on_all_other_items():
    correct = (np.random.default_rng(2).random((80, 6)) < 0.5).astype(float)
    correct[:, 0] = correct[:, 1:].sum(axis=1) > 2.5
    correct[:, 5] = 1
    found = item_statistics(correct)
    assert found.difficulty == pytest.approx(correct.mean(axis=0))
    expected = [pointbiserialr(correct[:, i], np.delete(correct, i, axis=1).sum(axis=1)).statistic for i in range(5)]
    assert found.point_biserial[:5] == pytest.approx(expected)
    assert np.isnan(found.point_biserial[5])


def test_first_component_is_that_of_standardised_scores():
    scores = np.random.default_rng(3).normal(size=(300, 5)) @ np.random.default_rng(4).normal(size=(5, 5))
    found = shared_signal(scores)
    standardised = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    pca = PCA().fit(standardised)
    assert found.first_component == pytest.approx(pca.explained_variance_ratio_[0])
    assert np.abs(found.loadings) == pytest.approx(np.abs(pca.components_[0]))
    assert found.participation == pytest.approx(1 / np.sum(pca.explained_variance_ratio_**2))


def test_independent_benchmarks_are_as_many_things_as_benchmarks():
    scores = np.random.default_rng(5).normal(size=(100_000, 4))
    assert shared_signal(scores).participation == pytest.approx(4, abs=0.01)


def test_too_few_models_are_refused():
    with pytest.raises(BadInputError, match="three models"):
        shared_signal([[1, 2], [3, 4]])
    with pytest.raises(BadInputError, match="No model has a score"):
        benchmark_health([np.nan])
