"""What a model's JSON files may say: every key that would make a loader fetch or run something is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from src.core.errors import BadInputError
from src.core.model.fit.known import model_keys, private_keys, text_config
from src.core.model.source import ModelSource

LARGEST_JSON = {"tokenizer_config.json": 16 * 2**20, "model.safetensors.index.json": 32 * 2**20}
LARGEST = 2**20  # bytes, of any other
SIDE_FILES = (
    "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "processor_config.json",
    "preprocessor_config.json", "quantization_config.json", "quantize_config.json", "config_sentence_transformers.json",
)  # fmt: skip
CODE = (".py", ".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".sh", ".ipynb", ".whl", ".egg", ".cu", ".cpp")
ADAPTERS = (
    "LORA",
    "ADALORA",
    "IA3",
    "LOHA",
    "LOKR",
    "VERA",
    "OFT",
    "BOFT",
    "PROMPT_TUNING",
    "PREFIX_TUNING",
    "P_TUNING",
)

REFUSED_KEYS = {
    "auto_map": "loads code from the repository",
    "trust_remote_code": "would switch off the check for code",
    "custom_generate": "loads code from a repository",
    "custom_pipelines": "loads code from the repository",
    "kernel_config": "fetches compiled code by name",
    "use_kernels": "fetches compiled code by name",
    "use_hub_kernels": "fetches compiled code by name",
    "code_revision": "names code in another repository",
}
OF_TOKENS = {"__type"}
"""The private key of an added token; the others are transformers' own, and an evaluator removes them."""
IMPLEMENTATIONS = ("attn_implementation", "experts_implementation", "attention_implementation")
IMPLEMENTATIONS_KNOWN = {None, "eager", "sdpa", "flash_attention_2", "flex_attention", "grouped_mm", "batched_mm"}

SIZES = {
    # a key of config.json and the largest value any real model comes near
    "hidden_size": 2**17, "n_embd": 2**17, "d_model": 2**17, "intermediate_size": 2**21, "n_inner": 2**21,
    "num_hidden_layers": 1024, "n_layer": 1024, "num_layers": 1024, "n_layers": 1024, "num_attention_heads": 4096,
    "num_key_value_heads": 4096, "vocab_size": 2**24, "max_position_embeddings": 2**27, "n_positions": 2**27,
    "num_local_experts": 8192, "num_experts": 8192, "n_routed_experts": 8192, "head_dim": 2**14,
}  # fmt: skip


def config_name(weight_type: str) -> str:
    """Return the file that says what a model is."""
    return "adapter_config.json" if weight_type == "Adapter" else "config.json"


def read_json(source: ModelSource, path: str) -> Mapping[str, Any]:
    """Return a JSON table of a repository. Raises BadInputError if it is missing, too large or no table."""
    if path not in source.files:
        raise BadInputError(f"There is no {path}. Upload the model with `save_pretrained`.")
    size, largest = source.files[path], LARGEST_JSON.get(path, LARGEST)
    if size > largest:
        raise BadInputError(f"{path} is {size:,} bytes; at most {largest:,} are read.")
    data = source.read(path, 0, largest + 1)
    if len(data) > largest:
        raise BadInputError(f"{path} is larger than the {largest:,} bytes that are read.")
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is not readable as JSON. Upload it again.") from error
    if not isinstance(table, dict):
        raise BadInputError(f"{path} is not a table of settings. Upload it again.")
    return table


def check_paths(files: Mapping[str, int]) -> None:
    """Raise BadInputError for a file whose name could lead out of a folder, or that is a link."""
    for path, size in files.items():
        parts = path.split("/")
        if (
            size < 0
            or not path
            or path.startswith("/")
            or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
            or re.search(r"[\x00-\x1f\x7f\\:]", path)
        ):
            raise BadInputError(
                f"The file name {path[:80]!r} is not taken: a link, or a path that could lead elsewhere."
            )


def check_keys(table: Any, name: str) -> None:
    """Raise BadInputError for a key, however deep, that would fetch or run something."""
    for key, value in _walk(table):
        if key in REFUSED_KEYS and value not in (None, False, {}, []):
            raise BadInputError(f"{name} has the key `{key}`, which {REFUSED_KEYS[key]}. Remove it.")
        if key.startswith("_") and (
            key not in private_keys() | model_keys() | OF_TOKENS or isinstance(value, dict | list)
        ):
            raise BadInputError(f"{name} has the private key `{key[:60]}`, which only a loader may set. Remove it.")
        if key.removeprefix("_").removesuffix("_internal") in IMPLEMENTATIONS:
            chosen = value.values() if isinstance(value, dict) else [value]
            if any(not isinstance(each, str | None) or each not in IMPLEMENTATIONS_KNOWN for each in chosen):
                raise BadInputError(f"{name} asks for the kernel {str(value)[:60]!r} by name. Remove `{key}`.")


