"""The way a model's requests were answered, in words: one wording for the terminal, the queue and the pages."""

from __future__ import annotations

SCORING = ("packed", "rows")
"""Ways to score choices that share prefixes; "stock" is the harness's own way, many times slower."""
GENERATION = ("rolling", "continuous")


def way_words(scoring: object, generation: object) -> str:
    """Say how choices were scored and texts generated; `generation` None: no text was asked for (yet)."""
    if is_off(scoring, generation):
        return "off, the stock way"
    words = []
    if scoring is not None:
        words.append(str(scoring) if scoring in SCORING else "choices the stock way")
    if generation is not None:
        words.append(f"texts {generation if generation in GENERATION else 'the stock way'}")
    return ", ".join(words)


def is_off(scoring: object, generation: object) -> bool:
    """Return whether nothing ran faster than the harness's own way."""
    return scoring not in SCORING and generation not in GENERATION
