"""A real model of a few thousand numbers, made on the spot: Llama-style, random weights, a trained tokenizer.

A box runs it before it claims anything, and after a failure that may be its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CARD = """---
license: mit
---
# A tiny model

Random weights, made on the spot: a Llama-style decoder of two layers with a byte-level tokenizer that was
trained on a few lines of text. It knows nothing, and that is what it is for: the leaderboard must show a row for it,
with scores near those of guessing.
"""
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
END = 1.6
WORDS = (
    "The quick brown fox jumps over the lazy dog. Question: what is true? Answer: (A) yes (B) no\n" * 40
).splitlines()


def make_llama(folder: Path, *, seed: int = 0, width: int = 32, layers: int = 2, template: bool = True) -> Path:
    """Write a whole model repository into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _train_tokenizer(folder, template)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": vocabulary,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 0, "eos_token_id": 1}))
    (folder / "README.md").write_text(CARD)
    save_file(_weights(config, np.random.default_rng(seed)), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _weights(config: dict[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    width, inner = config["hidden_size"], config["intermediate_size"]
    narrow = width // config["num_attention_heads"] * config["num_key_value_heads"]

    def drawn(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.2).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": drawn(config["vocab_size"], width),
        "lm_head.weight": drawn(config["vocab_size"], width),
        "model.norm.weight": np.ones(width, np.float32),
    }
    # every hidden state leans towards the first direction, and the end token answers to it: texts end after some words
    weights["model.embed_tokens.weight"][:, 0] = 3.0
    weights["lm_head.weight"][:, 0] = 0.0
    weights["lm_head.weight"][config["eos_token_id"], 0] = END
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        weights |= {
            f"{at}.self_attn.q_proj.weight": drawn(width, width),
            f"{at}.self_attn.k_proj.weight": drawn(narrow, width),
            f"{at}.self_attn.v_proj.weight": drawn(narrow, width),
            f"{at}.self_attn.o_proj.weight": drawn(width, width),
            f"{at}.mlp.gate_proj.weight": drawn(inner, width),
            f"{at}.mlp.up_proj.weight": drawn(inner, width),
            f"{at}.mlp.down_proj.weight": drawn(width, inner),
            f"{at}.input_layernorm.weight": np.ones(width, np.float32),
            f"{at}.post_attention_layernorm.weight": np.ones(width, np.float32),
        }
    return weights


def _train_tokenizer(folder: Path, template: bool) -> int:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": 2048,
    }
    if template:
        settings["chat_template"] = TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return tokenizer.get_vocab_size()