def _walk(table: Any) -> Iterator[tuple[str, Any]]:
    waiting = [table]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield from each.items()
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def check_adapter(config: Mapping[str, Any]) -> None:
    """Raise BadInputError for an adapter of a kind nobody knows, or one that would import, multiply or never end."""
    kind = config.get("peft_type")
    if kind not in ADAPTERS:
        raise BadInputError(f"Adapters of type {str(kind)[:40]!r} are not taken; {', '.join(ADAPTERS)} are.")
    for key, why in ADAPTER_KEYS.items():
        if config.get(key) not in (None, False, {}, [], ADAPTER_DEFAULTS.get(key)):
            raise BadInputError(f"adapter_config.json sets `{key}`, which {why}. Remove it.")
    mapping = config.get("auto_mapping")
    library = mapping.get("parent_library") if isinstance(mapping, dict) else mapping
    if library is not None and not re.fullmatch(r"transformers\.models\.\w+\.modeling_\w+", str(library)):
        raise BadInputError(f"adapter_config.json imports {str(library)[:60]!r} by name. Remove `auto_mapping`.")
    for key, value in _walk(config):
        if key not in ADAPTER_SIZES or value is None or isinstance(value, dict | list):
            continue
        most = ADAPTER_SIZES[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise BadInputError(f"adapter_config.json says {key} is {str(value)[:40]}; at most {most:,} is believed.")
    patterns = [config.get(key) for key in ("target_modules", "exclude_modules", "layers_pattern")]
    ranks = [config.get(key) for key in ("rank_pattern", "alpha_pattern")]
    for pattern in [*patterns, *(name for table in ranks if isinstance(table, dict) for name in table)]:
        _check_pattern(pattern)


def _check_pattern(pattern: object) -> None:
    """Refuse what is neither a name nor a regular expression that Python's engine matches in reasonable time."""
    if not isinstance(pattern, str):
        return  # a list holds names
    if len(pattern) > 1000 or re.search(r"\)[*+{]", pattern) or len(re.findall(r"[*+}]", pattern)) > 4:
        raise BadInputError(
            f"adapter_config.json has the pattern {pattern[:60]!r}, which may take for ever. List the modules' names."
        )


ADAPTER_KEYS = {
    "megatron_config": "loads code by name",
    "megatron_core": "loads code by name",
    "layer_replication": "makes layers that the weights do not hold",
    "corda_config": "reads files by name",
    "eva_config": "computes on data that are not there",
}
ADAPTER_DEFAULTS = {"megatron_core": "megatron.core"}
ADAPTER_SIZES = {
    "r": 2**13, "init_r": 2**13, "target_r": 2**13, "lora_alpha": 2**20, "num_virtual_tokens": 2**14,
    "encoder_hidden_size": 2**17, "encoder_num_layers": 64, "boft_block_num": 2**13, "oft_block_size": 2**13,
}  # fmt: skip


def check_sizes(config: Mapping[str, Any], parameters: int, tensors: int) -> None:
    """Raise BadInputError if config.json describes another model than the weights: loading would invent the rest."""
    for key, value in _walk(config):
        if key not in SIZES or value is None or isinstance(value, list | dict):  # some give one value a layer
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= SIZES[key]:
            raise BadInputError(
                f"config.json says {key} is {str(value)[:40]}; no more than {SIZES[key]:,} is believed."
            )
    table = text_config(config)
    layers = _first(table, "num_hidden_layers", "n_layer", "num_layers", "n_layers") or 0
    width = _first(table, "hidden_size", "n_embd", "d_model") or 0
    vocabulary = _first(table, "vocab_size") or 0
    if layers > tensors:
        raise BadInputError(f"config.json says {layers:,.0f} layers, but the weights are only {tensors:,} tensors.")
    if vocabulary * width > 2 * parameters:
        raise BadInputError(
            f"config.json describes embeddings of {vocabulary * width:,.0f} numbers, but the weights hold "
            f"{parameters:,} in all. Upload the matching config.json."
        )


def _first(table: Mapping[str, Any], *keys: str) -> float | None:
    return next((table[key] for key in keys if isinstance(table.get(key), int | float)), None)


def weight_files(source: ModelSource, weight_type: str) -> tuple[str, ...]:
    """Return the safetensors files that a loader would take.

    Raises BadInputError if there are none, or the index lies.
    """
    single = "adapter_model.safetensors" if weight_type == "Adapter" else "model.safetensors"
    index = f"{single}.index.json"
    if single in source.files:
        return (single,)
    if index not in source.files:
        pickles = [
            path for path in source.files if path.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".gguf"))
        ]
        found = f" ({pickles[0]} is not taken)" if pickles else ""
        if pickles and all(path.endswith(".gguf") for path in pickles):
            raise BadInputError(
                f"There are only GGUF files ({pickles[0]}), which are not loaded here. Submit the repository with the "
                "safetensors they were made from."
            )
        raise BadInputError(
            f"There is no {single}{found}. Save the model with `save_pretrained(safe_serialization=True)`."
        )
    weight_map = read_json(source, index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadInputError(f"{index} maps no weights to files. Upload it again.")
    shards = sorted({str(shard) for shard in weight_map.values()})
    for shard in shards:
        if "/" in shard or not shard.endswith(".safetensors") or shard not in source.files:
            raise BadInputError(f"{index} points to {shard[:80]!r}, which is no safetensors file of this repository.")
    return tuple(shards)
