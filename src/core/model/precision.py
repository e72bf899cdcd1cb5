"""The precision that packed weights have, whatever the submitter calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.core.errors import BadInputError
from src.core.model.fit.known import quantizations

BITS = {
    # methods whose configuration does not say how many bits a number takes
    "fp8": 8, "fbgemm_fp8": 8, "mxfp8": 8, "eetq": 8, "mxfp4": 4, "nvfp4": 4, "fp_quant": 4, "fouroversix": 4,
    "bitnet": 2, "aqlm": 2, "vptq": 2, "spqr": 3,
}  # fmt: skip
BIT_KEYS = ("bits", "w_bit", "weight_bits", "nbits", "num_bits")
BIT_WORDS = {"int8": 8, "float8": 8, "fp8": 8, "int4": 4, "uint4": 4, "nf4": 4, "int2": 2}


def check_quantization(config: Mapping[str, Any], precision: str) -> None:
    """Raise BadInputError for a method of packing that transformers lacks, or a label that the weights contradict."""
    quantization = config.get("quantization_config")
    if quantization is None:
        if precision == "GPTQ":
            raise BadInputError("GPTQ was chosen, but the weights are not packed. Choose bfloat16 or float16.")
        return
    method = method_of(config)
    if method not in quantizations():
        raise BadInputError(
            f"Weights packed as {str(method)[:40]!r} are not taken; {', '.join(sorted(quantizations()))} are."
        )
    label = packed_label(config)
    if label is not None and precision != label:
        raise BadInputError(f"The weights are packed as {method}, but {precision} was chosen. Choose {label}.")


def method_of(config: Mapping[str, Any]) -> str | None:
    """Return the method by which the weights are packed; None if they are not, or no method is named."""
    quantization = config.get("quantization_config")
    if not isinstance(quantization, dict):
        return None
    method = quantization.get("quant_method")
    if method is None and any(quantization.get(key) for key in ("load_in_8bit", "load_in_4bit")):
        return "bitsandbytes"  # old releases of transformers wrote no method
    return method if isinstance(method, str) else None


def packed_label(config: Mapping[str, Any]) -> str | None:
    """Return the precision to choose for packed weights; None if it does not follow from the configuration."""
    method = method_of(config)
    if method == "gptq":
        return "GPTQ"
    if method is None:
        return None
    bits = _bits(config["quantization_config"]) or BITS.get(method)
    if bits is None or bits > 8:
        return None
    return "4bit" if bits <= 4 else "8bit"


def _bits(quantization: Mapping[str, Any]) -> float | None:
    """Return the bits of a number: the first that the configuration names, however deep."""
    if quantization.get("load_in_8bit"):
        return 8
    if quantization.get("load_in_4bit"):
        return 4
    waiting: list[Any] = [quantization]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, list):
            waiting += each
        if not isinstance(each, dict):
            continue
        for key in BIT_KEYS:
            if isinstance(each.get(key), int | float) and not isinstance(each[key], bool):
                return float(each[key])
        for key in ("weights", "quant_type"):
            if isinstance(each.get(key), str):
                found = next((bits for word, bits in BIT_WORDS.items() if word in each[key].lower()), None)
                if found is not None:
                    return found
        # what applies to activations and caches comes after the weights
        waiting += [value for key, value in sorted(each.items(), key=lambda pair: pair[0] != "weights")
                    if key not in ("input_activations", "output_activations", "kv_cache_scheme")]  # fmt: skip
    return None
