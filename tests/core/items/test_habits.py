"""What a task's number is made of: one option throughout, cut texts, answers that could not be read."""

from __future__ import annotations

from typing import Any

import pytest

from src.core.items.habits import AnswerHabit, answer_habits, habit_of, read_habits
from src.core.suites import load

OPTIONS = ["(A)", "(B)", "(C)"]


def choice(item: int, best: int, target: str, options: list[str] = OPTIONS, **more: Any) -> dict[str, Any]:
    likelihoods = [[-1.0 if at == best else -5.0, False] for at in range(len(options))]
    arguments = {f"gen_args_{at}": {"arg_0": "Q:", "arg_1": f" {option}"} for at, option in enumerate(options)}
    right = target in (options[best], str(best))
    return {"doc_id": item, "arguments": arguments, "filtered_resps": likelihoods, "target": target,
            "acc_norm": float(right)} | more  # fmt: skip


def text(item: int, answer: str, **more: Any) -> dict[str, Any]:
    arguments = {"gen_args_0": {"arg_0": "Q:", "arg_1": {"until": []}}}
    return {"doc_id": item, "arguments": arguments, "filtered_resps": [answer], "target": "4"} | more


def test_one_option_throughout_stands_beside_how_often_it_is_right() -> None:
    lines = [choice(item, 0, "(A)" if item % 3 == 0 else "(B)") for item in range(9)]
    habit = habit_of(lines, by_length=True)
    assert habit == AnswerHabit(9, "(A)", 1.0, 1 / 3)
    assert habit is not None
    assert habit.sentence() == "always (A), right in 33 %"


@pytest.mark.parametrize("target", ["1", "two"])
def test_a_right_option_is_known_by_number_or_by_text(target: str) -> None:
    lines = [choice(item, 1, target, ["one", "two"]) for item in range(4)]
    assert habit_of(lines, True) == AnswerHabit(4, "two", 1.0, 1.0)


def test_options_that_differ_from_item_to_item_have_letters() -> None:
    lines = [choice(item, 1, "0", [f"x{item}", f"y{item}"]) for item in range(4)]
    assert habit_of(lines, True) == AnswerHabit(4, "(B)", 1.0, 0.0)


def test_texts_at_the_limit_and_unread_answers_are_counted_once_an_item() -> None:
    lines = [
        text(0, "4"),
        text(1, "[invalid]", at_limit=True),
        text(2, "", at_limit=False),
        text(3, "5", at_limit=True),
    ]
    lines += [text(1, "[invalid]", at_limit=True, filter="strict"), text(2, "7", filter="flexible")]
    habit = habit_of(lines, True)
    assert habit == AnswerHabit(4, at_limit=2, unread=1)
    assert habit is not None
    assert habit.sentence().startswith("2 of 4 texts reached the length limit; 1 of 4 answers")


def test_a_block_is_read_as_it_was_written_and_damage_is_left_out() -> None:
    bbh = load().benchmark("bbh")
    block = answer_habits(bbh, {bbh.tasks[0].name: [choice(0, 2, "(C)")], bbh.tasks[1].name: []})
    assert read_habits(block) == {bbh.tasks[0].name: AnswerHabit(1, "(C)", 1.0, 1.0)}
    assert read_habits({"x": {"items": "many"}, "y": 7}) is None
    assert read_habits(None) is None
