"""A model's shape from its config.json, built on torch's meta device: without memory for its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core.errors import BadInputError


@dataclass(frozen=True)
class ModelShape:
    """The properties of a model that decide its cost."""

    parameters: int
    active: int  # used for every token: without embeddings and LM head, with the selected experts only
    layers: int
    hidden: int
    attention: int  # heads × head size
    past: int  # numbers cached for each token of a text
    vocabulary: int


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Return a model's shape, from modules on the meta device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        settings = dict(config)
        made = AutoConfig.for_model(settings.pop("model_type"), **settings)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(made)
    except Exception as error:
        raise BadInputError(
            f"transformers cannot build a causal language model from this config.json "
            f"({type(error).__name__}: {error}). Check `model_type` and `architectures`."
        ) from error
    text = made.get_text_config(decoder=True)
    names = {id(weights): (name, weights) for name, weights in model.named_parameters()}
    apart = {
        id(head.weight) for head in (model.get_input_embeddings(), model.get_output_embeddings()) if head is not None
    }
    experts = next((int(value) for key in EXPERTS if (value := getattr(text, key, None))), 0)
    chosen = int(getattr(text, "num_experts_per_tok", None) or experts or 1)
    active = sum(
        weights.numel() * (chosen / experts if experts and ".experts." in f".{name}." else 1)
        for key, (name, weights) in names.items()
        if key not in apart and weights.dim() > 1
    )
    heads = int(getattr(text, "num_attention_heads", None) or 1)
    head = int(getattr(text, "head_dim", None) or int(text.hidden_size) // heads)
    kept = int(getattr(text, "num_key_value_heads", None) or heads)
    layers = int(text.num_hidden_layers)
    return ModelShape(
        parameters=sum(weights.numel() for _, weights in names.values()),
        active=int(active),
        layers=layers,
        hidden=int(text.hidden_size),
        attention=heads * head,
        past=2 * layers * kept * head,
        vocabulary=int(text.vocab_size),
    )


EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def read_config(model: str, revision: str = "main") -> dict[str, Any]:
    """Read a model's config.json from a folder, a file, or the Hub (only that file).

    Raise BadInputError if there is none.
    """
    path = Path(model)
    if path.is_dir():
        path = path / "config.json"
    elif not path.is_file():
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            path = Path(hf_hub_download(model, "config.json", revision=revision))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
            raise BadInputError(f"{model} has no readable config.json: {error}") from error
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path} is not a readable config.json: {error}") from error


def read_tokenizer(model: str, revision: str = "main") -> bytes | None:
    """Read a model's tokenizer.json from its folder or the Hub; None if it has none that can be read."""
    path = Path(model)
    if path.is_file():
        path = path.parent
    if path.is_dir():
        file = path / "tokenizer.json"
        return file.read_bytes() if file.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(model, "tokenizer.json", revision=revision)).read_bytes()
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError):
        return None
