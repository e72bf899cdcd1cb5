"""Other orders of the options on the engine: what they share is computed once, and the original answers stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluator.child.perturbing import Perturbation
from evaluator.engine.planning.tree import Trie

pytestmark = pytest.mark.torch

SHOTS = "".join(f"Which is word {at}?\nA. one\nB. two\nC. three\nD. four\nAnswer: {'ABCD'[at]}\n\n" for at in range(3))
TEXTS = ["the fox", "the cow", "water", "a dog"]


def requests(questions: int = 6) -> list[Any]:
    from lm_eval.api.instance import Instance

    made = []
    for at in range(questions):
        texts = TEXTS[at % 4 :] + TEXTS[: at % 4]
        lines = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", texts, strict=True))
        prompt = f"{SHOTS}Who jumps over number {at}?\n{lines}\nAnswer:"
        doc = {"options": texts}
        for k, letter in enumerate("ABCD"):
            made.append(Instance("loglikelihood", doc, (prompt, f" {letter}"), k, metadata=("lettered", at, 1)))
    return made


def nodes(lm: Any, asked: list[Any]) -> int:
    return Trie([query.tokens for query in lm.encoder.queries([each.args for each in asked], lm.max_length)]).nodes


def test_four_orders_forward_the_tokens_of_their_common_trie_and_leave_the_original_answers(prefix_tree) -> None:
    own = requests()
    lone = prefix_tree(pack_tokens=64)
    plain = lone.loglikelihood(own)

    lm, seen = prefix_tree(pack_tokens=64), []
    ask = lm.loglikelihood
    lm.loglikelihood = lambda all_requests, **more: seen.extend(all_requests) or ask(all_requests, **more)
    perturbation = Perturbation(("order",))
    perturbation.wrap(lm)
    found = lm.loglikelihood(own)

    assert len(seen) == 4 * len(own)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in plain]
    assert max(abs(a - b) for (a, _), (b, _) in zip(found, plain, strict=True)) < 2e-5
    assert nodes(lm, seen) <= lm.work.tokens <= 1.01 * nodes(lm, seen)  # where packs are cut, under 1 % is repeated
    stock_for_one = sum(len(query.tokens) for query in lm.encoder.queries([each.args for each in own[::4]], 10**6))
    assert lm.work.tokens < stock_for_one


def test_other_orders_are_answered_as_if_asked_alone(prefix_tree) -> None:
    own = requests(2)
    lm, perturbation = prefix_tree(), Perturbation(("order",))
    perturbation.wrap(lm)
    lm.loglikelihood(own)
    extra, plan = Perturbation(("order",))._variants(own)
    alone = [value for value, _ in prefix_tree().loglikelihood(extra)]
    kept = [
        likelihood
        for document in (0, 1)
        for way in perturbation.answers["lettered", document]["order"]
        for likelihood in way["loglikelihoods"]
    ]
    assert len(plan) == 6
    assert kept == pytest.approx(alone, abs=2e-5)


def test_a_run_that_was_killed_resumes_with_the_answers_of_other_orders(prefix_tree, tmp_path: Path) -> None:
    for resumed in (0, 4 * 4 * 2):
        lm, perturbation = prefix_tree(responses=tmp_path / "responses.sqlite"), Perturbation(("order",))
        perturbation.wrap(lm)
        lm.loglikelihood(requests(2))
        assert lm.resumed == resumed
