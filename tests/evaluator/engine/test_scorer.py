"""Log-likelihoods over the trie, against plain forwards of whole sequences."""

from __future__ import annotations

import inspect
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from evaluator.engine.planning.tree import Extend, Pack, PackLimits, ScoringRequest, Trie, plan
from evaluator.engine.scoring.chain import cache_argument
from evaluator.engine.scoring.scorer import TreeScorer
from evaluator.engine.selfcheck import Choice, choose_shape
from tests.evaluator.engine.zoo import FAMILIES, VOCABULARY, build

pytestmark = pytest.mark.torch
CPU = torch.device("cpu")

# one of each kind; `python -m tests.bench.engine` goes through all families
PACKED = ["llama", "qwen2", "gpt2", "mistral", "gemma", "gemma2", "gpt_oss", "llama4_text", "deepseek_v3", "qwen2_moe"]
IN_ROWS = ["bloom", "gpt_neo", "mamba2", "qwen3_next", "granitemoehybrid"]
AS_STOCK = ["mamba", "recurrent_gemma"]


def make_queries(seed: int = 0, questions: int = 6, prompt: int = 40) -> list[ScoringRequest]:
    rng = random.Random(seed)
    start = [rng.randrange(5, VOCABULARY) for _ in range(prompt)]
    queries = []
    for _ in range(questions):
        question = start + [rng.randrange(5, VOCABULARY) for _ in range(rng.randrange(5, 25))]
        for _ in range(4):
            answer = [rng.randrange(5, VOCABULARY) for _ in range(rng.randrange(1, 6))]
            tokens = np.array(question + answer, dtype=np.int32)
            queries.append(ScoringRequest(tokens[:-1], tokens[-len(answer) :]))
    return queries


@torch.no_grad()
def score_plainly(model: Any, queries: Sequence[ScoringRequest]) -> list[tuple[float, bool]]:
    found = []
    for query in queries:
        logits = model(torch.from_numpy(query.tokens)[None].long()).logits[0, -len(query.targets) :]
        chances = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
        targets = torch.from_numpy(query.targets).long()
        value = chances.gather(1, targets[:, None]).sum()
        found.append((float(value), bool((chances.argmax(-1) == targets).all())))
    return found


