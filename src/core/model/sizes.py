"""Sizes that cannot be: what a name, a base, 4-bit packing or every other model says against a count of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

LEAST, MOST = 0.62, 1.8  # of the size in a name or of a base model that a count may be
PACKED_LEAST = 0.8  # of packed weights: two or eight of them in each number that is counted
LEAST_NAMED = 0.01  # billions: a smaller size in a name is something else
ALONE = 8.0  # points above every model of up to NEAR times its size: it is not of that size
NEAR, FEWEST = 4.0, 20

_SIZE = re.compile(r"(?<![0-9a-z.])(?:(\d{1,2})\s?x\s?)?(\d{1,3}(?:[._]\d{1,3})?)\s?(b|m)(?![a-z0-9])", re.IGNORECASE)
_PACKED = re.compile(r"(?<![a-z0-9])(?:bnb|int4|4bit|4-bit|nf4|gptq|awq|w4a16)(?![a-z0-9])", re.IGNORECASE)
_EXPERTS = re.compile(r"moe|mixtral|jamba|dbrx", re.IGNORECASE)
_CHANGED = re.compile(
    r"prun|slim|slice|shear|minitron|layer|depth|half|tiny|mini|small|lite|cut|drop|distil|shrink|compress"
    r"|upscal|franken|stack|expan|extend|self-?merge|\bmoe\b|moe|mixtral|x\d+b|-x\d\b|passthrough|solar",
    re.IGNORECASE,
)
"""Words of names of models that were made smaller or larger than what they were made from."""


def doubtful_sizes(frame: pd.DataFrame) -> Mapping[int, str]:
    """Return the rows of a tidy frame whose size contradicts something, by position, each with the sentence."""
    sizes = frame["params_b"].to_numpy(dtype=float, na_value=np.nan)
    known = frame.assign(size=sizes)[["model", "size"]].dropna().groupby("model")["size"].median()
    bases = frame["base_model"].map(known).to_numpy(dtype=float, na_value=np.nan)
    alone = _alone(sizes, frame["average"].to_numpy(dtype=float, na_value=np.nan))
    columns = (
        frame["model"],
        sizes,
        bases,
        frame["base_model"],
        frame["precision"],
        frame["architecture"],
        frame["moe"].fillna(False),
        alone,
    )
    found = {}
    for at, (model, size, base, named, precision, kind, moe, is_alone) in enumerate(zip(*columns, strict=True)):
        if np.isnan(size) or size <= 0:
            continue
        reason = _against(str(model), size, base, str(named), str(precision), str(kind), bool(moe))
        if reason is None and is_alone:
            reason = f"no other model up to {NEAR:g} times as large comes near its average"
        if reason:
            found[at] = f"{size:.3g} B cannot be its size: {reason}."
    return found


def named_sizes(model: str) -> tuple[list[float], bool]:
    """Return the sizes in billions that a model's name speaks of, and whether it is of several experts."""
    name = model.rpartition("/")[2]
    sizes, of_experts = [], False
    for experts, number, unit in _SIZE.findall(name):
        each = float(number.replace("_", ".")) / (1 if unit.lower() == "b" else 1000)
        if each < LEAST_NAMED:
            continue  # "1M" is a length of context
        last = float(number.rpartition("_")[2]) if "_" in number and unit.lower() == "b" else 0
        sizes += [last] if last else []  # "v2_7b" and "1_8b" are written alike
        of_experts |= bool(experts)
        sizes += [each, each * int(experts)] if experts else [each]
    return sizes, of_experts


def _against(
    model: str, size: float, base: float, base_name: str, precision: str, architecture: str, moe: bool
) -> str | None:
    """Return what speaks against a size, or None."""
    name = model.rpartition("/")[2]
    sizes, of_experts = named_sizes(model)
    moe = moe or of_experts or "moe" in name.lower() or _EXPERTS.search(architecture) is not None
    if moe:
        return None  # of a mixture the experts share a part; nobody can tell from names
    is_packed = bool(_PACKED.search(name)) or precision in ("4bit", "GPTQ")
    if sizes:
        if any(LEAST <= size / each <= MOST for each in sizes):
            if is_packed and all(size / each < PACKED_LEAST for each in sizes):
                return f"packed in 4 bits, it counts less than the {max(sizes):g} B of its name"
            return None
        is_cut = size == int(size) and any(size <= each < size + 1 for each in sizes)  # "1" was written for 1.8
        if is_cut or _is_made_otherwise(name):
            return None
        return f"its name says {' or '.join(f'{each:g} B' for each in sizes)}"
    if np.isnan(base) or base <= 0 or base_name == model:
        return None
    ratio = size / base
    if is_packed and ratio < PACKED_LEAST:
        return f"packed in 4 bits, it counts less than the {base:.3g} B of its base {base_name}"
    if not LEAST <= ratio <= MOST and not _is_made_otherwise(name):
        return f"its base {base_name} has {base:.3g} B"
    return None


def _is_made_otherwise(name: str) -> bool:
    return bool(_CHANGED.search(name))


def _alone(sizes: np.ndarray, averages: np.ndarray) -> np.ndarray:
    """Return which rows lie far above every other one of up to NEAR times their size."""
    alone = np.zeros(len(sizes), dtype=bool)
    known = np.flatnonzero(~np.isnan(sizes) & ~np.isnan(averages) & (sizes > 0))
    order = known[np.argsort(sizes[known], kind="stable")]
    best = np.maximum.accumulate(averages[order])
    for place, at in enumerate(order):
        last = int(np.searchsorted(sizes[order], NEAR * sizes[at], side="right"))
        if averages[at] < best[place] or len(order) <= FEWEST:
            continue
        others = np.delete(averages[order[: max(last, FEWEST)]], place)
        alone[at] = averages[at] > others.max() + ALONE
    return alone
