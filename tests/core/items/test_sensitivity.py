"""How much a score depends on the order and the labels of the options."""

from __future__ import annotations

import math

import pytest

from src.core.frames.frame import from_records
from src.core.items.sensitivity import KEY, OptionSensitivity, option_sensitivity
from src.core.records import Result
from src.core.suites import load

SUITE = load("open-llm-v2")
GPQA, PRO = SUITE.benchmark("gpqa"), SUITE.benchmark("mmlu_pro")


def line(at: int, gold: int, chosen: int, *others: int, metric: str = "acc", options: int = 4) -> dict:
    """Return an item whose model chooses `chosen`, and `others` in the other orders of the options."""

    def likely(best: int) -> list[float]:
        return [math.log(0.7 if each == best else 0.1) for each in range(options)]

    made = {
        "doc_id": at, "doc": {"question": str(at)}, "target": str(gold), metric: float(chosen == gold),
        "arguments": {f"gen_args_{k}": {"arg_0": "Q", "arg_1": f" {'ABCD'[k]}"} for k in range(options)},
        "filtered_resps": [[str(each), "False"] for each in likely(chosen)],
    }  # fmt: skip
    ways = [{"order": [1, 0, 2, 3], "loglikelihoods": likely(best)} for best in others]
    return made | ({"perturbed": {"order": ways}} if ways else {})


def of_pro(*lines: dict) -> OptionSensitivity | None:
    return option_sensitivity(PRO, {PRO.tasks[0].name: lines})


def over_chance(share: float) -> float:
    return 100 * max(0, (share - 0.1) / 0.9)


def test_every_order_has_the_score_of_its_own_answers():
    found = of_pro(line(0, 0, 0, 0, 1), line(1, 1, 1, 1, 1), line(2, 2, 0, 2, 0), line(3, 3, 3, 3, 3))
    assert found.score == pytest.approx(over_chance(3 / 4))
    assert found.order == pytest.approx([over_chance(1), over_chance(2 / 4)])
    assert (found.low, found.high) == pytest.approx((over_chance(2 / 4), over_chance(1)))
    assert (found.items, found.changed, found.without) == (4, 0.5, ())


def test_items_without_other_orders_keep_their_grade_in_every_order():
    found = of_pro(line(0, 0, 0, 1), line(1, 1, 1), line(2, 2, 0))
    assert found.items == 1
    assert found.order == pytest.approx([over_chance(1 / 3)])


def test_two_options_have_one_other_order_which_stands_for_all():
    found = of_pro(line(0, 0, 0, 1, 1, 1), line(1, 1, 1, 0, options=2))
    assert found.order == pytest.approx([0, 0, 0])


def test_tasks_without_letters_are_named_and_keep_their_score():
    first, *rest = [task.name for task in GPQA.tasks]
    lines = {first: [line(at, at % 4, at % 4, (at + 1) % 4, metric="acc_norm") for at in range(8)]}
    lines |= {name: [line(at, 0, 0, metric="acc_norm") for at in range(8)] for name in rest}
    found = option_sensitivity(GPQA, lines)
    assert found.without == tuple(rest)
    assert found.score == pytest.approx(100)
    assert found.order == pytest.approx([100 * (2 / 3 - 1 / 4) / (3 / 4)])


def test_a_run_without_other_orders_has_no_sensitivity():
    assert of_pro(line(0, 0, 0), line(1, 1, 1)) is None


@pytest.mark.parametrize("block", [None, [], {}, {"items": 3, "changed": 0.1, "score": 3}, {"items": 0},
                                   {"items": 3, "changed": 0.1, "score": 3, "order": ["x"]},
                                   {"items": 3, "changed": 0.1, "score": 3, "order": {"a": 1}}])  # fmt: skip
def test_a_strangers_block_that_makes_no_sense_is_none(block):
    assert OptionSensitivity.read(block) is None


@pytest.mark.parametrize("ways", ["x", [1], [{"loglikelihoods": "x"}], [{"loglikelihoods": [1, 2]}]])
def test_a_strangers_answers_that_make_no_sense_are_left_out(ways):
    assert of_pro({**line(0, 0, 0), "perturbed": {"order": ways}}, line(1, 1, 1, 1)).items == 1


def test_what_is_written_reads_back_and_the_row_has_the_spread():
    found = of_pro(line(0, 0, 0, 1), line(1, 1, 1, 1))
    assert OptionSensitivity.read(found.write()) == found
    result = Result(
        model="org/m", precision="bfloat16", tasks={PRO.tasks[0].name: {"acc": 0.5}}, samples={},
        settings={KEY: {"mmlu_pro": found.write()}},
    )  # fmt: skip
    assert from_records([result], [], SUITE)["sensitivity"].tolist() == pytest.approx(
        [over_chance(1) - over_chance(0.5)]
    )
