"""Generation jobs and their stop conditions, for every execution path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GenerationJob:
    """One text to continue: prompt tokens, the most new tokens, and the strings that end it."""

    tokens: list[int]
    most: int
    until: tuple[str, ...] = ()
    pick: Callable[[Sequence[int], Any], int] | None = None
    """The next token after all tokens so far, from logits [1, vocabulary]; None: the likeliest."""


class Stops:
    """Detects the end of a text: an end token, a stop string among the last tokens, or the maximum length."""

    def __init__(self, tokenizer: Any, ends: set[int]) -> None:
        self.ends = ends
        self._tokenizer = tokenizer
        self._spans: dict[str, int] = {}

    def ended(self, tokens: Sequence[int], job: GenerationJob) -> bool:
        """Return whether a text ends with its last token, as lm-eval's stopping criteria see it."""
        if tokens[-1] in self.ends or len(tokens) >= job.most:
            return True
        return any(stop in self._tokenizer.decode(tokens[-self._span(stop) :]) for stop in job.until if stop)

    def cut(self, tokens: Sequence[int], job: GenerationJob) -> list[int] | None:
        """Return the tokens up to the end, if the last few reach it; None if the text goes on."""
        for length in range(max(1, len(tokens) - 2), len(tokens) + 1):  # a stream may deliver more than one at a time
            if self.ended(tokens[:length], job):
                return list(tokens[:length])
        return None

    def _span(self, stop: str) -> int:
        """Return how many tokens to check for a stop string: its own and two more, as lm-eval does."""
        if stop not in self._spans:
            self._spans[stop] = len(self._tokenizer.encode(stop, add_special_tokens=False)) + 2
        return self._spans[stop]
