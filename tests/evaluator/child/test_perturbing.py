"""Asking multiple-choice questions with their options in other orders and under other labels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evaluator.child.perturbing import Perturbation, options_of, other_orders, variants
from evaluator.job import samples_path
from src.core.items.sensitivity import KEY, OptionSensitivity
from src.core.records import Result

EXAMPLE = "Is water wet?\nA. yes\nB. no\nC. perhaps\nAnswer: A\n\n"
QUESTION = "Which is red?\nA. grass\nB. blood\nC. milk\nAnswer:"
DOC = {"question": "Which is red?", "options": ["grass", "blood", "milk"]}
LETTERS = [" A", " B", " C"]


def asked(prompt: str, doc: dict[str, Any], continuations: list[str], *kinds: str) -> list[tuple[str, Any]]:
    options = options_of(prompt, doc, continuations)
    assert options
    return list(variants(options, continuations, kinds, "seed"))


def test_other_orders_move_the_texts_under_the_same_letters_and_leave_the_examples():
    for _, variant in asked(EXAMPLE + QUESTION, DOC, LETTERS, "order"):
        order = variant.about["order"]
        lines = "\n".join(f"{'ABC'[at]}. {DOC['options'][which]}" for at, which in enumerate(order))
        assert variant.prompt == f"{EXAMPLE}Which is red?\n{lines}\nAnswer:"
        for which, letter in enumerate(variant.continuations):
            assert f"{letter.strip()}. {DOC['options'][which]}\n" in variant.prompt.removeprefix(EXAMPLE)


def test_other_labels_keep_the_order():
    found = asked(QUESTION, DOC, LETTERS, "labels")
    assert [variant.prompt.split("\n")[1] for _, variant in found] == ["a. grass", "1. grass"]
    assert [variant.continuations for _, variant in found] == [(" a", " b", " c"), (" 1", " 2", " 3")]


def test_letters_in_brackets_and_labels_beyond_the_questions_own_options():
    prompt = "Q: Which day?\nOptions:\n(A) Monday\n(B) Sunday\nA:"
    ((_, variant),) = asked(prompt, {"input": prompt}, [" (A)", " (B)", " (C)"], "order")
    assert variant.prompt == "Q: Which day?\nOptions:\n(A) Sunday\n(B) Monday\nA:"
    assert variant.continuations == (" (B)", " (A)", " (C)")


def test_options_that_are_answered_by_their_text_are_asked_by_their_text():
    prompt = "Who?\n\nPick one:\n\n1 - Ann\n2 - Bob\n\nAnswer:"
    ((_, variant),) = asked(prompt, {"choices": "['Ann', 'Bob']"}, [" Ann", " Bob"], "order")
    assert "1 - Bob\n2 - Ann\n" in variant.prompt
    assert variant.continuations == (" Ann", " Bob")


@pytest.mark.parametrize(("prompt", "doc", "continuations"), [
    ("Q: not ( True ) is\nA:", {"input": "not ( True ) is"}, [" False", " True"]),
    ("Options:\n- Yes\n- No\nA:", {"input": "Options:\n- Yes\n- No"}, [" Yes", " No"]),
    (EXAMPLE + "How many?\nAnswer:", {"question": "How many?"}, LETTERS),  # the only options are an example's
    ("Q\nA. one\nB. two\nC. both of the above\nAnswer:", {"o": ["one", "two", "both of the above"]}, LETTERS),
    ("Q\nA. one\nB. A and C\nC. two\nAnswer:", {"o": ["one", "A and C", "two"]}, LETTERS),
    ("Q\nA. same\nB. same\nAnswer:", {"o": ["same"]}, [" A", " B"]),
    ("Q\nA. one\nC. two\nAnswer:", {"o": ["one", "two"]}, [" A", " C"]),
    ("Q\nA. one\nB. two\nC. three\nAnswer:", {"o": ["one", "two", "three"]}, [" A", " B"]),
    ("", {}, [" A", " B"]),
])  # fmt: skip
def test_questions_without_options_to_rearrange_are_left_alone(prompt, doc, continuations):
    assert options_of(prompt, doc, continuations) is None


def test_four_orders_are_different_and_two_options_have_two():
    orders = [[0, 1, 2, 3], *other_orders(4, "x")]
    assert len({tuple(order) for order in orders}) == 4
    assert other_orders(4, "x") == orders[1:]
    assert other_orders(2, "x") == [[1, 0]]


class Asked:
    """A request, as far as the perturbation reads it."""

    def __init__(self, continuation: str) -> None:
        self.task_name, self.doc_id, self.doc, self.arguments = "task", 3, DOC, (QUESTION, continuation)

    @property
    def args(self) -> tuple[str, str]:
        return self.arguments


class ByText:
    """A model that finds an answer likely by what its letter stands for."""

    def loglikelihood(self, requests: list[Asked]) -> list[tuple[float, bool]]:
        lines = [dict(line.split(". ") for line in each.args[0].split("\n")[1:4]) for each in requests]
        return [(-float(len(own[each.args[1].strip()])), False) for own, each in zip(lines, requests, strict=True)]


def test_answers_go_back_to_the_original_options_and_the_harness_sees_its_own_only():
    model, perturbation = ByText(), Perturbation(("order", "labels"))
    perturbation.wrap(model)
    assert model.loglikelihood([Asked(each) for each in LETTERS]) == [(-5, False), (-5, False), (-4, False)]
    sample: dict[str, Any] = {"doc_id": 3}
    perturbation.note("task", [sample, {"doc_id": 4}])
    ways = sample["perturbed"]["order"] + sample["perturbed"]["labels"]
    assert [way["loglikelihoods"] for way in ways] == [[-5, -5, -4]] * 5


def test_a_run_tells_its_sensitivity_and_names_tasks_without_letters(dummy_run):
    outcome, store = dummy_run("bbh", perturb=("order", "labels"))
    assert outcome.failure is None
    found = OptionSensitivity.read(Result.read(store.read(outcome.result)).settings[KEY]["bbh"])
    assert len(found.order) == 1  # of two options
    assert len(found.labels) == 2
    assert {name.removeprefix("leaderboard_bbh_") for name in found.without} == {
        "boolean_expressions", "causal_judgement", "formal_fallacies", "navigate", "object_counting",
        "sports_understanding", "web_of_lies",
    }  # fmt: skip


def test_the_original_order_is_scored_as_without_other_orders(dummy_run, workspace):
    lines = []
    for kinds, model in (((), "org/plain"), (("order",), "org/perturbed")):
        outcome, _ = dummy_run("gpqa", perturb=kinds, keep=True, model=model)
        assert outcome.failure is None
        (job,) = [path for path in (workspace / "runs").glob("*/job.json") if model in path.read_text()]
        lines.append([json.loads(line) for line in samples_path(job.parent, "leaderboard_gpqa_main").open()])
    plain, perturbed = lines
    assert [line.keys() - {"perturbed"} for line in perturbed] == [line.keys() for line in plain]
    assert all(line["perturbed"]["order"] for line in perturbed)
    assert [line["arguments"] for line in perturbed] == [line["arguments"] for line in plain]
