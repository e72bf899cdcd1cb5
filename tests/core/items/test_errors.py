"""The errors that a result carries, from its own items."""

from dataclasses import replace

import numpy as np
import pytest

from src.core.frames.frame import from_records
from src.core.items.errors import KEY, ItemErrors, item_errors
from src.core.items.options import option_scores
from src.core.records import Result
from src.core.statistics.intervals import Stratum, macro, mean_of_metrics, standard_error, wilson
from src.core.suites import load

SUITE = load("open-llm-v2")


def lines(scores, metric="acc_norm", questions=None, **more):
    return [
        {"doc_id": at, "doc": {"question": str(at if questions is None else questions[at])}, metric: score, **more}
        for at, score in enumerate(scores)
    ]


def drawn(n, share, seed=0):
    return (np.random.default_rng(seed).random(n) < share).astype(float)


def test_subtasks_that_are_averaged_have_the_error_of_their_mean():
    musr = SUITE.benchmark("musr")
    scores = [drawn(250, 0.5, seed) for seed in range(3)]
    found = item_errors(musr, {task.name: lines(x) for task, x in zip(musr.tasks, scores, strict=True)})
    expected = macro([Stratum(x, task.chance) for x, task in zip(scores, musr.tasks, strict=True)])
    assert found.se == pytest.approx(expected.se)
    assert (found.low, found.high) == pytest.approx((expected.interval.low, expected.interval.high))
    assert (found.items, found.ungraded, found.clusters) == (750, 0, None)


def test_questions_that_several_subtasks_ask_are_clusters():
    gpqa = SUITE.benchmark("gpqa")
    once = drawn(100, 0.4)
    found = item_errors(gpqa, {task.name: lines(once) for task in gpqa.tasks})
    expected = 100 / 0.75 * standard_error(np.tile(once, 3), np.tile(np.arange(100), 3))
    assert found.se == pytest.approx(expected)
    assert (found.items, found.clusters) == (300, 100)


def test_instructions_of_one_prompt_are_clusters():
    ifeval = SUITE.benchmark("ifeval")
    rng = np.random.default_rng(5)
    parts = [(rng.random(1 + at % 3) < 0.6).tolist() for at in range(200)]
    inst, prompt = ifeval.metrics if ifeval.metrics[0].startswith("inst") else ifeval.metrics[::-1]
    items = [{"doc_id": at, "doc": {"prompt": str(at)}, inst: part, prompt: all(part)} for at, part in enumerate(parts)]
    found = item_errors(ifeval, {ifeval.tasks[0].name: items})
    flat = np.array([float(each) for part in parts for each in part])
    owner = np.array([at for at, part in enumerate(parts) for _ in part])
    expected = mean_of_metrics([
        Stratum(flat, clusters=owner), Stratum(np.array([float(all(part)) for part in parts]), clusters=np.arange(200))
    ])  # fmt: skip
    assert found.se == pytest.approx(expected.se)


def test_repeats_of_a_question_count_as_one_question():
    pro = SUITE.benchmark("mmlu_pro")
    rng = np.random.default_rng(6)
    ability = rng.beta(2, 2, 300)
    answers = (rng.random((300, 8)) < ability[:, None]).astype(float)
    found = item_errors(pro, {pro.tasks[0].name: lines(answers.ravel(), "acc", np.repeat(np.arange(300), 8))})
    chance = pro.tasks[0].chance
    assert found.se == pytest.approx(100 / (1 - chance) * standard_error(answers.mean(axis=1)), rel=1e-9)


def test_items_that_were_not_graded_are_inside_the_interval():
    pro = SUITE.benchmark("mmlu_pro")
    graded = drawn(970, 0.6)
    items = lines([*graded, *[None] * 30], "acc")
    found = item_errors(pro, {pro.tasks[0].name: items})
    scale, chance = 100 / 0.9, 0.1
    all_wrong, all_right = wilson(graded.sum(), 1000), wilson(graded.sum() + 30, 1000)
    assert found.low == pytest.approx(scale * (all_wrong.low - chance))
    assert found.high == pytest.approx(scale * (all_right.high - chance))
    assert (found.items, found.ungraded) == (970, 30)


