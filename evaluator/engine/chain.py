"""One path of the trie as cached keys, values and states: it grows, goes back, and lends copies to the branches."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable
from typing import Any

import torch
from transformers import DynamicCache

# layers whose past is a list of positions: cutting the list goes back in time
POSITIONAL = {"full_attention", "sliding_attention", "chunked_attention", "moe", "mlp", "dummy"}


class Chain:
    """The cache of one path, as `depth` tokens; `fork` lends it to a forward without ever being changed by it."""

    def __init__(self, model: Any) -> None:
        self.argument = cache_argument(model)
        self._config = model.config
        self.croppable = is_positional(model.config)
        self._at: dict[int, Any] = {0: self._empty()}  # depth → cache; a croppable chain keeps only its deepest

    @property
    def depth(self) -> int:
        return max(self._at)

    def fork(self, rows: int = 1) -> Any:
        """A cache with this past for `rows` rows; what a forward writes into it stays out of the chain."""
        return fork(self._at[self.depth], rows, share=self.croppable)

    def grow(self, cache: Any, depth: int) -> None:
        """Take a fork that a forward has filled up to `depth` as the new end."""
        if self.croppable:
            self._at = {}
        self._at[depth] = cache

    def rewind(self, depth: int) -> None:
        """Go back to `depth`, which a chain that is not croppable must have stopped at before."""
        if depth >= self.depth:
            return
        if not self.croppable:
            self._at = {at: cache for at, cache in self._at.items() if at <= depth}
        elif depth == 0:
            self._at = {0: self._empty()}
        else:
            cache = self._at.pop(self.depth)
            for layer in cache.layers:
                if layer.is_initialized:
                    layer.keys, layer.values = layer.keys[..., :depth, :], layer.values[..., :depth, :]
            self._at = {depth: cache}

    def _empty(self) -> Any:
        # without a config every layer keeps its whole past; the mask applies the windows
        return DynamicCache() if self.croppable else DynamicCache(config=self._config)


def fork(cache: Any, rows: int, share: bool) -> Any:
    """A copy of a cache for `rows` rows; with `share`, tensors that only ever grow by concatenation are not copied."""
    twin = copy.copy(cache)
    twin.layers = [_copy_layer(layer) for layer in cache.layers]
    if not share:
        twin.reorder_cache(torch.zeros(rows, dtype=torch.long))
    elif rows > 1:
        for layer in twin.layers:
            if layer.is_initialized:
                layer.keys, layer.values = layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1)
    return twin


def is_positional(config: Any) -> bool:
    """Whether every layer's past is a plain list of positions, so that a longer one holds every shorter one."""
    text = config.get_text_config(decoder=True)
    layers: Iterable[str] | None = getattr(text, "layer_types", None)
    if layers is not None:
        return set(layers) <= POSITIONAL
    return not any(hasattr(text, name) for name in ("ssm_state_size", "state_size", "mamba_d_state", "conv_kernel"))


def cache_argument(model: Any) -> str | None:
    """The name under which the model's forward takes its past (None: it takes none)."""
    names = inspect.signature(unwrapped(model).forward).parameters
    return next((name for name in ("past_key_values", "cache_params") if name in names), None)


def unwrapped(model: Any) -> Any:
    """The transformers model inside adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _copy_layer(layer: Any) -> Any:
    twin = copy.copy(layer)
    for name, value in vars(twin).items():
        if isinstance(value, (dict, list)):
            setattr(twin, name, copy.copy(value))
    return twin
