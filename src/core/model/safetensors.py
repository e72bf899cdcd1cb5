"""The true size of a model: the headers of its safetensors files, read as data and not believed without checking."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from src.core.errors import BadInputError

LARGEST_HEADER = 32 * 2**20  # bytes; the largest real ones, of mixtures with thousands of experts, are a few MiB
LARGEST_RANK = 16

BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32,
    "U16": 16, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One entry of a header."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


def header_length(first: bytes, size: int, path: str) -> int:
    """Return the length in bytes of the header that follows a file's first eight.

    Raises BadInputError for one that cannot be.
    """
    if len(first) < 8 or size < 8:
        raise BadInputError(f"{path} is too short to be a safetensors file. Upload it again.")
    (length,) = struct.unpack("<Q", first[:8])
    if length > LARGEST_HEADER:
        raise BadInputError(f"{path} says its header is {length:,} bytes long; at most {LARGEST_HEADER:,} are read.")
    if 8 + length > size:
        raise BadInputError(f"{path} says its header is {length:,} bytes long, but the whole file has only {size:,}.")
    return int(length)


def read_header(data: bytes, size: int, path: str) -> list[Tensor]:
    """Return the tensors a header (`data`, without its first eight bytes) describes, in a file of `size` bytes.

    Raises BadInputError if it is no JSON, or its offsets do not tile the file exactly as its dtypes and shapes say.
    """
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"The header of {path} is not JSON. Save the model again with `safe_serialization=True`."
        ) from error
    if not isinstance(header, dict):
        raise BadInputError(f"The header of {path} is no table of tensors.")
    header.pop("__metadata__", None)
    spans = []
    tensors = []
    for name, entry in header.items():
        tensor, start, end = _entry(name, entry, path)
        spans.append((start, end, name))
        tensors.append(tensor)
    at = 0
    for start, end, name in sorted(spans):
        if start != at:
            raise BadInputError(
                f"In {path} the bytes of tensor {name!r} overlap others or leave a hole; the header lies."
            )
        at = end
    if 8 + len(data) + at != size:
        raise BadInputError(
            f"The header of {path} describes {at:,} bytes of weights, but the file holds {size - 8 - len(data):,}."
        )
    return tensors


def _entry(name: str, entry: Any, path: str) -> tuple[Tensor, int, int]:
    if not isinstance(entry, dict):
        raise BadInputError(f"In {path} tensor {name[:80]!r} is not described.")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if dtype not in BITS:
        raise BadInputError(f"In {path} tensor {name[:80]!r} has the unknown type {str(dtype)[:40]!r}.")
    if not _counts(shape) or not _counts(offsets) or len(shape) > LARGEST_RANK or len(offsets) != 2:
        raise BadInputError(f"In {path} tensor {name[:80]!r} has a shape or a place that cannot be.")
    tensor = Tensor(name, dtype, tuple(shape))
    start, end = offsets
    if (tensor.numbers * BITS[dtype] + 7) // 8 != end - start:
        raise BadInputError(
            f"In {path} tensor {name[:80]!r} says {dtype} {list(shape)} but takes {end - start:,} bytes."
        )
    return tensor, start, end


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def count_parameters(tensors: list[Tensor], quantization: Mapping[str, Any] | None = None) -> int:
    """Return how many numbers the model was trained to have.

    Packed weights unpacked, scales and zero points left out.
    """
    names = {tensor.name for tensor in tensors}
    bits = (quantization or {}).get("bits", 4)
    packed_in = 32 // bits if isinstance(bits, int) and bits in (2, 3, 4, 8) else 8
    return sum(_weigh(tensor, names, packed_in) for tensor in tensors)


def _weigh(tensor: Tensor, names: set[str], packed_in_word: int) -> int:
    stem, _, last = tensor.name.rpartition(".")
    if last in HELPERS or any(mark in tensor.name for mark in HELPER_MARKS):
        return 0
    if last == "scales" and f"{stem}.qweight" in names:
        return 0
    if last in ("g_idx", "qzeros") or (tensor.name.endswith("_scales") and tensor.name[:-7] + "_blocks" in names):
        return 0
    if last in {"qweight", "weight_packed"}:  # GPTQ, AWQ; compressed-tensors
        return tensor.numbers * packed_in_word
    if tensor.dtype == "U8":
        bitsandbytes = f"{tensor.name}.absmax" in names
        mxfp4 = tensor.name.endswith("_blocks") and tensor.name[:-7] + "_scales" in names
        nvfp4 = f"{tensor.name}_scale" in names and f"{tensor.name}_scale_2" in names
        return tensor.numbers * 2 if bitsandbytes or mxfp4 or nvfp4 else tensor.numbers
    return tensor.numbers


HELPERS = {
    "weight_scale", "weight_scale_2", "weight_scale_inv", "weight_zero_point", "weight_shape", "weight_g_idx",
    "input_scale", "output_scale", "k_scale", "v_scale", "SCB", "absmax", "quant_map", "nested_absmax",
    "nested_quant_map", "weight_format",
}  # fmt: skip
HELPER_MARKS = (".quant_state.bitsandbytes__",)


def count_dtypes(tensors: list[Tensor]) -> dict[str, int]:
    """Return numbers as stored, by type, most first."""
    counts: Counter[str] = Counter()
    for tensor in tensors:
        counts[tensor.dtype] += tensor.numbers
    return dict(counts.most_common())
