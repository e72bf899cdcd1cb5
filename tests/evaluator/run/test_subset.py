"""Subset mode: questions drawn in proportion, a harness that asks only those, estimates kept apart from results."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from evaluator.run import subset
from evaluator.run.evaluate import evaluate
from evaluator.settings import RunSettings
from src.core.errors import BadInputError, NotFoundError
from src.core.estimates import EstimateRecord, estimates, keep, read_calibration
from src.core.items.details import write_twin
from src.core.names import details_dataset
from src.core.records import Request
from src.core.statistics.subset import LEAST_REFERENCES, clamped_mean
from src.core.store import LocalStore
from src.core.suites import load
from tests.evaluator.conftest import SHA
from tests.evaluator.made_items import make, shrink

SUITE = load()


def test_a_hundred_questions_a_benchmark_are_drawn_in_proportion_to_its_tasks():
    chosen = subset.choose(SUITE)
    sizes = {key: sum(len(chosen[t.name]) for t in SUITE.benchmark(key).tasks) for key in ("bbh", "math", "mmlu_pro")}
    assert sizes == {"bbh": 100, "math": 100, "mmlu_pro": 100}
    # 307, 123 and 1,324 items: 23.2 and 9.3 of a hundred
    assert len(chosen["leaderboard_math_algebra_hard"]) == 23
    assert len(chosen["leaderboard_math_counting_and_prob_hard"]) == 9
    assert all(0 <= item < 250 for item in chosen["leaderboard_bbh_navigate"])


def test_every_evaluator_draws_the_same_questions():
    assert subset.choose(SUITE) == subset.choose(SUITE)
    assert subset.choose(SUITE, seed=1) != subset.choose(SUITE)


def test_a_part_of_a_benchmark_cannot_be_estimated():
    with pytest.raises(BadInputError, match="needs questions of all its tasks"):
        subset.choose(SUITE, ["leaderboard_bbh_navigate"])


@pytest.fixture(scope="module")
def estimated(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, Path, EstimateRecord]:
    """Return the dummy model on six of twelve questions of each of MuSR's tasks."""
    workspace = tmp_path_factory.mktemp("subset")
    make(workspace / "benchmarks", ["musr"], most=12)
    store = LocalStore(workspace / "board")
    settings = RunSettings(workspace, backend="dummy", offline=True, wanted=("musr",), subset=18, keep=True)
    outcome = evaluate(Request(model="org/dummy", revision=SHA), shrink(SUITE, 12), store, settings)
    assert outcome.failure is None, outcome.log
    (run,) = (workspace / "runs").iterdir()
    return store, run, estimates(store, "org/dummy", SUITE.name)[0]


@pytest.mark.torch
def test_the_harness_asks_only_the_chosen_questions(estimated):
    _, run, found = estimated
    asked = {line["doc_id"] for line in subset.read_samples(run, "leaderboard_musr_team_allocation")}
    assert len(asked) == 6
    assert asked == set(subset.choose(shrink(SUITE, 12), ["musr"], 18)["leaderboard_musr_team_allocation"])
    assert (found.benchmarks["musr"].asked, found.benchmarks["musr"].items) == (18, 36)


def test_without_calibration_the_estimate_is_the_mean_of_what_was_asked_as_the_board_clamps_it(estimated):
    """Plain mean of three subtasks, each chance-adjusted (1/2, 1/5 and 1/3) and at least 0."""
    _, run, found = estimated
    scores = []
    for task in SUITE.benchmark("musr").tasks:
        answers = [line["acc_norm"] for line in subset.read_samples(run, task.name)]
        scores.append(100 * (np.mean(answers) - task.chance) / (1 - task.chance))
    guess = found.benchmarks["musr"]
    assert guess.value == pytest.approx(clamped_mean(float(np.mean(scores)), guess.se))
    assert guess.low == pytest.approx(guess.value - 1.96 * guess.se, rel=1e-3)  # not cut: the page cuts it
    assert found.benchmarks["musr"].low < found.benchmarks["musr"].value < found.benchmarks["musr"].high
    assert found.benchmarks["musr"].references == 0


def test_an_estimate_is_no_result_and_has_no_average_while_a_benchmark_is_missing(estimated):
    store, _, found = estimated
    assert found.average is None
    with pytest.raises(NotFoundError):
        store.head("results")


def test_calibration_needs_many_models_and_reports_how_many_there_are(tmp_path):
    with pytest.raises(BadInputError, match="at least 400 models on a benchmark; this board has those of at most 0"):
        subset.calibrate(LocalStore(tmp_path), SUITE, ["org/m"])


@pytest.mark.slow
def test_calibration_learns_from_stored_answers_and_is_refused_for_other_questions(tmp_path):
    suite, rng = shrink(SUITE, 6), np.random.default_rng(0)
    store, names = LocalStore(tmp_path), [f"org/m{i}" for i in range(LEAST_REFERENCES)]
    ability, difficulty = rng.normal(size=len(names)), rng.normal(size=6)
    for name, able in zip(names, ability, strict=True):
        right = rng.random(6) < 1 / (1 + np.exp(difficulty - 2 * able))
        files = {}
        for task in suite.benchmark("musr").tasks:
            out = io.BytesIO()
            write_twin([{"doc_id": i, "acc_norm": float(right[i])} for i in range(6)], ["acc_norm"], out)
            files[f"{details_dataset(name)}/x/samples_{task.name}_2025-01-01T00-00-00.000000.parquet"] = out.getvalue()
        store.append(files)
    assert subset.calibrate(store, suite, names) == ["calibration/open-llm-v2/musr.parquet"]
    tasks = [task.name for task in suite.benchmark("musr").tasks for _ in range(6)]
    assert read_calibration(store, "open-llm-v2", "musr", tasks).references == LEAST_REFERENCES
    with pytest.raises(BadInputError, match="of other questions"):
        read_calibration(store, "open-llm-v2", "musr", tasks[::-1])


def test_estimates_are_listed_newest_first_and_damaged_files_hide_none(tmp_path):
    store = LocalStore(tmp_path)
    for day in (1, 2):
        keep(
            store,
            EstimateRecord(
                model="org/m", suite="open-llm-v2", seed=1, date=datetime(2025, 1, day, tzinfo=UTC), benchmarks={}
            ),
        )
    store.append({"estimates/org/m/estimate_2025-01-03T00-00-00.000000.json": b"{half"})
    assert [found.date.day for found in estimates(store, "org/m", "open-llm-v2")] == [2, 1]
    assert estimates(store, "org/m", "open-llm-v1") == ()
    assert estimates(store, "../m", "open-llm-v2") == ()
