"""The cache of one path of the trie: it can grow, rewind, and provide copies for branches."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from transformers import DynamicCache

log = logging.getLogger(__name__)
# layers whose past is a list of positions: cutting the list goes back in time
POSITIONAL = {"full_attention", "sliding_attention", "chunked_attention", "moe", "mlp", "dummy"}


class Chain:
    """The cache of one path of `depth` tokens; `fork` returns a copy, so that a forward does not change the chain."""

    def __init__(self, model: Any) -> None:
        self.argument = cache_argument(model)
        self._config = model.config
        self.croppable = is_positional(model.config)
        self._at: dict[int, Any] = {0: self._empty()}  # depth → cache; a croppable chain keeps only its deepest

    @property
    def depth(self) -> int:
        """The number of cached tokens."""
        return max(self._at)

    def fork(self, rows: int = 1) -> Any:
        """Return a copy of the cache for `rows` rows; a forward that writes to it does not change the chain."""
        return fork(self._at[self.depth], rows, share=self.croppable)

    def grow(self, cache: Any, depth: int) -> None:
        """Set a fork that a forward has filled up to `depth` as the new end."""
        if self.croppable:
            self._at = {}
        self._at[depth] = cache

    def rewind(self, depth: int) -> None:
        """Go back to `depth`; a chain that cannot be cropped must have an `Extend` step that ended there."""
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
        return empty(self._config)


def fork(cache: Any, rows: int, share: bool) -> Any:
    """Return a copy of a cache for `rows` rows; `share` reuses tensors, which only grow by concatenation."""
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
    """Return whether every layer's cache is a list of positions, so that cropping it gives an earlier cache."""
    text = config.get_text_config(decoder=True)
    layers: Iterable[str] | None = getattr(text, "layer_types", None)
    if layers is not None:
        return set(layers) <= POSITIONAL
    return not any(hasattr(text, name) for name in ("ssm_state_size", "state_size", "mamba_d_state", "conv_kernel"))


def cache_argument(model: Any) -> str | None:
    """Return the keyword under which the model's forward takes and fills a cache; None if it has none.

    Found by trying, once a model: transformers renames the keyword from release to release, a decorator may accept an
    old name without showing it, and a forward with `**kwargs` accepts any name and ignores it.
    """
    if model not in _ARGUMENTS:
        offered = inspect.signature(unwrapped(model).forward).parameters
        names = [*CACHE_NAMES, *(name for name in offered if name not in CACHE_NAMES and name not in NOT_A_CACHE)]
        # a name that the signature shows goes before one that may only be an alias, which warns each time it is used
        names.sort(key=lambda name: name not in offered)
        _ARGUMENTS[model] = next((name for name in names if _fills(model, name)), None)
    return _ARGUMENTS[model]


CACHE_NAMES = ("cache", "past_key_values", "cache_params")
NOT_A_CACHE = {"input_ids", "inputs_embeds", "attention_mask", "position_ids", "labels", "use_cache", "logits_to_keep"}
_ARGUMENTS: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()


@torch.no_grad()
def _fills(model: Any, name: str) -> bool:
    """Return whether a forward fills an empty cache that is passed as `name`."""
    cache = empty(model.config)
    try:
        model(torch.ones(1, 2, dtype=torch.long, device=model.device), **{name: cache, "use_cache": True})
    except Exception as error:  # whatever a forward raises for an argument that it does not know
        log.debug("%s takes no cache as %r: %s", type(model).__name__, name, error)
        return False
    return any(_holds_tensors(vars(layer)) for layer in cache.layers)


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() > 0
    if isinstance(value, (dict, list, tuple)):
        return any(_holds_tensors(part) for part in (value.values() if isinstance(value, dict) else value))
    return False


def empty(config: Any) -> Any:
    """Return an empty cache for a model of this configuration.

    A cache that is given no configuration keeps the whole past in every layer; the mask applies the windows.
    """
    return DynamicCache() if is_positional(config) else DynamicCache(config=config)


def unwrapped(model: Any) -> Any:
    """Return the transformers model inside adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _copy_layer(layer: Any) -> Any:
    twin = copy.copy(layer)
    for name, value in vars(twin).items():
        if isinstance(value, (dict, list)):
            setattr(twin, name, copy.copy(value))
    return twin
