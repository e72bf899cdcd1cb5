"""Texts are those of stock one at a time, whichever way they are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluator.engine.generating import rolling
from evaluator.engine.generating.jobs import GenerationJob, Stops
from evaluator.engine.planning.tree import PackLimits
from evaluator.engine.scoring.scorer import TreeScorer
from tests.evaluator.engine.conftest import QUESTIONS, SHOTS, ask
from tests.evaluator.engine.zoo import build

pytestmark = pytest.mark.torch
Make = Callable[..., Any]


def make_requests(until: list[str], most: int = 24) -> list[Any]:
    settings = {"until": until, "do_sample": False, "temperature": 0.0, "max_gen_toks": most}
    prompts = [f"{SHOTS}{question}" for question in QUESTIONS] + [question * 3 for question in QUESTIONS]
    return ask("generate_until", [(prompt, dict(settings)) for prompt in prompts])


@pytest.fixture(scope="module")
def alone(llama: Path) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(str(llama), device="cpu", dtype="float32", batch_size=1)


@pytest.mark.parametrize("way", ["rolling", "continuous", "stock"])
@pytest.mark.parametrize("until", [[], ["e", "The"]])
def test_texts_are_those_of_stock(prefix_tree: Make, alone: Any, way: str, until: list[str]) -> None:
    lm = prefix_tree(generation=way, batch_size=1)
    assert lm.generate_until(make_requests(until)) == alone.generate_until(make_requests(until), disable_tqdm=True)
    assert lm.report.generation == way


def test_texts_are_stored_as_they_end(prefix_tree: Make, tmp_path: Path) -> None:
    store = tmp_path / "responses.sqlite"
    first = prefix_tree(responses=store, model_sha="x").generate_until(make_requests([]))
    again = prefix_tree(responses=store, model_sha="x")
    assert again.generate_until(make_requests([])) == first
    assert again.resumed == len(first)


def test_sampled_texts_are_neither_stored_nor_rolled(prefix_tree: Make, tmp_path: Path) -> None:
    settings = {"until": [], "do_sample": True, "temperature": 1.0, "max_gen_toks": 4}
    requests = ask("generate_until", [("The quick", settings)] * 2)
    lm = prefix_tree(responses=tmp_path / "r.sqlite", model_sha="x")
    assert len(lm.generate_until(requests)) == 2
    again = prefix_tree(responses=tmp_path / "r.sqlite", model_sha="x")
    again.generate_until(requests)
    assert again.resumed == 0


def test_verify_compares_texts(prefix_tree: Make) -> None:
    lm = prefix_tree(verify=2)
    lm.generate_until(make_requests([], most=8))
    assert lm.report.verification.documents == 2
    assert lm.report.verification.texts_changed == 0


def test_a_context_too_short_for_the_answer_is_an_error_with_a_reason(prefix_tree: Make) -> None:
    with pytest.raises(ValueError, match="generates up to 3000 tokens"):
        prefix_tree().generate_until(make_requests([], most=3000))


@pytest.mark.parametrize("family", ["mistral", "gemma2", "deepseek_v3", "gpt2"])
def test_a_rolling_batch_gives_the_tokens_of_one_at_a_time(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "AHEAD", 3)  # so that pasts move every third token
    model = build(family)
    generator = torch.Generator().manual_seed(1)
    jobs = [
        GenerationJob(torch.randint(5, 300, (int(n),), generator=generator).tolist(), most)
        for n, most in ((30, 9), (3, 20), (17, 1), (30, 5), (8, 13), (2, 7))
    ]
    found: dict[int, list[int]] = {}
    rolling.run(TreeScorer(model, PackLimits(32, 64)), jobs, Stops(None, set()), found.__setitem__, rows=2)
    for i, job in enumerate(jobs):
        tokens = list(job.tokens)
        for _ in range(job.most):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
        assert found[i] == tokens[len(job.tokens) :]


@pytest.mark.parametrize("family", ["bloom", "falcon_h1"])
def test_an_unsupported_architecture_is_generated_with_stock_and_reported(family: str, llama: Path, stock: Any) -> None:
    from evaluator.engine.model import PrefixTree

    lm = PrefixTree(build(family), tokenizer=stock.tokenizer, max_length=256)
    texts = lm.generate_until(make_requests([], most=4))
    assert len(texts) == 8
    assert lm.report.generation == "stock"
    assert lm.report.generation_reason


def test_stock_finishes_a_generation_that_fails(prefix_tree: Make, alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = prefix_tree(batch_size=1)
    lm.generate_until(make_requests([], most=4))
    admit = rolling._Rows.admit

    def fail(self: Any, jobs: Any, *rest: Any) -> None:
        if self.jobs:
            raise RuntimeError("a kernel is missing")
        admit(self, jobs[:2], *(part[:2] for part in rest))

    monkeypatch.setattr(rolling._Rows, "admit", fail)
    monkeypatch.setattr("evaluator.engine.planning.memory.rows", lambda *_: 3)
    found = lm.generate_until(make_requests(["e"], most=9))
    assert found == alone.generate_until(make_requests(["e"], most=9), disable_tqdm=True)
    assert lm.report.generation == "stock"
    assert "a kernel is missing" in lm.report.generation_reason
