"""SDPA on a CPU in blocks of queries: keys that come later than every query of a block are skipped.

A kernel that is given a mask computes every product and throws the masked ones away; in a causal row that is half of
those within the row. It also converts a boolean mask to numbers in every layer; here that is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

Attention = Callable[..., tuple[torch.Tensor, torch.Tensor | None]]


@contextmanager
def in_blocks(device: torch.device, block: int) -> Iterator[None]:
    """Make models with `sdpa` attention compute it for `block` queries at a time, if they run on a CPU."""
    if device.type != "cpu":
        yield
        return
    before = ALL_ATTENTION_FUNCTIONS["sdpa"]
    ALL_ATTENTION_FUNCTIONS["sdpa"] = _Blocks(before, block)
    try:
        yield
    finally:
        ALL_ATTENTION_FUNCTIONS["sdpa"] = before


class _Blocks:
    """transformers' `sdpa_attention_forward` for causal masks of more than a block; others go to `plain`."""

    def __init__(self, plain: Attention, block: int) -> None:
        self._plain, self._block = plain, block
        self._numbers: dict[int, tuple[torch.Tensor, list[torch.Tensor]]] = {}  # by the identity of a layer's mask

    def __call__(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        **more: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        n, past, block = query.shape[2], key.shape[2] - query.shape[2], self._block
        is_strange = dropout or any(more.get(name) is not None for name in ("position_bias", "softcap"))
        if attention_mask is None or attention_mask.dtype != torch.bool or n <= block or is_strange:
            return self._plain(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more)
        groups = query.shape[1] // key.shape[1]
        if groups > 1:
            key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        parts = [
            torch.nn.functional.scaled_dot_product_attention(
                query[:, :, at : at + block],
                key[:, :, : past + at + block],
                value[:, :, : past + at + block],
                attn_mask=numbers,
                scale=scaling,
            )
            for at, numbers in zip(range(0, n, block), self._of(attention_mask, past, query.dtype), strict=True)
        ]
        return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None

    def _of(self, mask: torch.Tensor, past: int, dtype: torch.dtype) -> list[torch.Tensor]:
        """Return the mask of each block as numbers to add: zero or minus infinity."""
        if id(mask) not in self._numbers:
            parts = [
                mask[:, :, at : at + self._block, : past + at + self._block]
                for at in range(0, mask.shape[2], self._block)
            ]
            hidden = [torch.zeros(part.shape, dtype=dtype).masked_fill_(~part, float("-inf")) for part in parts]
            self._numbers[id(mask)] = mask, hidden  # the mask is kept, so that no other takes its identity
        return self._numbers[id(mask)][1]
