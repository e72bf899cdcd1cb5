"""How much memory a model needs: one estimate for the plan, the boxes, the submission form and the tools."""

from __future__ import annotations

import math

BYTES_PER_NUMBER = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "8bit": 1.0, "GPTQ": 0.6, "4bit": 0.6}
"""Memory of one number once loaded; packed formats keep their scales and some layers unpacked beside them."""
UNPACKED = 0.1  # bytes a number that scales and unpacked layers add to a format of fewer than 8 bits
WORK = 1.25  # memory of a run over that of the weights: activations, pasts, the framework; the engine packs what fits
SHARE_OF_DEVICE = 0.9  # that a model may take: its layers never fill several devices evenly


def weights_gb(params_b: float, precision: str) -> float:
    """Return the GB of the weights of a model of `params_b` billion numbers; an unknown precision counts as 16 bits."""
    return params_b * BYTES_PER_NUMBER.get(precision, 2.0)


def stored_gb(params_b: float, precision: str) -> float:
    """Return the least GB that the files of such a model take; what is quantised as it loads is stored in 16 bits."""
    return params_b * (BYTES_PER_NUMBER["GPTQ"] if precision == "GPTQ" else 2.0)


def run_gb(params_b: float, precision: str) -> float:
    """Return the GB that a run of such a model needs: its weights and the work with them."""
    return weights_gb(params_b, precision) * WORK


def run_gb_at(params_b: float, bits: int) -> float:
    """Return the same for weights of so many bits."""
    return params_b * (bits / 8 + (UNPACKED if bits < 8 else 0.0)) * WORK


def devices_for(gb: float, device_gb: float) -> int:
    """Return over how many devices of `device_gb` a run that needs `gb` is spread."""
    return max(1, math.ceil(gb / (device_gb * SHARE_OF_DEVICE)))
