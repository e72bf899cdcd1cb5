"""One model's score: errors against their definitions, other libraries, and resampling."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from src.core.errors import BadInputError
from src.core.statistics.intervals import (
    Stratum,
    average,
    least_se,
    macro,
    mean_of_metrics,
    pooled,
    standard_error,
    wilson,
    z_value,
)

RIGHT_HALF = np.array([1.0, 0, 1, 0, 1, 1, 0, 0])


def test_standard_error_of_right_and_wrong_is_the_harness_formula():
    share, n = RIGHT_HALF.mean(), len(RIGHT_HALF)
    rng = np.random.default_rng(0)
    long = (rng.random(500) < 0.3).astype(float)
    assert standard_error(long) == pytest.approx(np.sqrt(long.mean() * (1 - long.mean()) / 499))
    assert standard_error(RIGHT_HALF) == pytest.approx(max(np.sqrt(share * (1 - share) / (n - 1)), least_se(n)))


def test_clustered_error_equals_that_of_a_clustered_regression_on_a_constant():
    rng = np.random.default_rng(1)
    clusters = rng.integers(0, 60, 300)
    scores = (rng.random(300) < rng.random(60)[clusters]).astype(float)
    regression = sm.OLS(scores, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert standard_error(scores, clusters) == pytest.approx(float(regression.bse[0]), rel=1e-12)


def test_clusters_of_one_are_no_clusters():
    scores = (np.random.default_rng(2).random(200) < 0.4).astype(float)
    assert standard_error(scores, np.arange(200)) == pytest.approx(standard_error(scores))


def test_repeating_every_question_three_times_buys_nothing():
    scores = (np.random.default_rng(3).random(200) < 0.4).astype(float)
    thrice, questions = np.tile(scores, 3), np.tile(np.arange(200), 3)
    assert standard_error(thrice, questions) == pytest.approx(standard_error(scores))
    assert standard_error(thrice) < 0.6 * standard_error(scores)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_score_is_certain(share):
    strata = [Stratum(np.full(250, share), 0.5), Stratum(np.full(256, share), 0.2)]
    assert macro(strata).se > 0.1
    assert pooled([Stratum(np.full(250, share))]).se > 0.1
    assert pooled([Stratum(np.full(250, share), clusters=np.arange(250) // 2)]).se > 0.1
    assert wilson(250 * share, 250).low < wilson(250 * share, 250).high


def test_an_interval_at_nothing_ends_where_wilsons_does():
    assert z_value(0.95) * least_se(250) == pytest.approx(wilson(0, 250).high)


@pytest.mark.parametrize(("right", "items"), [(0, 10), (3, 10), (999, 1000), (1000, 1000)])
def test_wilson_agrees_with_statsmodels(right, items):
    low, high = proportion_confint(right, items, method="wilson")
    interval = wilson(right, items)
    assert (interval.low, interval.high) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-12)


def test_macro_score_is_the_mean_of_normalised_subtasks_clipped_one_by_one():
    strata = [Stratum(np.repeat([1.0, 0], [100, 100]), 0.2), Stratum(np.repeat([1.0, 0], [40, 60]), 0.5)]
    estimate = macro(strata)
    assert estimate.score == pytest.approx((100 * (0.5 - 0.2) / 0.8 + 0) / 2)
    assert estimate.unclipped == pytest.approx((37.5 + 100 * (0.4 - 0.5) / 0.5) / 2)
    by_hand = (125**2 * 0.25 / 199 + 200**2 * 0.24 / 99) / 4
    assert estimate.se == pytest.approx(np.sqrt(by_hand))
    assert estimate.at_chance


def test_pooled_score_is_normalised_once_over_all_items():
    easy, hard = np.repeat([1.0, 0], [90, 10]), np.repeat([1.0, 0], [20, 280])
    estimate = pooled([Stratum(easy), Stratum(hard)])
    assert estimate.score == pytest.approx(100 * 110 / 400)
    assert estimate.se == pytest.approx(
        100 * np.sqrt((1 / 4) ** 2 * 0.09 / 99 + (3 / 4) ** 2 * (20 * 280 / 300**2) / 299)
    )
    assert estimate.interval.method == "normal"


def test_one_proportion_gets_wilsons_interval_on_the_published_scale():
    estimate = pooled([Stratum(np.repeat([1.0, 0], [130, 870]), 0.1)])
    low, high = proportion_confint(130, 1000, method="wilson")
    assert estimate.interval.method == "Wilson"
    assert estimate.interval.low == pytest.approx(100 * (low - 0.1) / 0.9)
    assert estimate.interval.high == pytest.approx(100 * (high - 0.1) / 0.9)
    assert not estimate.at_chance


def test_mean_of_metrics_agrees_with_resampling_prompts():
    rng = np.random.default_rng(5)
    prompts = np.repeat(np.arange(200), rng.integers(1, 4, 200))
    followed = (rng.random(len(prompts)) < rng.beta(2, 2, 200)[prompts]).astype(float)
    starts = np.searchsorted(prompts, np.arange(200))
    whole, right, number = (
        np.minimum.reduceat(followed, starts),
        np.add.reduceat(followed, starts),
        np.bincount(prompts),
    )
    estimate = mean_of_metrics([Stratum(whole, clusters=np.arange(200)), Stratum(followed, clusters=prompts)])
    drawn = rng.integers(0, 200, (4000, 200))
    resampled = (whole[drawn].mean(axis=1) + right[drawn].sum(axis=1) / number[drawn].sum(axis=1)) / 2
    assert estimate.score == pytest.approx(50 * (whole.mean() + followed.mean()))
    assert estimate.se == pytest.approx(100 * resampled.std(), rel=0.05)


def test_error_of_an_average_is_the_root_of_summed_variances_over_six():
    rng = np.random.default_rng(6)
    parts = [pooled([Stratum((rng.random(n) < 0.4).astype(float))]) for n in (100, 200, 300, 400, 500, 600)]
    assert average(parts).se == pytest.approx(np.sqrt(sum(p.se**2 for p in parts)) / 6)
    only_first = average(parts, weights=[2, 0, 0, 0, 0, 0])
    assert (only_first.score, only_first.se) == pytest.approx((parts[0].score, parts[0].se))


def test_higher_level_is_a_wider_interval():
    scores = [Stratum((np.random.default_rng(7).random(300) < 0.4).astype(float), 0.25)] * 2
    wide, narrow = macro(scores, level=0.99).interval, macro(scores).interval
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(norm.ppf(0.995) / norm.ppf(0.975))


def test_what_cannot_be_estimated_is_refused_in_words():
    with pytest.raises(BadInputError, match="two or more item scores"):
        Stratum(np.array([1.0]))
    with pytest.raises(BadInputError, match="between 0 and 1"):
        Stratum(np.array([1.0, np.nan]))
    with pytest.raises(BadInputError, match="share one cluster"):
        standard_error([1, 0, 1], [7, 7, 7])
    with pytest.raises(BadInputError, match="one chance level"):
        pooled([Stratum(RIGHT_HALF, 0.25), Stratum(RIGHT_HALF, 0.5)])
