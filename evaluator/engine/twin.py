"""A model's float32 twin: its architecture with few layers and random weights, so that rounding hides no error."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import torch

from evaluator.engine.scoring.chain import unwrapped

log = logging.getLogger(__name__)

MOST_PARAMETERS = {"cuda": 1_000_000_000, "cpu": 200_000_000}
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
VOCABULARY = 512
LAYERS = 2, 12  # at least; at most, if needed to contain every kind of layer


def twin(model: Any, device: torch.device) -> Any | None:
    """Return a small random float32 model of the same architecture; None if none of a reasonable size can be built."""
    try:
        config = small_config(model.config)
        with torch.device("meta"):
            size = sum(parameter.numel() for parameter in _build(model, config).parameters())
        if size > MOST_PARAMETERS.get(device.type, 0):
            return None
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.device(device):
            torch.manual_seed(0)
            small = _build(model, config)
            for parameter in small.parameters():
                if parameter.dim() > 1:  # the usual 0.02 leaves logits so flat that mistakes do not show
                    torch.nn.init.normal_(parameter, std=0.64 * parameter.shape[-1] ** -0.5)
        return small.eval()
    except Exception as error:  # a configuration may refuse to be shrunk in any way of its own
        log.info("no float32 twin of %s: %s", type(model).__name__, error)
        return None


def small_config(config: Any) -> Any:
    """Return a copy with few layers, a small vocabulary and few experts; other numbers do not change."""
    config = copy.deepcopy(config)
    for name in ("quantization_config", "dtype"):
        if hasattr(config, name):
            setattr(config, name, None) if name == "dtype" else delattr(config, name)
    text = config.get_text_config(decoder=True)
    layers = int(text.num_hidden_layers)
    per_layer = {
        name: value
        for name, value in vars(text).items()
        if isinstance(value, (list, tuple)) and len(value) == layers and layers > 1
    }
    keep = min(layers, max(LAYERS[0], *[_to_meet_all(value) for value in per_layer.values()], 0), LAYERS[1])
    for name, value in per_layer.items():
        setattr(text, name, value[:keep])
    text.num_hidden_layers = keep
    text.vocab_size = min(VOCABULARY, int(text.vocab_size))
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        if getattr(text, name, None) is not None:
            setattr(text, name, 0)
    active = int(getattr(text, "num_experts_per_tok", None) or 1)
    for name in EXPERTS:
        if isinstance(getattr(text, name, None), int) and getattr(text, name) > 2 * active:
            setattr(text, name, 2 * active)
    return config


def _build(model: Any, config: Any) -> Any:
    attention = getattr(model.config, "_attn_implementation", None)
    return type(unwrapped(model))._from_config(config, dtype=torch.float32, attn_implementation=attention)


def _to_meet_all(kinds: Sequence[Any]) -> int:
    """Return how many leading layers contain every kind of layer."""
    return max(list(kinds).index(kind) for kind in kinds) + 1
