"""Every try of a sampled answer is graded by the harness's own task, filters included."""

from __future__ import annotations

from typing import Any

import pytest

from src.core.items.details import TRIES

pytestmark = pytest.mark.torch

ITEMS = [{"question": "2 + 2", "answer": "4"}, {"question": "3 + 3", "answer": "6"}]
FIRST_NUMBER = {
    "name": "number",
    "filter": [{"function": "regex", "regex_pattern": r"(\d+)"}, {"function": "take_first"}],
}


def task(**more: Any) -> Any:
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

    return ConfigurableTask(config={
        "task": "sums", "custom_dataset": lambda **_: {"test": Dataset.from_list(ITEMS)}, "test_split": "test",
        "num_fewshot": 0,
        "output_type": "generate_until", "doc_to_text": "{{question}} =", "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n"], "do_sample": True, "temperature": 0.7}, "repeats": 3,
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "filter_list": [FIRST_NUMBER],
    } | more)  # fmt: skip


def sample(doc: dict[str, str], texts: list[str]) -> dict[str, Any]:
    return {"doc": doc, "resps": [texts], "filter": "number", "metrics": ["exact_match"]}


def test_each_try_passes_the_tasks_own_filter_and_metric() -> None:
    from evaluator.child.tries import note_tries

    lines = [sample(ITEMS[0], ["It is 4.", "5", "4 or 5"]), sample(ITEMS[1], ["7", "8", "9"])]
    note_tries(task(), lines)
    assert [line[TRIES] for line in lines] == [{"exact_match": [1.0, 0.0, 1.0]}, {"exact_match": [0.0, 0.0, 0.0]}]


def test_a_task_that_asks_once_is_left_alone() -> None:
    from evaluator.child.tries import note_tries

    lines = [sample(ITEMS[0], ["4"])]
    note_tries(task(repeats=1), lines)
    assert TRIES not in lines[0]


def test_a_sampling_model_is_asked_as_often_as_the_task_wants_and_every_try_is_kept() -> None:
    import lm_eval
    from lm_eval.models.dummy import DummyLM

    from evaluator.child.tries import note_tries

    class Counting(DummyLM):  # type: ignore[misc]
        asked = 0

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            answers = []
            for _ in requests:
                Counting.asked += 1
                answers.append(str(3 + Counting.asked % 3))
            return answers

    sums = task()
    result = lm_eval.evaluate(lm=Counting(), task_dict={"tasks": {"sums": sums}, "groups": {}}, bootstrap_iters=0)
    lines = result["samples"]["sums"]
    note_tries(sums, lines)
    assert Counting.asked == 6
    assert [sum(line[TRIES]["exact_match"]) for line in lines] == [1.0, 0.0]
