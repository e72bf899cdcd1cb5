"""Frames of any length with the shapes and gaps of real ones, made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from src.core import suites

ORGS = (
    "acme",
    "bolt-and-nut",
    "Clearwater",
    "deepfield-ai",
    "ember",
    "Fjord-Labs",
    "gray-otter",
    "Halcyon",
    "ivy",
    "juniper",
)
BASES = (
    ("Lantern-2", "LlamaForCausalLM", "Llama 3"),
    ("Estuary-2.5", "Qwen2ForCausalLM", "Qwen 2.5"),
    ("Bracken", "MistralForCausalLM", "Mistral 7B"),
    ("Rafter-2", "Gemma2ForCausalLM", "Gemma 2"),
    ("Updraft", "GPTNeoXForCausalLM", "GPT-NeoX"),
)
WORDS = ("Instruct", "Chat", "Math", "Coder", "Story", "slerp", "ties", "DPO", "v0.3", "GGUF", "abliterated", "Reason")
TYPES = ("pretrained", "continued", "finetuned", "chat", "merge", "multimodal")
SIZES = (0.5, 1.1, 1.5, 2.6, 3.2, 3.8, 6.9, 7.2, 7.6, 8.03, 9.2, 12.2, 14.8, 27.2, 32.8, 46.7, 70.6, 72.7, 140.6)
LICENCES = ("apache-2.0", "mit", "llama3", "llama3.1", "gemma", "cc-by-nc-4.0", "other", None)


def frame(n: int, suite: str = "open-llm-v2", seed: int = 1) -> pd.DataFrame:
    """A tidy frame of `n` rows; one row in fifty lacks a benchmark, one model in fifty has a second precision."""
    rng = np.random.default_rng(seed)
    known = suites.load(suite)
    base = rng.integers(0, len(BASES), n)
    size = rng.choice(SIZES, n, p=_weights(len(SIZES)))
    words = rng.integers(0, len(WORDS), (n, 2))
    model = [
        f"{ORGS[rng.integers(0, len(ORGS))]}-{at % 977}/{BASES[b][0]}-{s:g}B-{WORDS[one]}-{WORDS[two]}-v{at}"
        for at, (b, s, (one, two)) in enumerate(zip(base, size, words, strict=True))
    ]
    again = np.arange(49, n, 50)
    for at in again:
        model[at] = model[at - 1]
    precision = np.where(rng.random(n) < 0.25, "float16", "bfloat16").astype(object)
    precision[again] = np.where(precision[again - 1] == "float16", "bfloat16", "float16")
    day = np.datetime64("2024-06-01") + rng.integers(0, 280, n).astype("timedelta64[D]")
    parents = [f"north-attic/{BASES[b][0]}-{s:g}B" for b, s in zip(base, size, strict=True)]
    table: dict[str, object] = {
        "id": [f"{name}~{how}" for name, how in zip(model, precision, strict=True)],
        "model": model,
        "precision": precision,
        "revision": [rng.bytes(20).hex() for _ in range(n)],
        "model_type": rng.choice(np.array(TYPES, dtype=object), n, p=(0.06, 0.02, 0.38, 0.18, 0.35, 0.01)),
        "weight_type": rng.choice(np.array(["Original", "Adapter", "Delta"], dtype=object), n, p=(0.97, 0.02, 0.01)),
        "architecture": [BASES[b][1] for b in base],
        "family": [BASES[b][2] for b in base],
        "params_b": np.where(rng.random(n) < 0.02, np.nan, size),
        "license": rng.choice(np.array(LICENCES, dtype=object), n),
        "likes": pd.array(rng.integers(0, 3000, n), dtype="Int64"),
        "generation": pd.array(rng.integers(0, 5, n), dtype="Int64"),
        "co2_kg": np.where(rng.random(n) < 0.1, np.nan, rng.gamma(2, size / 8)),
        "upload_date": _some(rng, 0.03, day.astype(str).tolist()),
        "submission_date": (day + np.timedelta64(9, "D")).astype(str).astype(object),
        "base_model": _some(rng, 0.3, parents),
    }
    for flag, share in (
        ("available", 0.7),
        ("moe", 0.05),
        ("merged", 0.35),
        ("flagged", 0.02),
        ("official", 0.06),
        ("chat_template", 0.5),
    ):
        values = pd.array(rng.random(n) < share, dtype="boolean")
        values[rng.random(n) < 0.02] = pd.NA
        table[flag] = values
    skill = np.clip(rng.normal(0.25, 0.14, n) + np.log10(size) * 0.12, 0.02, 0.95)
    scores = {}
    for nth, benchmark in enumerate(known.benchmarks):
        score = np.clip(skill * (1.6 - 0.2 * nth) + rng.normal(0, 0.06, n), 0, 1) * 100
        score[rng.random(n) < 0.02 / len(known.benchmarks)] = np.nan
        scores[benchmark.key] = score
        table[f"{benchmark.key}.raw"] = 0.2 + 0.8 * score / 100
        table[f"{benchmark.key}.score"] = score
    table["average"] = np.mean(np.column_stack(list(scores.values())), axis=1)
    made = pd.DataFrame(table)
    made.attrs["suite"] = suite
    return made


def _some(rng: np.random.Generator, missing: float, values: Sequence[str]) -> np.ndarray:
    kept = np.array(values, dtype=object)
    kept[rng.random(len(kept)) < missing] = None
    return kept


def _weights(n: int) -> np.ndarray:
    middling = np.exp(-(((np.arange(n) - n * 0.5) / (n * 0.25)) ** 2))
    return middling / middling.sum()
