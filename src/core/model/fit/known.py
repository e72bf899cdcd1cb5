"""What the pinned transformers loads, from the file that `tools/model_types.py` writes: no torch is needed here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("transformers.json")
Table = Mapping[str, Any]


@cache
def known() -> Table:
    """Return the whole file."""
    return dict(json.loads(PATH.read_text(encoding="utf-8")))


def model_types() -> Mapping[str, Table]:
    """Return model type → what its tensors are called; an empty table if that is not known."""
    return dict(known()["types"])


def quantizations() -> frozenset[str]:
    """Return the methods of packing weights that transformers loads."""
    return frozenset(known()["quantizations"])


def private_keys() -> frozenset[str]:
    """Return the private keys that transformers writes into configurations; an evaluator removes them."""
    return frozenset(known()["private_keys"])


def model_keys() -> frozenset[str]:
    """Return the private keys that belong to single model types and are kept."""
    return frozenset(known()["model_keys"])


def text_config(config: Table) -> Table:
    """Return the part of a configuration that describes the text decoder: an inner table, or all of it."""
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else config


def decoder(config: Table) -> Table | None:
    """Return the text decoder's own configuration if `config` is of a multimodal type that has to be taken apart.

    None if transformers loads `config` itself as a text model, or knows no text model inside.
    """
    inner = config.get("text_config")
    if config.get("model_type") in model_types() or not isinstance(inner, dict):
        return None
    if inner.get("model_type") not in model_types():
        return None
    outer = {"tie_word_embeddings": known()["composites"].get(str(config.get("model_type")), False)}
    outer |= {key: config[key] for key in KEPT if config.get(key) is not None}
    described = model_types()[str(inner["model_type"])]
    if not described:
        return None
    return (
        dict(inner)
        | {key: outer[key] for key in outer if key not in inner or key == "tie_word_embeddings"}
        | {"architectures": [described["class"]]}
    )


KEPT = ("tie_word_embeddings", "quantization_config", "torch_dtype", "dtype", "bos_token_id", "eos_token_id",
        "pad_token_id", "transformers_version")  # fmt: skip
"""Keys of a multimodal configuration that hold for its text decoder too."""
