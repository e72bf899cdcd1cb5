"""What a model's JSON files may say: every key that would make a loader fetch or run something is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from src.core.errors import BadInput
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
IMPLEMENTATIONS = ("attn_implementation", "experts_implementation", "attention_implementation")
IMPLEMENTATIONS_KNOWN = {None, "eager", "sdpa", "flash_attention_2", "flex_attention", "grouped_mm", "batched_mm"}

HARMLESS_PRIVATE: dict[str, type] = {
    # written by old releases of transformers into thousands of models; an evaluator drops them before it loads anything
    "_name_or_path": str,
    "_commit_hash": str,
    "_attn_implementation_autoset": bool,
    "_from_model_config": bool,
    "_from_auto": bool,
    "__type": str,  # of an added token
}

QUANTIZATIONS = {"gptq", "awq", "bitsandbytes", "fp8", "fbgemm_fp8", "compressed-tensors", "mxfp4", "modelopt"}

SIZES = {
    # a key of config.json and the largest value any real model comes near
    "hidden_size": 2**17, "n_embd": 2**17, "d_model": 2**17, "intermediate_size": 2**21, "n_inner": 2**21,
    "num_hidden_layers": 1024, "n_layer": 1024, "num_layers": 1024, "n_layers": 1024, "num_attention_heads": 4096,
    "num_key_value_heads": 4096, "vocab_size": 2**24, "max_position_embeddings": 2**27, "n_positions": 2**27,
    "num_local_experts": 8192, "num_experts": 8192, "n_routed_experts": 8192, "head_dim": 2**14,
}  # fmt: skip


def config_name(weight_type: str) -> str:
    """The file that says what a model is."""
    return "adapter_config.json" if weight_type == "Adapter" else "config.json"


def read_json(source: ModelSource, path: str) -> Mapping[str, Any]:
    """A JSON table of a repository. Raises BadInput where it is missing, too large or no table."""
    if path not in source.files:
        raise BadInput(f"There is no {path}. Upload the model with `save_pretrained`.")
    size, largest = source.files[path], LARGEST_JSON.get(path, LARGEST)
    if size > largest:
        raise BadInput(f"{path} is {size:,} bytes; at most {largest:,} are read.")
    data = source.read(path, 0, largest + 1)
    if len(data) > largest:
        raise BadInput(f"{path} is larger than the {largest:,} bytes that are read.")
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not readable as JSON. Upload it again.") from error
    if not isinstance(table, dict):
        raise BadInput(f"{path} is not a table of settings. Upload it again.")
    return table


def check_paths(files: Mapping[str, int]) -> None:
    """Raises BadInput for a file whose name could lead out of a folder, or that is a link."""
    for path, size in files.items():
        parts = path.split("/")
        if (
            size < 0
            or not path
            or path.startswith("/")
            or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
            or re.search(r"[\x00-\x1f\x7f\\:]", path)
        ):
            raise BadInput(f"The file name {path[:80]!r} is not taken: a link, or a path that could lead elsewhere.")


def check_keys(table: Any, name: str) -> None:
    """Raises BadInput for a key, however deep, that would fetch or run something."""
    for key, value in _walk(table):
        if key in REFUSED_KEYS and value not in (None, False, {}, []):
            raise BadInput(f"{name} has the key `{key}`, which {REFUSED_KEYS[key]}. Remove it.")
        if key.startswith("_") and not isinstance(value, HARMLESS_PRIVATE.get(key, _Nothing)):
            raise BadInput(f"{name} has the private key `{key[:60]}`, which only a loader may set. Remove it.")
        if key in IMPLEMENTATIONS:
            chosen = value.values() if isinstance(value, dict) else [value]
            if any(not isinstance(each, str | None) or each not in IMPLEMENTATIONS_KNOWN for each in chosen):
                raise BadInput(f"{name} asks for the kernel {str(value)[:60]!r} by name. Remove `{key}`.")


class _Nothing:
    """No value is one."""


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
    """Raises BadInput for an adapter of a kind nobody knows, or one that would import, multiply or never end."""
    kind = config.get("peft_type")
    if kind not in ADAPTERS:
        raise BadInput(f"Adapters of type {str(kind)[:40]!r} are not taken; {', '.join(ADAPTERS)} are.")
    for key, why in ADAPTER_KEYS.items():
        if config.get(key) not in (None, False, {}, [], ADAPTER_DEFAULTS.get(key)):
            raise BadInput(f"adapter_config.json sets `{key}`, which {why}. Remove it.")
    mapping = config.get("auto_mapping")
    library = mapping.get("parent_library") if isinstance(mapping, dict) else mapping
    if library is not None and not re.fullmatch(r"transformers\.models\.\w+\.modeling_\w+", str(library)):
        raise BadInput(f"adapter_config.json imports {str(library)[:60]!r} by name. Remove `auto_mapping`.")
    for key, value in _walk(config):
        if key not in ADAPTER_SIZES or value is None or isinstance(value, dict | list):
            continue
        most = ADAPTER_SIZES[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise BadInput(f"adapter_config.json says {key} is {str(value)[:40]}; at most {most:,} is believed.")
    patterns = [config.get(key) for key in ("target_modules", "exclude_modules", "layers_pattern")]
    ranks = [config.get(key) for key in ("rank_pattern", "alpha_pattern")]
    for pattern in [*patterns, *(name for table in ranks if isinstance(table, dict) for name in table)]:
        _check_pattern(pattern)


def _check_pattern(pattern: object) -> None:
    """A name, or a regular expression that Python's engine matches in reasonable time."""
    if not isinstance(pattern, str):
        return  # a list holds names
    if len(pattern) > 1000 or re.search(r"\)[*+{]", pattern) or len(re.findall(r"[*+}]", pattern)) > 4:
        raise BadInput(
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


def check_quantization(config: Mapping[str, Any], precision: str) -> None:
    """Raises BadInput for a way of packing weights that no evaluator knows, or that the precision contradicts."""
    quantization = config.get("quantization_config")
    if quantization is None:
        if precision == "GPTQ":
            raise BadInput("GPTQ was chosen, but the weights are not packed. Choose bfloat16 or float16.")
        return
    method = quantization.get("quant_method") if isinstance(quantization, dict) else None
    if method not in QUANTIZATIONS:
        raise BadInput(f"Weights packed as {str(method)[:40]!r} are not taken; {', '.join(sorted(QUANTIZATIONS))} are.")


def check_sizes(config: Mapping[str, Any], parameters: int, tensors: int) -> None:
    """Raises BadInput where config.json describes another model than the weights hold: loading would make it up."""
    for key, value in _walk(config):
        if key not in SIZES or value is None or isinstance(value, list | dict):  # some give one value a layer
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= SIZES[key]:
            raise BadInput(f"config.json says {key} is {str(value)[:40]}; no more than {SIZES[key]:,} is believed.")
    inner = config.get("text_config")
    table = inner if isinstance(inner, dict) else config
    layers = _first(table, "num_hidden_layers", "n_layer", "num_layers", "n_layers") or 0
    width = _first(table, "hidden_size", "n_embd", "d_model") or 0
    vocabulary = _first(table, "vocab_size") or 0
    if layers > tensors:
        raise BadInput(f"config.json says {layers:,.0f} layers, but the weights are only {tensors:,} tensors.")
    if vocabulary * width > 2 * parameters:
        raise BadInput(
            f"config.json describes embeddings of {vocabulary * width:,.0f} numbers, but the weights hold "
            f"{parameters:,} in all. Upload the matching config.json."
        )


def _first(table: Mapping[str, Any], *keys: str) -> float | None:
    return next((table[key] for key in keys if isinstance(table.get(key), int | float)), None)


def weight_files(source: ModelSource, weight_type: str) -> tuple[str, ...]:
    """The safetensors files that a loader would take. Raises BadInput where there are none, or the index lies."""
    single = "adapter_model.safetensors" if weight_type == "Adapter" else "model.safetensors"
    index = f"{single}.index.json"
    if single in source.files:
        return (single,)
    if index not in source.files:
        pickles = [
            path for path in source.files if path.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".gguf"))
        ]
        found = f" ({pickles[0]} is not taken)" if pickles else ""
        raise BadInput(f"There is no {single}{found}. Save the model with `save_pretrained(safe_serialization=True)`.")
    weight_map = read_json(source, index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadInput(f"{index} maps no weights to files. Upload it again.")
    shards = sorted({str(shard) for shard in weight_map.values()})
    for shard in shards:
        if "/" in shard or not shard.endswith(".safetensors") or shard not in source.files:
            raise BadInput(f"{index} points to {shard[:80]!r}, which is no safetensors file of this repository.")
    return tuple(shards)
