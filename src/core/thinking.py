"""A model's thinking and its answer: one place that parts them, for local models, servers and imported logs.

lm-eval scores `text.split(think_end_token)[-1]`, so that a text whose thinking never ends is scored whole. Here such a
text has no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

STARTS = {
    "<|channel|>final<|message|>": "<|channel|>analysis<|message|>",
    "<|START_RESPONSE|>": "<|START_THINKING|>",
}
"""End marker → start marker, if the start is not the end without its slash."""
DEFAULT_MARKER = "</think>"


@dataclass(frozen=True)
class ThoughtText:
    """A generated text in its parts. thinking: None if there is none; unfinished: the thinking never ended."""

    thinking: str | None
    answer: str
    unfinished: bool = False


def split_thinking(
    text: str, marker: str = DEFAULT_MARKER, *, expected: bool = True, reasoning: str | None = None
) -> ThoughtText:
    """Part a text at the last `marker` that ends thinking.

    Args:
        text: what the model wrote, or a server's `content`.
        marker: the end of thinking, such as `</think>`.
        expected: whether the model was asked to think. A text without the marker is then thinking that never ended;
            otherwise it is so only if it begins with the start marker.
        reasoning: a server's `reasoning_content`; `content` then needs no marker, and an empty one is unfinished.
    """
    before, found, after = text.rpartition(marker)
    start = start_marker(marker)
    if reasoning is not None and reasoning.strip():
        thinking = "\n".join(part for part in (reasoning, _inner(before, start)) if part)
        opened = not found and text.lstrip().startswith(start)
        if opened:
            return ThoughtText(f"{reasoning}\n{_inner(text, start)}", "", unfinished=True)
        return ThoughtText(thinking, after.lstrip(), unfinished=not after.strip())
    if found:
        return ThoughtText(_inner(before, start) or None, after.lstrip())
    if expected or text.lstrip().startswith(start):
        return ThoughtText(_inner(text, start) or None, "", unfinished=True)
    return ThoughtText(None, text)


def start_marker(marker: str) -> str:
    """Return what begins the thinking that `marker` ends: `<think>` for `</think>`."""
    return STARTS.get(marker) or marker.replace("/", "", 1)


def _inner(text: str, start: str) -> str:
    """Return thinking without its start marker and the space around it."""
    return text.strip().removeprefix(start).strip()