@pytest.mark.parametrize("missing", ["at random", "the right ones"])
def test_intervals_hold_the_truth_with_three_per_cent_ungraded(missing):
    pro, rng, covered = SUITE.benchmark("mmlu_pro"), np.random.default_rng(8), 0
    truth = 100 / 0.9 * (0.55 - 0.1)
    for _ in range(400):
        scores = (rng.random(500) < 0.55).astype(float)
        lost = rng.permutation(500)[:15] if missing == "at random" else np.flatnonzero(scores)[:15]
        values = [None if at in set(lost.tolist()) else score for at, score in enumerate(scores)]
        found = item_errors(pro, {pro.tasks[0].name: lines(values, "acc")})
        covered += found.low <= truth <= found.high
    assert covered / 400 >= 0.95


def test_scores_that_are_no_mean_of_items_have_no_error_from_items():
    pro = SUITE.benchmark("mmlu_pro")
    items = {pro.tasks[0].name: lines(drawn(100, 0.5), "acc")}
    assert item_errors(pro, items, raw=0.9) is None
    assert item_errors(pro, {pro.tasks[0].name: lines(drawn(100, 0.5) * 7, "acc")}) is None
    assert item_errors(pro, {}) is None


@pytest.mark.parametrize("block", [None, [], {}, {"se": "x"}, {"se": 0, "low": 1, "high": 2, "items": 3},
                                   {"se": 1, "low": 3, "high": 2, "items": 3}])  # fmt: skip
def test_a_strangers_block_that_makes_no_sense_is_none(block):
    assert ItemErrors.read(block) is None


def test_the_row_of_a_result_takes_its_error_from_the_items():
    pro = SUITE.benchmark("mmlu_pro")
    whole = replace(SUITE, benchmarks=(pro,))
    result = Result(
        model="org/m", precision="bfloat16", tasks={pro.tasks[0].name: {"acc": 0.5}}, samples={},
        settings={KEY: {"mmlu_pro": ItemErrors(0.5, 43.0, 46.0, 12032, ungraded=9).write()}},
    )  # fmt: skip
    frame = from_records([result], [], whole)
    assert frame[["mmlu_pro.se", "mmlu_pro.from", "mmlu_pro.to"]].iloc[0].tolist() == [0.5, 43.0, 46.0]


def options(n, options, right, sure, seed=0, **names):
    """Return sample lines of multiple choice whose model is right with probability `right`, as sure as it says."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(n):
        gold = int(rng.integers(options))
        best = gold if rng.random() < right else (gold + 1) % options
        p = np.full(options, (1 - sure) / (options - 1))
        p[best] = sure
        made.append({
            "doc_id": at, "doc": {"question": str(at)}, "target": str(gold), "acc": float(best == gold),
            "arguments": {f"gen_args_{k}": {"arg_0": "Q", "arg_1": f" {'ABCDEFGHIJ'[k]}"} for k in range(options)},
            "filtered_resps": [[str(np.log(each)), "False"] for each in p],
        })  # fmt: skip
    return made


def test_a_calibrated_model_has_no_calibration_error_and_sets_that_cover():
    pro = SUITE.benchmark("mmlu_pro")
    found = option_scores(pro, {pro.tasks[0].name: options(2000, 10, right=0.7, sure=0.7)})
    assert found.ece == pytest.approx(0, abs=3 * found.ece_se)
    assert found.coverage >= 0.88
    assert (found.options, found.items) == (10, 2000)


def test_an_overconfident_model_is_off_by_what_it_overstates():
    pro = SUITE.benchmark("mmlu_pro")
    found = option_scores(pro, {pro.tasks[0].name: options(2000, 10, right=0.5, sure=0.9)})
    assert found.ece == pytest.approx(0.4, abs=3 * found.ece_se)


def test_right_answers_named_by_their_text_are_understood():
    pro = SUITE.benchmark("mmlu_pro")
    items = options(60, 3, right=0.8, sure=0.7)
    for line in items:
        line["target"] = "ABC"[int(line["target"])]
    assert option_scores(pro, {pro.tasks[0].name: items}).items == 60


def test_generated_answers_have_no_options():
    assert option_scores(SUITE.benchmark("mmlu_pro"), {"leaderboard_mmlu_pro": lines(drawn(50, 0.5), "acc")}) is None
