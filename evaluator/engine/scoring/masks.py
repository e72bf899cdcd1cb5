"""Attention masks of a packed row: a node attends to the chain and its own ancestors, at their true distances.

transformers builds every attention mask from an index rule `rule(batch, head, query, key)`. While a pack runs, the rule
of each layer (causal, sliding window, chunked, …) is evaluated on *depths* instead of row indices, and combined with
the packed rule `key <= query < end[key]`. So each layer keeps its own window; this file needs no code for windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import masking_utils
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

Rule = Callable[..., Any]
CAUSAL: Rule = masking_utils.causal_mask_function


@contextmanager
def packed(depth: torch.Tensor, end: torch.Tensor, start: int) -> Iterator[None]:
    """Use the masks of a pack of `len(depth)` nodes after a chain of `start` cached tokens.

    `depth` and `end` are a `tree.Layout`'s, as int64 tensors on the model's device.
    """
    n = len(depth)
    place = torch.cat([torch.arange(start, device=depth.device), depth])
    until = torch.cat([torch.full((start,), start + n, device=end.device), end + start])
    names = ("sdpa", "eager", "flex_attention")
    before = {name: ALL_MASK_ATTENTION_FUNCTIONS[name] for name in names}
    for name in names:
        make = _flex_mask if name == "flex_attention" else before[name]
        ALL_MASK_ATTENTION_FUNCTIONS[name] = _over_depths(make, place, until)
    try:
        yield
    finally:
        for name in names:
            ALL_MASK_ATTENTION_FUNCTIONS[name] = before[name]


def packed_rule(rule: Rule, place: torch.Tensor, until: torch.Tensor) -> Rule:
    """Return `rule` evaluated on depths and limited to the ancestors of a query."""

    def over_depths(batch: Any, head: Any, query: Any, key: Any) -> torch.Tensor:
        at_query, at_key = _at(place, query), _at(place, key)
        return (key <= query) & (query < _at(until, key)) & rule(batch, head, at_query, at_key)

    return over_depths


def _at(table: torch.Tensor, index: Any) -> torch.Tensor:
    """Index a table on any device, because layers of one model may be on several devices."""
    return table.to(index.device)[index]


def _over_depths(make: Callable[..., Any], place: torch.Tensor, until: torch.Tensor) -> Callable[..., Any]:
    def mask(*arguments: Any, mask_function: Rule = CAUSAL, **keywords: Any) -> Any:
        keywords.update(mask_function=packed_rule(mask_function, place, until), allow_is_causal_skip=False)
        return make(*arguments, **keywords)

    return mask


def _flex_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: Rule = CAUSAL,
    device: torch.device | str = "cpu",
    **_: Any,
) -> Any:
    """Return the rule as a BlockMask, not compiled: every pack has new tables, and compiling costs more."""
    from torch.nn.attention.flex_attention import create_block_mask

    rule = masking_utils.add_offsets_to_mask_function(mask_function, q_offset, kv_offset)
    return create_block_mask(rule, B=batch_size, H=None, Q_LEN=q_length, KV_LEN=kv_length, device=device)
