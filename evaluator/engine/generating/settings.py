"""What a model's generation settings make of a text: prepared by `generate`'s own private steps, in its order.

What they cannot express (beams, prompt lookup, token healing, …) raises UnsupportedError: stock then generates.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation import EosTokenCriteria, MaxLengthCriteria, StoppingCriteriaList
from transformers.generation.configuration_utils import GenerationMode

from evaluator.engine.scoring.chain import unwrapped

BEYOND = (
    "token_healing", "prefill_chunk_size", "return_dict_in_generate", "is_assistant", "guidance_scale", "use_mtp",
    "watermarking_config", "low_memory",
)  # fmt: skip
"""Settings that change `generate` elsewhere than in its processors and criteria."""
CACHES = (None, "dynamic", "static", "offloaded", "offloaded_static", "hybrid")
"""Caches that change no number; a quantised one does."""
IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


class UnsupportedError(ValueError):
    """Raised if a model's generation settings ask for something that only `generate` itself does."""


@dataclass(frozen=True)
class Prepared:
    """What `generate` would apply to one prompt: processors of logits, the most new tokens, and the end tokens."""

    processors: Any  # transformers' LogitsProcessorList; empty: the likeliest token
    most: int
    ends: frozenset[int]

    def pick(self, tokens: Sequence[int], logits: torch.Tensor) -> int:
        """Return the next token after `tokens` (prompt and text), from logits [1, vocabulary]."""
        ids = torch.tensor([tokens], device=logits.device)
        return int(self.processors(ids, logits.to(torch.float32, copy=True)).argmax(dim=-1))


def prepare(model: Any, prompt: Sequence[int], most: int, pad: int | None = None) -> Prepared:
    """Return what `generate` would apply to a prompt if lm-eval asked for `most` greedy tokens.

    Raise UnsupportedError if the model's settings cannot be applied outside `generate`.
    """
    model = unwrapped(model)
    try:
        return _prepare(model, torch.tensor([list(prompt)], device=model.device), most, pad)
    except UnsupportedError:
        raise
    except Exception as error:  # private steps of transformers: another release, or settings that it refuses
        raise UnsupportedError(f"generate's own preparation failed with {type(error).__name__}: {error}") from error


def _prepare(model: Any, ids: torch.Tensor, most: int, pad: int | None) -> Prepared:
    length = ids.shape[1]
    own = model.generation_config
    config, _ = model._prepare_generation_config(None, **_arguments(length, most, pad))
    mode = config.get_generation_mode(None)
    if mode != GenerationMode.GREEDY_SEARCH:
        raise UnsupportedError(f"the model's generation settings ask for {mode.value.replace('_', ' ')}")
    beyond = [name for name in BEYOND if getattr(config, name, None) not in (None, False)]
    beyond = [name for name in beyond if name != "guidance_scale" or config.guidance_scale != 1]
    beyond += ["num_return_sequences"] * (config.num_return_sequences not in (None, 1))
    beyond += ["cache_implementation"] * (config.cache_implementation not in CACHES)
    if beyond:
        raise UnsupportedError(f"the model's generation settings ask for {', '.join(beyond)}")
    model._prepare_special_tokens(config, True, device=ids.device, batch_size=1)
    config = model._prepare_generated_length(
        generation_config=config, has_default_max_length=False, has_default_min_length=own.min_length is None,
        model_input_name="input_ids", inputs_tensor=ids, input_ids_length=length,
    )  # fmt: skip
    processors = model._get_logits_processor(
        generation_config=config, input_ids_seq_length=length, encoder_input_ids=ids, device=ids.device, model_kwargs={}
    )
    ends: set[int] = set()
    for criterion in model._get_stopping_criteria(config, StoppingCriteriaList()):
        if isinstance(criterion, MaxLengthCriteria):
            most = criterion.max_length - length
        elif isinstance(criterion, EosTokenCriteria):
            ends |= set(criterion.eos_token_id.tolist())
        else:
            raise UnsupportedError(f"the model's generation settings ask for {type(criterion).__name__}")
    return Prepared(processors, most, frozenset(ends))


def _arguments(length: int, most: int, pad: int | None) -> dict[str, Any]:
    """Return the arguments with which lm-eval calls `generate` for a greedy request."""
    return {"max_length": length + most, "pad_token_id": pad, "use_cache": True, "do_sample": False}


@torch.no_grad()
def by_generate(model: Any, prompt: Sequence[int], most: int, pad: int | None = None) -> list[int]:
    """Return the new tokens of `generate` itself, called as lm-eval calls it for one greedy request."""
    model = unwrapped(model)
    ids = torch.tensor([list(prompt)], device=model.device)
    output = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **_arguments(len(prompt), most, pad))
    return output[0, len(prompt) :].tolist()  # type: ignore[no-any-return]


def settings_of(config: GenerationConfig) -> dict[str, Any]:
    """Return what a model's generation settings change, without the names of its tokens."""
    changed = config.to_diff_dict()
    return {
        name: value
        for name, value in changed.items()
        if name not in IDS and not name.startswith("_") and name != "transformers_version"
    }


def without_defaults(config: GenerationConfig) -> GenerationConfig:
    """Return settings with the model's special tokens and nothing else of its own."""
    return GenerationConfig(**{name: getattr(config, name, None) for name in IDS})


def fitted(config: GenerationConfig, vocabulary: int) -> GenerationConfig:
    """Return a copy for a model with a smaller vocabulary: every token that a setting names is folded into it."""
    config = copy.deepcopy(config)
    for name, value in vars(config).items():
        if name.endswith("_token_id") or name in TOKENS:
            setattr(config, name, _folded(value, vocabulary))
    return config


TOKENS = ("bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "sequence_bias")


def _folded(value: Any, vocabulary: int) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value % vocabulary
    if isinstance(value, dict):
        return {_folded(key, vocabulary): bias for key, bias in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_folded(each, vocabulary) for each in value)
    return value
