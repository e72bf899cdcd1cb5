"""A LoRA adapter of a few hundred numbers for the tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from evaluator.box.tiny_model import CARD


def make_lora(folder: Path, base: str = "org/good", *, width: int = 32, seed: int = 1) -> Path:
    """Write a LoRA adapter for `make_llama`'s model: its configuration, weights and card, without a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": 2, "lora_alpha": 4,
              "target_modules": ["q_proj"]}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(CARD)
    rng = np.random.default_rng(seed)
    at = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    tensors = {
        at.format(layer, name): (rng.standard_normal(shape) * 0.5).astype(np.float32)
        for layer in range(2)
        for name, shape in (("A", (2, width)), ("B", (width, 2)))
    }
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder
