"""Write src/core/model/fit/transformers.json: what the installed transformers loads, for checks that run without torch.

`python -m tools.model_types` builds every text decoder of its default configuration on torch's meta device, without
memory for weights, and records the names of its tensors: those outside its layers, and the kinds of layer it has. Then
each switch of the configuration is turned, one at a time, to see which names it adds or removes. Quantisation methods,
private configuration keys and the architectures that generate no text come from transformers as well.
"""

from __future__ import annotations

import ast
import inspect
import json
import logging
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[1] / "src" / "core" / "model" / "fit" / "transformers.json"
LAYERS = 12  # enough to meet every kind of layer
NEEDED: dict[str, dict[str, Any]] = {
    # settings without which the default configuration of a type cannot be built
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "lfm2_moe": {"num_hidden_layers": 12, "layer_types": ["conv", "conv", "full_attention"] * 4},
    "dots1": {"n_routed_experts": 8},
}
ARRANGED: dict[str, dict[str, Any]] = {
    # settings under which a type has kinds of layers that its default configuration lacks
    "bamba": {"attn_layer_indices": [1]},
    "lfm2": {"num_hidden_layers": 12, "layer_types": ["conv", "full_attention"] * 6},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 6},
}
UNSURE = {"zamba", "zamba2", "inkling2_loop_text"}  # layers that share weights, or have some of their own by number
NOT_TEXT = {
    # text decoders by name that need other inputs than text, or belong to another model
    "emu3", "fuyu", "git", "got_ocr2", "moshi", "musicgen", "musicgen_melody", "trocr", "cpmant", "reformer",
    "gemma4_assistant", "gemma4_unified_assistant", "moss_transcribe_diarize", "xlnet",
}  # fmt: skip
DECODERS = {"gpt_neox", "gpt_neox_japanese"}  # whose configuration says `is_decoder: false` all the same
MOST_KINDS = 8  # of layers; with more, which layer needs what is decided by numbers of the configuration
OF_OLDER_RELEASES = {
    "_flash_attn_2_enabled",
    "_attn_implementation_autoset",
    "_model_name_or_path",
    "_from_model_config",
}
"""Private keys that transformers, or a tool around it, once wrote and no longer names."""
HEADS = ("SEQUENCE_CLASSIFICATION", "TOKEN_CLASSIFICATION", "QUESTION_ANSWERING", "MASKED_LM", "MULTIPLE_CHOICE",
         "NEXT_SENTENCE_PREDICTION", "IMAGE_CLASSIFICATION", "AUDIO_CLASSIFICATION")  # fmt: skip


def main() -> int:
    """Write the file; print how many types it holds, and which could not be built."""
    data, failed = collect()
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items() if key != "types"]
    types = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data["types"].items())
    PATH.write_text("{\n" + ",\n".join([*lines, '"types": {\n' + types + "\n}"]) + "\n}\n", encoding="utf-8")
    print(f"{len(data['types'])} model types; could not be built: {', '.join(failed) or 'none'}")
    return 0


def collect() -> tuple[dict[str, Any], dict[str, str]]:
    """Return what goes into the file, and type → reason for those that cannot be built."""
    import transformers
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping
    from transformers.models.auto import modeling_auto
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    _be_quiet()
    types: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name in decoders():
        try:
            types[name] = describe(name)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:200]
            types[name] = {}
    no_text = {
        name
        for head in HEADS
        for names in getattr(modeling_auto, f"MODEL_FOR_{head}_MAPPING_NAMES").values()
        for name in ([names] if isinstance(names, str) else names)
    }
    headless = {
        name
        for names in modeling_auto.MODEL_MAPPING_NAMES.values()
        for name in ([names] if isinstance(names, str) else names)
        if name.endswith("Model")
    }
    methods = {name.removesuffix("_4bit").removesuffix("_8bit") for name in AUTO_QUANTIZATION_CONFIG_MAPPING}
    return {
        "transformers": transformers.__version__,
        "quantizations": sorted(methods - {"gguf"}),
        "private_keys": sorted(private_keys()),
        "model_keys": sorted(model_keys()),
        "composites": composites(),
        "renames": [_move(move) for move in get_checkpoint_conversion_mapping("legacy")],
        "no_text": sorted(no_text),
        "headless": sorted(headless),
        "types": types,
    }, failed


def decoders() -> list[str]:
    """Return the model types that transformers loads as text decoders."""
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    elsewhere = {
        *modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        *modeling_auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
        *NOT_TEXT,
    }
    found = []
    for name in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        config = CONFIG_MAPPING[name]
        is_encoder = getattr(config, "is_encoder_decoder", False) or getattr(config, "is_decoder", None) is False
        if name in DECODERS or (name not in elsewhere and not is_encoder):  # is_decoder: an encoder, unless set
            found.append(name)
    return sorted(found)


def composites() -> dict[str, bool]:
    """Return the multimodal types with a text model inside → whether its embeddings are tied unless set otherwise."""
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    found = {}
    for name in sorted(modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES):
        if "text_config" in getattr(CONFIG_MAPPING[name], "sub_configs", {}):
            try:
                found[name] = bool(getattr(CONFIG_MAPPING[name](), "tie_word_embeddings", False))
            except ImportError:  # it needs a package for its images
                continue
    return found


def model_keys() -> set[str]:
    """Return the private keys that the configurations of single model types write, such as a window's pattern."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    found: set[str] = set()
    for name in (*decoders(), *composites()):
        try:
            waiting: list[Any] = [CONFIG_MAPPING[name](**NEEDED.get(name, {})).to_dict()]
        except Exception:  # its default cannot be made
            continue
        while waiting:
            table = waiting.pop()
            found |= {key for key in table if str(key).startswith("_")}
            waiting += [value for value in table.values() if isinstance(value, dict)]
    return found - private_keys()


def private_keys() -> set[str]:
    """Return the private keys that transformers' configurations write, have written, or take out of what they read."""
    from transformers import configuration_utils
    from transformers.generation import configuration_utils as generation
    from transformers.utils import quantization_config

    found = set(OF_OLDER_RELEASES)
    for module in (configuration_utils, generation, quantization_config):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return {name for name in found if re.fullmatch(r"_[a-z][a-z0-9_]*", name)}


def describe(name: str) -> dict[str, Any]:
    """Return the tensors of a model type by place, and how its configuration changes them."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter

    config, model = build(name, {})
    text = config.get_text_config(decoder=True)
    stem, count = _stem(model.state_dict(), int(text.num_hidden_layers))
    top, layers = split(model.state_dict(), stem)
    kinds = _distinct(layers)
    flips: dict[str, Any] = {}
    for key, default, value in _probes(text):
        try:
            turned_config, turned = build(name, {key: value})
        except Exception:  # a value that this configuration does not take
            continue
        tensors = turned.state_dict()
        number = int(turned_config.get_text_config(decoder=True).num_hidden_layers)
        if number != count or not any(tensor.startswith(f"{stem}.") for tensor in tensors):
            continue
        turned_top, turned_layers = split(tensors, stem)
        if (turned_top, turned_layers) == (top, layers):
            continue
        change = _change(kinds, layers, turned_layers)
        if change is None:  # another arrangement of the layers: their kinds are possible as well
            kinds = [*kinds, *(kind for kind in _distinct(turned_layers) if kind not in kinds)]
            continue
        if key not in flips:
            flips[key] = {"default": default, "top": _difference(top, turned_top), "kinds": change}
    if name in ARRANGED:
        _, arranged = build(name, ARRANGED[name])
        kinds += [kind for kind in _distinct(split(arranged.state_dict(), stem)[1]) if kind not in kinds]
    if len(kinds) > MOST_KINDS or name in UNSURE:
        raise ValueError(f"{len(kinds)} kinds of layers")
    for flip in flips.values():
        flip["kinds"] += [[[], []]] * (len(kinds) - len(flip["kinds"]))
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    if not tied:
        tied = _tied(name)
    aliases = {value: key for key, value in getattr(text, "attribute_map", {}).items()}
    moves = [
        (isinstance(move, WeightConverter), _move(move))
        for move in get_model_conversion_mapping(model, add_legacy=False)
    ]
    found = {
        "class": type(model).__name__,
        "inner": text is not config,
        "taken": text is not config
        and type(model.config) is type(text),  # the text model alone is built of a composite configuration
        "base": model.base_model_prefix,
        "stem": stem,
        "count": sorted({"num_hidden_layers", _alias(text, "num_hidden_layers")}),
        "layers": int(type(text)().num_hidden_layers),
        "top": sorted(top),
        "kinds": [sorted(kind) for kind in kinds],
        "tie": bool(getattr(config, "tie_word_embeddings", False)),
        "tied": dict(sorted(tied.items())),
        "flips": dict(sorted(flips.items())),
        "missing": sorted(model._keys_to_ignore_on_load_missing or ()),
        "surplus": sorted(model._keys_to_ignore_on_load_unexpected or ()),
        "renames": [move for is_converter, move in moves if not is_converter],
        "converts": [move for is_converter, move in moves if is_converter],
        "aliases": {key: value for key, value in aliases.items() if key in flips},
        "embedding": _name_of(model, model.get_input_embeddings()),
        "head": _name_of(model, model.get_output_embeddings()),
    }
    return {key: value for key, value in found.items() if value not in ([], {}, None, False)}


def build(name: str, settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return a configuration of this type and its model on the meta device, with a few layers if it takes them."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    make: Any = CONFIG_MAPPING[name]
    given = NEEDED.get(name, {}) | dict(settings)
    default = make(**NEEDED.get(name, {}))
    inner = default.get_text_config(decoder=True)
    if inner is not default:
        part = next(key for key, value in vars(default).items() if value is inner)
        try:
            config = make(**{part: type(inner)(**_few(inner) | given).to_dict()})
        except Exception:
            config = make(**{part: type(inner)(**given).to_dict()}) if given else default
    else:
        try:
            config = make(**_few(inner) | given)
        except Exception:
            if settings:
                raise
            config = default
    with torch.device("meta"):
        return config, AutoModelForCausalLM.from_config(config)


def _few(config: Any) -> dict[str, int]:
    return {"num_hidden_layers": LAYERS} if config.num_hidden_layers > LAYERS else {}


def split(tensors: Mapping[str, Any], stem: str) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
    """Return the names outside the layers, and those of each layer; inner numbers are written `{}`."""
    top: set[str] = set()
    layers: dict[int, set[str]] = {}
    for name in tensors:
        if match := re.match(re.escape(stem) + r"\.(\d+)\.(.+)", name):
            layers.setdefault(int(match[1]), set()).add(_without_numbers(match[2]))
        else:
            top.add(_without_numbers(name))
    return frozenset(top), tuple(frozenset(layers[at]) for at in sorted(layers))


def _without_numbers(name: str) -> str:
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "{}", name)


def _stem(tensors: Mapping[str, Any], count: int) -> tuple[str, int]:
    """Return what stands before the number of a layer: the place with as many numbers as there are layers."""
    numbers: dict[str, set[int]] = {}
    names: Counter[str] = Counter()
    for name in tensors:
        for match in re.finditer(r"\.(\d+)(?=\.)", name):
            stem = name[: match.start()]
            if re.search("vision|audio|speech", stem):
                break
            numbers.setdefault(stem, set()).add(int(match[1]))
            names[stem] += 1
            break  # the outermost number
    fitting = [stem for stem in numbers if len(numbers[stem]) == count]
    return max(fitting, key=lambda stem: names[stem]), count


def _distinct(layers: tuple[frozenset[str], ...]) -> list[frozenset[str]]:
    return list(dict.fromkeys(layers))


def _probes(config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, default, another value) for what may be a switch."""
    for key, value in config.to_dict().items():
        if key.startswith("_") or key.endswith("_token_id") or key in NO_SWITCH:
            continue
        if isinstance(value, bool):
            yield key, value, not value
        elif isinstance(value, int):
            yield key, value, None
            yield key, value, int(not value)
        elif value is None:
            yield key, value, True
            yield key, value, 8


NO_SWITCH = {
    "num_hidden_layers", "vocab_size", "hidden_size", "output_hidden_states", "output_attentions", "return_dict",
    "use_cache", "is_decoder", "is_encoder_decoder", "add_cross_attention", "chunk_size_feed_forward",
    "tie_word_embeddings", "transformers_version", "dtype", "torch_dtype", "problem_type", "architectures", "id2label",
    "label2id", "layer_types", "rope_parameters", "num_labels",
}  # fmt: skip


def _change(
    kinds: list[frozenset[str]], before: tuple[frozenset[str], ...], after: tuple[frozenset[str], ...]
) -> list[list[list[str]]] | None:
    """Return [added, removed] for each kind of layer; None if layers of one kind change in different ways."""
    if len(before) != len(after):
        return None
    changes: dict[int, list[list[str]]] = {}
    for old, new in zip(before, after, strict=True):
        change = _difference(old, new)
        if changes.setdefault(kinds.index(old), change) != change:
            return None
    return [changes.get(at, [[], []]) for at in range(len(kinds))]


def _difference(old: frozenset[str], new: frozenset[str]) -> list[list[str]]:
    return [sorted(new - old), sorted(old - new)]


def _tied(name: str) -> dict[str, str]:
    """Return what is tied in a model whose configuration asks for it."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        if "tie_word_embeddings" in CONFIG_MAPPING[name]().to_dict():
            _, model = build(name, {"tie_word_embeddings": True})
            return dict(getattr(model, "all_tied_weights_keys", None) or {})
    except Exception:
        logging.getLogger(__name__).info("%s cannot be tied", name)
    return {}


def _alias(config: Any, key: str) -> str:
    return str(getattr(config, "attribute_map", {}).get(key, key))


def _name_of(model: Any, module: Any) -> str | None:
    return next((f"{name}.weight" for name, each in model.named_modules() if each is module), None) if module else None


def _move(move: Any) -> dict[str, Any]:
    """Return a renaming of checkpoint names as the loader does it: a pattern, its replacements and its scope."""
    scope = None if move.scope_prefix is None else [move.base_model_prefix or "", move.scope_prefix]
    found = {"from": move.compiled_sources.pattern, "to": list(move.target_patterns), "scope": scope,
             "sources": len(move.source_patterns)}  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def _be_quiet() -> None:
    import transformers

    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
