"""Pieces give the tokens that lm-eval's own encoding gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evaluator.engine.planning.tokens import Encoder, move_spaces
from tests.evaluator.engine.conftest import PAIRS

pytestmark = pytest.mark.torch

ODD = [
    ("", " yes"),
    ("ends in a space ", "word"),
    ("one line\n", "\nanother"),
    ("tabs\tand\r\nreturns\r\n", " (A)"),
    ("x\ny\nz", "\nw"),
    ("naïve café — “quoted”\n日本語\n", "です"),
    ("1\n2\n3\n", "4"),
]


def tokens_of_stock(lm: Any, context: str, continuation: str) -> tuple[list[int], list[int]]:
    if not context:
        return [lm.prefix_token_id], lm.tok_encode(continuation, add_special_tokens=False)
    return lm._encode_pair(context, continuation)  # type: ignore[no-any-return]


@pytest.mark.parametrize("cuts", [True, False])
def test_queries_hold_what_stock_runs_and_scores(stock: Any, cuts: bool) -> None:
    encoder = Encoder(stock)
    encoder.cuts = encoder.cuts and cuts
    pairs = PAIRS + ODD
    for pair, query in zip(pairs, encoder.queries(pairs, 2048), strict=True):
        context, targets = tokens_of_stock(stock, *pair)
        assert query.tokens.tolist() == (context + targets)[:-1], pair
        assert query.targets.tolist() == targets, pair


def test_long_texts_lose_their_beginning_as_in_stock(stock: Any) -> None:
    for pair, query in zip(PAIRS, Encoder(stock).queries(PAIRS, 24), strict=True):
        context, targets = tokens_of_stock(stock, *pair)
        assert query.tokens.tolist() == (context + targets)[-25:][:-1]


def test_a_shared_prompt_is_encoded_once(stock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(stock)
    assert encoder.cuts
    encoded: list[str] = []
    batch = Encoder._batch

    def watch(self: Encoder, texts: list[str], starts: bool, special: dict[str, bool]) -> None:
        encoded.extend(texts)
        batch(self, texts, starts, special)

    monkeypatch.setattr(Encoder, "_batch", watch)
    encoder.queries(PAIRS, 2048)
    assert len(encoded) == len(set(encoded))
    assert sum(map(len, encoded)) < sum(len(context) for context, _ in PAIRS) / 3


def test_a_tokenizer_that_merges_over_line_breaks_is_given_whole_texts(stock: Any) -> None:
    from tokenizers import Tokenizer, models, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.train_from_iterator(["a\nb a\nb a\nb"] * 9, trainers.BpeTrainer(vocab_size=60, special_tokens=["<s>"]))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>")

    class Other:
        add_bos_token = None
        prefix_token_id = 0

        def tok_encode(self, text: str) -> list[int]:
            return tokenizer.encode(text)

    lm = Other()
    lm.tokenizer = tokenizer  # type: ignore[attr-defined]
    encoder = Encoder(lm)
    assert not encoder.cuts
    (query,) = encoder.queries([("a\nb b", "a\nb")], 100)
    context, whole = tokenizer.encode("a\nb b"), tokenizer.encode("a\nb ba\nb")
    assert query.targets.tolist() == whole[len(context) :]
    assert query.tokens.tolist() == context + whole[len(context) : -1]


def test_continuations_of_one_token_share_the_context(stock: Any) -> None:
    queries = Encoder(stock).queries([("Question: what is true?\nAnswer:", f" {letter}") for letter in "AB"], 100)
    if all(len(query.targets) == 1 for query in queries):
        assert queries[0].tokens is queries[1].tokens
    assert np.array_equal(queries[0].tokens[:3], queries[1].tokens[:3])


def test_spaces_move_to_the_continuation() -> None:
    assert move_spaces("a  ", "b") == ("a", "  b")


def test_an_empty_continuation_is_refused_with_a_reason(prefix_tree: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="continuation has 0 tokens"):
        prefix_tree().encoder.queries([("a question", "")], 100)
