"""Which attention kernel runs the packs: flex_attention where it agrees and is faster, otherwise SDPA with a mask."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import torch

from evaluator.engine import selfcheck
from evaluator.engine.chain import unwrapped
from evaluator.engine.scorer import Scorer
from evaluator.engine.selfcheck import Choice
from evaluator.engine.tree import Limits, Query

log = logging.getLogger(__name__)
OLDEST_FOR_FLEX = (8, 0)  # compute capability


def choose(
    model: Any, device: torch.device, autocast: torch.dtype | None = None, scoring: str = "auto", kernel: str = "auto"
) -> Choice:
    """The self-check's choice, with the model's attention set to the kernel that suits it."""
    given = getattr(unwrapped(model).config, "_attn_implementation", None)
    if given not in (None, "eager", "sdpa", "flex_attention"):
        _set(model, "sdpa")  # a flash kernel takes no mask, so nothing could be packed
    choice = selfcheck.choose(model, device, autocast, scoring)
    if choice.shape != "packed" or not _wants_flex(kernel, device):
        return choice
    before = getattr(unwrapped(model).config, "_attn_implementation", None)
    try:
        slow = _seconds(model, device, autocast)
        _set(model, "flex_attention")
        flexed = selfcheck.choose(model, device, autocast, "packed")
        if flexed.shape == "packed" and (kernel == "flex" or _seconds(model, device, autocast) < slow):
            return flexed
    except Exception as error:  # a compiler or kernel that this machine lacks: SDPA is as right, only slower
        log.info("flex_attention is not used: %s", error)
    _set(model, before)
    return choice


def _wants_flex(kernel: str, device: torch.device) -> bool:
    if kernel != "auto":
        return kernel == "flex"
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= OLDEST_FOR_FLEX


def _set(model: Any, name: str | None) -> None:
    if name is not None:
        unwrapped(model).set_attn_implementation(name)


def _seconds(model: Any, device: torch.device, autocast: torch.dtype | None) -> float:
    """Time of a pack of about 2,000 tokens, the second time it runs."""
    rng = np.random.default_rng(0)
    vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)
    prompt = rng.integers(vocabulary // 2, vocabulary, 500, dtype=np.int32)
    queries = []
    for _ in range(8):
        tokens = np.concatenate([prompt, rng.integers(vocabulary // 2, vocabulary, 200, dtype=np.int32)])
        queries.append(Query(tokens, tokens[-2:]))
    taken = 0.0
    for _ in range(2):
        started = time.perf_counter()
        Scorer(model, Limits(4096, 4096), "packed", autocast, device).score(queries)
        taken = time.perf_counter() - started
    return taken
