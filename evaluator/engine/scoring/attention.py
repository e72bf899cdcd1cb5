"""Choose the attention kernel for packs: flex_attention if it agrees and is faster, otherwise SDPA with a mask."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from evaluator.engine.planning.tree import PackLimits, ScoringRequest
from evaluator.engine.scoring.chain import unwrapped
from evaluator.engine.scoring.scorer import TreeScorer
from evaluator.engine.selfcheck import Choice, agrees_once, choose_shape

log = logging.getLogger(__name__)
OLDEST_FOR_FLEX = (8, 0)  # compute capability


def choose(
    model: Any, device: torch.device, autocast: torch.dtype | None = None, scoring: str = "auto", kernel: str = "auto"
) -> Choice:
    """Return the self-check's choice, after setting the model's attention kernel."""
    given = getattr(unwrapped(model).config, "_attn_implementation", None)
    if given not in (None, "eager", "sdpa", "flex_attention"):
        _set(model, "sdpa")  # a flash kernel takes no mask, so nothing could be packed
    choice = choose_shape(model, device, autocast, scoring)
    if choice.shape != "packed" or not _wants_flex(kernel, device):
        return choice
    before = getattr(unwrapped(model).config, "_attn_implementation", None)
    try:
        slow = _seconds(model, device, autocast)
        _set(model, "flex_attention")
        flexed = choose_shape(model, device, autocast, "packed")
        if flexed.shape == "packed" and (kernel == "flex" or _seconds(model, device, autocast) < slow):
            return flexed
    except Exception as error:  # a compiler or kernel that this machine lacks: SDPA is as right, only slower
        log.info("flex_attention is not used: %s", error)
    _set(model, before)
    return choice


def remembered(
    model: Any, device: torch.device, autocast: torch.dtype | None, known: Mapping[str, Any]
) -> Choice | None:
    """Return the choice of an earlier self-check if the real weights agree with it once, else None."""
    if not known.get("scoring"):
        return None
    before = getattr(unwrapped(model).config, "_attn_implementation", None)
    if known.get("attention") != before:
        _set(model, known.get("attention"))
    if agrees_once(model, device, autocast, known["scoring"]):
        return Choice(known["scoring"], str(known.get("scoring_reason")), None, known.get("scoring_difference"))
    _set(model, before)
    return None


def _wants_flex(kernel: str, device: torch.device) -> bool:
    if kernel != "auto":
        return kernel == "flex"
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= OLDEST_FOR_FLEX


def _set(model: Any, name: str | None) -> None:
    if name is not None:
        unwrapped(model).set_attn_implementation(name)


def _seconds(model: Any, device: torch.device, autocast: torch.dtype | None) -> float:
    """Return the time of a pack of about 2,000 tokens, in its second run."""
    rng = np.random.default_rng(0)
    vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)
    prompt = rng.integers(vocabulary // 2, vocabulary, 500, dtype=np.int32)
    queries = []
    for _ in range(8):
        tokens = np.concatenate([prompt, rng.integers(vocabulary // 2, vocabulary, 200, dtype=np.int32)])
        queries.append(ScoringRequest(tokens, tokens[-2:]))
    taken = 0.0
    for _ in range(2):
        started = time.perf_counter()
        TreeScorer(model, PackLimits(4096, 4096), "packed", autocast, device).score(queries)
        taken = time.perf_counter() - started
    return taken
