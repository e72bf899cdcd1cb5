"""Whether a model's real weights give numbers: one forward and eight tokens, and NaN in texts that stock generates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from evaluator.engine.generating.settings import by_generate
from evaluator.engine.report import NotFiniteError
from evaluator.engine.selfcheck import one_thread

TOKENS = 8


@torch.no_grad()
def check_weights(model: Any) -> None:
    """Generate a few tokens with the real weights and settings. Raise NotFiniteError if a logit is NaN."""
    vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)
    prompt = [vocabulary // 2 + i for i in range(min(TOKENS, vocabulary // 2))]
    with nan_refused(model), one_thread(model.device, model):
        try:
            by_generate(model, prompt, TOKENS)
        except NotFiniteError:
            raise
        except Exception:  # its settings do not fit so short a text: the first real one tells
            return


@contextmanager
def nan_refused(model: Any) -> Iterator[None]:
    """Raise NotFiniteError in the model's forward if the logits of a last position contain NaN."""
    head = model.get_output_embeddings()
    if head is None:
        yield
        return

    def look(_: Any, __: Any, logits: torch.Tensor) -> None:
        if logits[:, -1].isnan().any():
            raise NotFiniteError("The model returned NaN while generating.")

    hook = head.register_forward_hook(look)
    try:
        yield
    finally:
        hook.remove()
