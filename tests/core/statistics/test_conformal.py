"""Conformal sets: against their definition, and published figures of another board."""

import numpy as np
import pandas as pd
import pytest

from src.core.errors import BadInputError
from src.core.statistics.conformal import conformal_score, lac_threshold, prediction_sets, uacc


def test_threshold_is_the_right_order_statistic():
    true = np.linspace(0.05, 0.95, 19)  # p(true) of 19 questions
    probabilities = np.column_stack([true, 1 - true])
    assert lac_threshold(probabilities, np.zeros(19, int), alpha=0.1) == pytest.approx(sorted(1 - true)[18 - 1])


def test_too_few_questions_leave_every_option_open():
    threshold = lac_threshold([[0.9, 0.1]] * 5, [0] * 5, alpha=0.1)
    assert threshold == np.inf
    assert prediction_sets([[0.9, 0.1]], threshold).tolist() == [[True, True]]


def test_a_sure_and_right_model_leaves_one_option_open():
    sure = np.eye(4)[np.arange(40) % 4] * 0.96 + 0.01
    found = conformal_score(sure, np.arange(40) % 4)
    assert (found.accuracy, found.set_size, found.coverage) == (1, 1, 1)
    assert found.uacc == pytest.approx(2)


def test_a_guessing_model_is_marked_down():
    flat = np.full((200, 6), 1 / 6)
    found = conformal_score(flat, np.arange(200) % 6)
    assert found.set_size == 6
    assert found.uacc == pytest.approx(found.accuracy / np.sqrt(6), abs=0.05)  # accuracy of the tested halves


def test_options_that_an_item_does_not_offer_are_in_no_set():
    probabilities = np.array([[0.5, 0.5, 0.0]] * 40)
    found = conformal_score(probabilities, np.arange(40) % 2, np.full(40, 2))
    assert (found.set_size, found.coverage) == (2, 1)


def test_published_uacc_follows_from_published_accuracy_and_set_size(shared):
    table = pd.read_csv(shared("stats/uncertainty_bench_published.csv"))
    wide = table.pivot_table(index=["model", "task"], columns="metric", values="value").reset_index()
    tasks = wide[wide["task"] != "Avg."]
    computed = uacc(tasks["accuracy"], tasks["set_size"], options=6)
    assert np.median(np.abs(computed / tasks["uacc"] - 1)) < 0.02


def test_answers_that_do_not_fit_are_refused():
    with pytest.raises(BadInputError, match="does not exist"):
        lac_threshold([[0.5, 0.5]], [2])
    with pytest.raises(BadInputError, match="came with 2 answers"):
        lac_threshold([[0.5, 0.5]], [0, 1])
