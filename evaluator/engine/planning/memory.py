"""Decide how many tokens fit in one forward pass, from the model's shape and the free memory."""

from __future__ import annotations

import gc
from typing import Any

import torch

from evaluator.engine.planning.tree import PackLimits

# tokens of a forward past which nothing is gained: on a CPU dense masks grow with the row, on a GPU kernels are full
AIM = {"cpu": 1024, "cuda": 8192}
SHARE = 0.5  # of the free memory; the rest is for the chain, the allocator and other processes


def limits(model: Any, device: torch.device, pack_tokens: int | None = None) -> PackLimits:
    """Return the pack size of a loaded model: `pack_tokens` if given, else what is efficient and fits in memory."""
    aim = pack_tokens or AIM.get(device.type, 2048)
    fits = int(free_bytes(device) * SHARE / bytes_per_token(model.config, model.dtype, aim))
    aim = max(16, min(aim, fits))
    return PackLimits(aim, min(4 * aim, max(aim, fits)) if device.type == "cpu" else aim)


def bytes_per_token(config: Any, dtype: torch.dtype, row: int) -> int:
    """Return the peak bytes of one more packed token: activations, keys and values, mask, and logits if scored."""
    text = config.get_text_config(decoder=True)
    size = torch.empty(0, dtype=dtype).element_size()
    hidden = int(text.hidden_size)
    inner = max(int(value) for value in (getattr(text, "intermediate_size", None) or 4 * hidden,) if value)
    layers = int(getattr(text, "num_hidden_layers", 32))
    heads = int(getattr(text, "num_attention_heads", None) or 32)
    kept = int(getattr(text, "num_key_value_heads", None) or heads)
    head = int(getattr(text, "head_dim", None) or hidden // heads)
    activations = (8 * hidden + 3 * inner + 2 * heads * head) * size
    past = 2 * layers * kept * head * size * 2  # once in the chain or pack, once while it is concatenated
    mask = 4 * row * 5  # boolean and additive, behind a chain of a few rows' length
    logits = int(text.vocab_size) * size
    return activations + past + mask + logits


def free_bytes(device: torch.device) -> int:
    """Return the bytes of memory that are free now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def rows(model: Any, device: torch.device, longest: int, most: int = 64) -> int:
    """Return how many texts of up to `longest` tokens can be generated in parallel, from the memory of their caches."""
    text = model.config.get_text_config(decoder=True)
    heads = int(getattr(text, "num_attention_heads", None) or 32)
    kept = int(getattr(text, "num_key_value_heads", None) or heads)
    head = int(getattr(text, "head_dim", None) or int(text.hidden_size) // heads)
    size = torch.empty(0, dtype=model.dtype).element_size()
    past = 2 * int(text.num_hidden_layers) * kept * head * size * longest * 2  # twice while it is moved
    return max(1, min(most, int(free_bytes(device) * SHARE / past)))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that an allocation failed, on a GPU or in main memory."""
    words = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def free_memory() -> None:
    """Release unreferenced memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
