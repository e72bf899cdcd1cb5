"""The block `repeats` of a result: from tries in one line or in lines of their own, and nothing from one try."""

from __future__ import annotations

from typing import Any

import pytest

from src.core.items.details import REPEAT_OF, TRIES
from src.core.items.repeats import read, repeats_of, write
from src.core.suites import load

BENCHMARK = load("open-llm-v1").benchmark("gsm8k")
METRIC = BENCHMARK.metrics[0].partition(",")[0]
TASK = BENCHMARK.tasks[0].name


def found(lines: list[dict[str, Any]]) -> Any:
    return repeats_of(BENCHMARK, {TASK: lines})


def test_tries_in_one_line_and_tries_in_lines_of_their_own_are_the_same() -> None:
    grades = {"a": [1, 0, 1, 1], "b": [0, 0, 1, 0], "c": [1, 1, 1, 1]}
    together = [{"doc_id": at, METRIC: each[0], TRIES: {METRIC: each}} for at, each in enumerate(grades.values())]
    apart = [{REPEAT_OF: name, METRIC: grade} for name, each in grades.items() for grade in each]
    assert found(together) == found(apart)
    assert (found(apart).items, found(apart).repeats) == (3, 4)
    assert found(apart).average == pytest.approx(8 / 12)


def test_items_that_were_tried_once_tell_nothing() -> None:
    assert found([{"doc_id": at, METRIC: at % 2} for at in range(9)]) is None
    assert found([{"doc_id": 0, TRIES: {METRIC: [1, 0]}}, {"doc_id": 1, METRIC: 1}]) is None


def test_what_is_written_is_read_and_what_is_no_score_is_not() -> None:
    score = found([{"doc_id": at, TRIES: {METRIC: [1, at % 2, 0]}} for at in range(6)])
    block = write(score)
    again = read(block)
    assert again is not None
    assert write(again) == block
    for wrong in (
        None,
        [],
        {},
        block | {"average": 1.5},
        block | {"se": "x"},
        block | {"items": -1},
        block | {"consistency": 7},
    ):
        assert read(wrong) is None
    strange = read(block | {"pass_at": {"x": 1, "2": 7, "3": 0.5}})
    assert strange is not None
    assert strange.pass_at == {3: 0.5}
