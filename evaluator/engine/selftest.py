"""The engine's self-test: how a plain random Llama runs on this machine with the installed versions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from evaluator.engine.generating import trial
from evaluator.engine.scoring import attention


@dataclass(frozen=True)
class SelfTest:
    """The execution paths of a plain Llama, and the reasons."""

    scoring: str
    scoring_reason: str
    generation: str
    generation_reason: str
    device: str

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return asdict(self)


def run(device: str | None = None) -> SelfTest:
    """Run the self-check on a tiny random Llama, on `device` or, by default, on the GPU if there is one."""
    on = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model = tiny_llama().to(on)
    choice = attention.choose(model, on)
    generation, reason = trial.choose(model, on, choice.shape)
    return SelfTest(choice.shape, choice.why, generation, reason, str(on))


def tiny_llama() -> Any:
    """Return a float32 Llama of a few thousand numbers; the same numbers each time."""
    config = LlamaConfig(
        vocab_size=320, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:  # transformers' own 0.02 leaves logits so flat that mistakes do not show
                torch.nn.init.normal_(parameter, std=0.08)
    return model.eval()
