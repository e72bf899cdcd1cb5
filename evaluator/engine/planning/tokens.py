"""Encode every distinct piece of text once, in batches, with the same result as stock.

A few-shot prompt is the same text in front of thousands of questions. Text may be cut wherever a letter or digit meets
a line break, if no token of the vocabulary spans such a place: then no merge does either, and the pieces' tokens put
together are the text's tokens. Whether that holds is read off the vocabulary and tried on each batch; if not, every
distinct text is encoded whole.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lm_eval.models.utils import has_bos_prefix

from evaluator.engine.planning.tree import ScoringRequest, Tokens

log = logging.getLogger(__name__)

CUT = re.compile(r"(?<=[A-Za-z0-9])(?=\n)")
SPANS_A_CUT = re.compile(r"[A-Za-z0-9](\n|Ċ|<0x0A>)")  # byte-level and sentencepiece vocabularies spell a line break so
BEFORE = "a"  # stands before a piece while it is encoded, so that tokenizers that add a space to every text do not
PROBES = 12


@dataclass(frozen=True)
class _Context:
    """A context before and after its last cut, its tokens, and how many of them stand before the cut."""

    head: str
    tail: str
    split: int
    tokens: Tokens


class Encoder:
    """Encodes (context, continuation) pairs for one lm-eval `hf` model; keeps what it has encoded."""

    def __init__(self, lm: Any) -> None:
        self._lm = lm
        self._known: dict[tuple[bool, str], Tokens] = {}  # (starts a text, piece) → tokens
        self._lead = lm.tokenizer.encode(BEFORE, add_special_tokens=False)
        self._bos = lm.tokenizer.decode(lm.prefix_token_id)
        self.cuts = not any(SPANS_A_CUT.search(token) for token in lm.tokenizer.get_vocab())

    def queries(self, pairs: Sequence[tuple[str, str]], max_length: int) -> list[ScoringRequest]:
        """Return queries of (context, continuation) pairs, truncated from the left to `max_length` as stock does."""
        if self.cuts and not self._holds(pairs):
            log.info("this tokenizer does not take texts in pieces: encoding each whole")
            self.cuts, self._known = False, {}
        moved = [move_spaces(*pair) if pair[0] else pair for pair in pairs]
        halves = {context: self._split(context) for context in dict.fromkeys(context for context, _ in moved)}
        pieces = [piece for head, tail in halves.values() for piece in self._both(head, tail)]
        ends = dict.fromkeys((*halves[context], continuation, bool(context)) for context, continuation in moved)
        for head, tail, continuation, starts in ends:
            pieces += self._pieces(tail + continuation, starts and not head)
        self._learn(pieces)
        contexts = {context: self._context(*half) for context, half in halves.items() if context}
        return [
            self._follow(contexts[context], continuation, max_length)
            if context
            else self._alone(continuation, max_length)
            for context, continuation in moved
        ]

    def _context(self, head: str, tail: str) -> _Context:
        before = self._encode(head) if head else np.zeros(0, dtype=np.int32)
        after = self._encode(tail, starts=not head)
        return _Context(head, tail, len(before), np.concatenate([before, after]))

    def _follow(self, context: _Context, continuation: str, max_length: int) -> ScoringRequest:
        """Return a query for a continuation: its tokens are those of the whole text beyond the context's count.

        If tokens merge across the boundary, lm-eval still runs the context's own tokens, and so does this.
        """
        whole = self._encode(context.tail + continuation, starts=not context.head)
        targets = whole[len(context.tokens) - context.split :]
        # continuations of one token share the context's array
        tokens = context.tokens if len(targets) == 1 else np.concatenate([context.tokens, targets[:-1]])
        return _query(tokens, targets, continuation, max_length)

    def _alone(self, continuation: str, max_length: int) -> ScoringRequest:
        """Return a query for a continuation without context: after the prefix token, unless it starts with that."""
        whole = self._encode(continuation, starts=False)
        prefix = self._lm.prefix_token_id
        before, targets = (whole[:1], whole[1:]) if whole[0] == prefix else (np.array([prefix], dtype=np.int32), whole)
        return _query(np.concatenate([before, targets[:-1]]), targets, continuation, max_length)

    def _both(self, head: str, tail: str) -> list[tuple[bool, str]]:
        return [*(self._pieces(head, True) if head else []), *(self._pieces(tail, not head) if head + tail else [])]

    def _split(self, text: str) -> tuple[str, str]:
        """Split a text at its last cut; appending to it changes only the tokens of the second part."""
        if not self.cuts:
            return "", text
        at = text.rfind("\n")
        while at > 0 and not CUT.match(text, at):
            at = text.rfind("\n", 0, at)
        return (text[:at], text[at:]) if at > 0 else ("", text)

    def _pieces(self, text: str, starts: bool) -> list[tuple[bool, str]]:
        pieces = CUT.split(text) if self.cuts else [text]
        return [(starts and i == 0, piece) for i, piece in enumerate(pieces)]

    def _encode(self, text: str, starts: bool = True) -> Tokens:
        pieces = self._pieces(text, starts)
        self._learn(pieces)
        return np.concatenate([self._known[piece] for piece in pieces])

    def _learn(self, pieces: Sequence[tuple[bool, str]]) -> None:
        """Encode new pieces: one batched call for those that start a text, one for the others."""
        fresh = [piece for piece in dict.fromkeys(pieces) if piece not in self._known]
        if not fresh:
            return
        first = [text for starts, text in fresh if starts]
        plain = {text for text in first if has_bos_prefix(text, self._bos)}  # these bring their own beginning
        special = {} if self._lm.add_bos_token is None else {"add_special_tokens": self._lm.add_bos_token}
        self._batch([text for text in first if text not in plain], True, special)
        self._batch([text for text in first if text in plain], True, {"add_special_tokens": False})
        self._batch([text for starts, text in fresh if not starts], False, {"add_special_tokens": False})

    def _batch(self, texts: list[str], starts: bool, special: dict[str, bool]) -> None:
        if not texts:
            return
        lead = self._lead if self.cuts and not starts else []
        spelled = [(BEFORE if lead and text.startswith("\n") else "") + text for text in texts]
        encoded = self._lm.tokenizer(
            spelled, return_attention_mask=False, return_token_type_ids=False, verbose=False, **special
        )["input_ids"]
        for text, spelling, tokens in zip(texts, spelled, encoded, strict=True):
            drop = len(lead) if len(spelling) > len(text) else 0
            self._known[starts, text] = np.array(tokens[drop:], dtype=np.int32)

    def _holds(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Return whether pieces give the same tokens as whole texts, on some of the pairs."""
        some = [pair for pair in pairs[:: max(1, len(pairs) // PROBES)] if pair[0]]
        for pair in some:
            context, continuation = move_spaces(*pair)
            for text in (context, context + continuation):
                if self._encode(text).tolist() != self._lm.tok_encode(text):
                    return False
        return True


def _query(tokens: Tokens, targets: Tokens, continuation: str, max_length: int) -> ScoringRequest:
    if not 0 < len(targets) <= max_length:
        raise ValueError(
            f"A continuation has {len(targets)} tokens, but this model scores 1 to {max_length}: {continuation!r:.80}"
        )
    return ScoringRequest(tokens[-max_length:], targets)


def move_spaces(context: str, continuation: str) -> tuple[str, str]:
    """Move a context's trailing spaces to the continuation, as lm-eval's `_encode_pair` does."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + continuation
