"""Do the weights fit the configuration? The names in safetensors headers against those that transformers asks for.

A loader fills what it does not find with random numbers, so a name that is missing is a refusal. Names are compared as
transformers does it: renamed by the rules of the model type, with or without the prefix of the base model, tied weights
once. Prefixes that tools leave (`module.`, `_orig_mod.`) are taken off if that is unambiguous.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from src.core.model.fit.expected import ExpectedModel
from src.core.model.fit.known import Table, decoder, model_types

WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
"""Parts of names that torch's wrappers add: data parallel, compile, FSDP, activation checkpoints."""
MODULE_BY_MODULE = {"gptq", "awq", "bitsandbytes", "fp8", "fbgemm_fp8", "compressed-tensors", "mxfp4", "nvfp4", "mxfp8"}
"""Methods that pack a weight into tensors of the same module."""


@dataclass(frozen=True)
class WeightFit:
    """How the tensors of a checkpoint fit a model: `missing` and `surplus` are as stored, `renamed` stored → loaded."""

    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""  # what was taken off the names
    copies: tuple[str, ...] = ()  # prefixes under each of which a whole model is stored


def fit_weights(config: Table, names: Sequence[str]) -> WeightFit | None:
    """Compare stored names with what the configuration asks for; None if its model type is not described."""
    inner = decoder(config)
    described = model_types().get(str((inner or config).get("model_type")))
    quantization = config.get("quantization_config")
    method = quantization.get("quant_method") if isinstance(quantization, dict) else None
    if not described or (quantization is not None and method not in MODULE_BY_MODULE):
        return None
    model = ExpectedModel(inner or config, described, quantization is not None)
    plain = _judge(model, names, {})
    if inner is None and not plain.missing:
        return plain
    candidates = [_judge(model, names, renaming) for renaming in _renamings(model, names, inner is not None)]
    whole = [fit for fit in candidates if not fit.missing]
    if len(whole) > 1 and len({frozenset(fit.renamed.values()) for fit in whole}) < len(whole):
        copies = tuple(fit.prefix for fit in whole)
        return replace(plain, copies=copies)
    best = whole or sorted([plain, *candidates], key=lambda fit: len(fit.missing))
    return best[0]


def _renamings(model: ExpectedModel, names: Sequence[str], is_composite: bool) -> Iterator[Mapping[str, str]]:
    """Yield ways to take a prefix off the names: stored name → shorter name, for those that change."""
    dropped = WRAPPERS | ({"language_model"} if is_composite else set())
    bare = {name: ".".join(part for part in name.split(".") if part not in dropped) for name in names}
    if len(set(bare.values())) < len(bare):
        bare = {name: name for name in names}
    fronts = {""}
    for anchor in model.anchors:
        fronts |= {name.removesuffix(anchor) for name in bare.values() if name.endswith(f".{anchor}")}
    for front in sorted(fronts):
        renaming = {name: short.removeprefix(front) for name, short in bare.items() if short.startswith(front)}
        changed = {name: short for name, short in renaming.items() if short != name}
        if changed and len(set(renaming.values())) == len(renaming):
            yield changed


def _judge(model: ExpectedModel, names: Sequence[str], renaming: Mapping[str, str]) -> WeightFit:
    missing, surplus = model.compare([renaming.get(name, name) for name in names])
    stored = {new: old for old, new in renaming.items()}
    used = {old: new for old, new in renaming.items() if new not in surplus}
    return WeightFit(
        missing=tuple(missing),
        surplus=tuple(stored.get(name, name) for name in surplus),
        renamed=used,
        prefix=_taken_off(used),
    )


def _taken_off(renaming: Mapping[str, str]) -> str:
    """Return the prefix, or the parts, that most names lost."""
    lost: Counter[str] = Counter()
    for old, new in renaming.items():
        if old.endswith(new):
            lost[old.removesuffix(new)] += 1
        else:
            kept = new.split(".")
            lost[".".join(part for part in old.split(".") if part not in kept) + "."] += 1
    return lost.most_common(1)[0][0] if lost else ""


def fit_adapter(names: Sequence[str]) -> WeightFit:
    """Return how the tensors of a PEFT adapter are called: they hang below `base_model.model.`."""
    bare = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in names}
    renamed = {name: short for name, short in bare.items() if short != name}
    # prompt tuning stores tensors of its own, without the model's path
    odd = [name for name in names if LAYERED.search(name) and not bare[name].startswith("base_model.model.")]
    return WeightFit(missing=tuple(odd), renamed=renamed, prefix=_taken_off(renamed))


LAYERED = re.compile(r"\.(lora_|vera_|ia3_|hada_|lokr_|oft_|boft_|ada)|\.layers?\.\d+\.")