def largest_difference(found: Sequence[Any], expected: Sequence[tuple[float, bool]]) -> float:
    assert [answer[1] for answer in found] == [answer[1] for answer in expected]
    return max(abs(a[0] - b[0]) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("family", PACKED)
def test_packed_scores_are_those_of_whole_sequences(family: str) -> None:
    model, queries = build(family), make_queries()
    assert choose_shape(model, CPU).shape == "packed"
    scorer = TreeScorer(model, PackLimits(64, 128))
    assert largest_difference(scorer.score(queries), score_plainly(model, queries)) < 2e-5
    assert scorer.work.tokens == Trie([query.tokens for query in queries]).nodes


@pytest.mark.parametrize("family", IN_ROWS)
def test_rows_are_chosen_and_correct_if_packing_is_wrong(family: str) -> None:
    model, queries = build(family), make_queries()
    assert choose_shape(model, CPU).shape == "rows"
    found = TreeScorer(model, PackLimits(64, 128), "rows").score(queries)
    assert largest_difference(found, score_plainly(model, queries)) < 2e-5


@pytest.mark.parametrize("name", ["cache", "past_key_values", "remembered"])
def test_a_cache_is_found_under_whatever_name_the_forward_offers(name: str) -> None:
    model, queries = build("llama"), make_queries()
    plain = score_plainly(model, queries)
    take_cache_as(model, name)
    assert choose_shape(model, CPU).shape == "packed"
    assert largest_difference(TreeScorer(model, PackLimits(64, 128)).score(queries), plain) < 2e-5


def test_a_forward_that_swallows_a_cache_and_leaves_it_empty_takes_none() -> None:
    model = build("llama")
    whole = model.forward

    def forgetful(input_ids: Any = None, cache: Any = None, past_key_values: Any = None, **more: Any) -> Any:
        return whole(input_ids, **more)

    model.forward = forgetful
    assert cache_argument(model) is None
    assert choose_shape(model, CPU) == Choice("stock", "its forward takes no past")


def take_cache_as(model: Any, name: str) -> None:
    """Let the forward know its cache by this keyword alone."""
    real, own = model.forward, cache_argument(build("llama"))
    assert own
    shown = inspect.signature(real)
    renamed = [part.replace(name=name) if part.name == own else part for part in shown.parameters.values()]

    def forward(*given: Any, **named: Any) -> Any:
        if unknown := named.keys() - {part.name for part in renamed}:
            raise TypeError(f"forward() got an unexpected keyword argument {min(unknown)!r}")
        return real(*given, **{own if key == name else key: value for key, value in named.items()})

    forward.__signature__ = shown.replace(parameters=renamed)  # type: ignore[attr-defined]
    model.forward = forward


@pytest.mark.parametrize("family", AS_STOCK)
def test_stock_is_chosen_if_a_cache_cannot_be_continued(family: str) -> None:
    choice = choose_shape(build(family), CPU)
    assert choice.shape == "stock"
    assert choice.why


@pytest.mark.parametrize("family", ["jamba", "recurrent_gemma"])
def test_rounding_to_16_bits_does_not_hide_a_wrong_way(family: str) -> None:
    assert choose_shape(build(family, torch.bfloat16), CPU).shape == "stock"


def test_a_mask_that_ignores_the_window_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluator.engine.scoring import masks

    def forgetful(rule: Any, place: torch.Tensor, until: torch.Tensor) -> Any:
        return lambda batch, head, query, key: (key <= query) & (query < until[key])

    monkeypatch.setattr(masks, "packed_rule", forgetful)
    choice = choose_shape(build("mistral"), CPU)
    assert choice.shape == "rows"
    assert "packed differed from stock" in choice.why


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mistral", "llama4_text"])
def test_flex_attention_is_given_the_same_rule(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn.attention.flex_attention import flex_attention
    from transformers.integrations import flex_attention as integration

    def uncompiled(*arguments: Any, training: bool = False, **more: Any) -> Any:
        return flex_attention(*arguments, **more)

    monkeypatch.setattr(integration, "compile_friendly_flex_attention", uncompiled)
    model, queries = build(family), make_queries(questions=3)
    expected = score_plainly(model, queries)
    model.set_attn_implementation("flex_attention")
    assert largest_difference(TreeScorer(model, PackLimits(64, 128)).score(queries), expected) < 2e-5


@pytest.mark.parametrize("family", ["llama", "mistral", "deepseek_v3"])
def test_attention_in_blocks_leaves_out_what_comes_later(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, queries = build(family), make_queries()
    looked_at: list[tuple[int, int]] = []
    attend = torch.nn.functional.scaled_dot_product_attention

    def watch(query: torch.Tensor, key: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        looked_at.append((query.shape[2], key.shape[2]))
        return attend(query, key, *rest, **more)

    expected = score_plainly(model, queries)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watch)
    found = TreeScorer(model, PackLimits(128, 256)).score(queries)
    assert largest_difference(found, expected) < 2e-5
    assert max(rows for rows, keys in looked_at if rows != keys) == 16  # an eighth of a pack
    assert sum(rows * keys for rows, keys in looked_at) < 0.8 * packed_keys(queries, model.config.num_hidden_layers)


def packed_keys(queries: Sequence[ScoringRequest], layers: int) -> int:
    """Products of queries and keys if every forward attended to all of its row and its past."""
    steps = plan(Trie([query.tokens for query in queries]), PackLimits(128, 256))
    return layers * sum(step.tokens * (step.start + step.tokens) for step in steps if isinstance(step, Extend | Pack))


def test_the_head_sees_scored_positions_alone() -> None:
    model, queries = build("llama"), make_queries()
    widths: list[int] = []
    model.lm_head.register_forward_hook(lambda _, arguments, __: widths.append(arguments[0].shape[1]))
    scorer = TreeScorer(model, PackLimits(64, 128))
    scorer.score(queries)
    scored = {(query.tokens[: k + 1].tobytes()) for query in queries for k in places(query)}
    assert sum(widths) <= len(scored) + scorer.work.forwards  # a forward that scores nothing computes one position
    assert sum(widths) < scorer.work.tokens


def places(query: ScoringRequest) -> range:
    return range(len(query.tokens) - len(query.targets), len(query.tokens))


@pytest.mark.slow
def test_out_of_memory_halves_the_pack_and_goes_on() -> None:
    model, queries = build("llama"), make_queries()
    expected = score_plainly(model, queries)
    run_out_of_memory_at(model, tokens=31)
    scorer = TreeScorer(model, PackLimits(200, 200))
    assert largest_difference(scorer.score(queries), expected) < 2e-5
    assert scorer.work.halvings > 0
    assert scorer.limits.pack <= 50


def run_out_of_memory_at(model: Any, tokens: int) -> None:
    def check(_: Any, arguments: tuple[Any, ...]) -> None:
        if arguments[0].numel() >= tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.model.embed_tokens.register_forward_pre_hook(check)


@pytest.mark.slow
def test_memory_that_one_token_exceeds_is_an_error() -> None:
    model = build("llama")
    run_out_of_memory_at(model, tokens=1)
    with pytest.raises(torch.OutOfMemoryError):
        TreeScorer(model, PackLimits(8, 8)).score(make_queries(questions=1))


def test_a_resumed_run_computes_bit_for_bit_what_an_uninterrupted_one_does() -> None:
    model, queries = build("llama"), make_queries(questions=12)
    limits = PackLimits(48, 96)
    whole = TreeScorer(model, limits).score(queries)
    saved: list[tuple[int, Any]] = []

    class KilledError(Exception):
        pass

    def until_killed(answers: list[tuple[int, Any]]) -> None:
        saved.extend(answers)
        if len(saved) > len(queries) // 2:
            raise KilledError

    with pytest.raises(KilledError):
        TreeScorer(model, limits).score(queries, finished=until_killed)
    known = dict(saved)
    again = TreeScorer(model, limits)
    rest = again.score(queries, known=[i in known for i in range(len(queries))])
    assert [known.get(i, answer) for i, answer in enumerate(rest)] == whole
    assert again.work.tokens < Trie([query.tokens for query in queries]).nodes


def test_nothing_missing_forwards_nothing() -> None:
    model, queries = build("llama"), make_queries()
    scorer = TreeScorer(model, PackLimits(64, 128))
    assert scorer.score(queries, known=[True] * len(queries)) == [None] * len(queries)
    assert scorer.work.forwards == 0


def test_every_family_has_its_special_settings() -> None:
    assert len(FAMILIES) >= 20
    assert all(peculiarity for peculiarity, _ in FAMILIES.values())
