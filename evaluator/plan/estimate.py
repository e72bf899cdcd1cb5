"""Estimate memory, time and cost of a run from a model's shape, the work of its tasks, and a machine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from evaluator.plan.devices import Device
from evaluator.plan.shape import ModelShape
from evaluator.task_facts import Work
from src.core.model.memory import BYTES_PER_NUMBER, devices_for, run_gb

TOKENS_OF_VOCABULARY = ((256, 2.9), (1_000, 1.35), (8_000, 1.0), (32_000, 0.92), (128_000, 0.83), (256_000, 0.8))
"""Tokens for the same text, relative to 8,000 entries: measured on the benchmarks up to 32,000, estimated beyond."""
ROWS = 64  # texts generated in parallel
PACK = {"cpu": 1024, "gpu": 8192}  # tokens per forward pass


@dataclass(frozen=True)
class Load:
    """What one task asks of a model."""

    documents: int
    work: Work
    own_tokens: bool = False  # whether tokens were counted with the model's own tokenizer


@dataclass(frozen=True)
class Plan:
    """The estimated cost of one model on some tasks. Unknown is None; without a known task nothing is known."""

    shape: ModelShape
    device: Device
    precision: str
    weights: float  # bytes
    memory: float  # bytes of weights and activations
    gpus: int
    fits: bool  # on the machine
    tokens: float | None  # to forward: prompts as a trie, and answers
    stock_tokens: float | None  # that stock `hf` forwards, without padding
    generated: float | None
    most_generated: float | None  # if every text is as long as it may be
    seconds: float | None
    dollars: float | None
    unknown: Mapping[str, str]  # task → why its work is not counted


def estimate(
    shape: ModelShape, loads: Mapping[str, Load], device: Device, precision: str = "bfloat16",
    unknown: Mapping[str, str] | None = None,
) -> Plan:  # fmt: skip
    """Estimate a run of tasks on a machine."""
    scale = tokens_for(shape.vocabulary)
    size = BYTES_PER_NUMBER[precision]
    tokens = stock = generated = most = seconds = 0.0
    for load in loads.values():
        work, documents = load.work, load.documents
        own = 1.0 if load.own_tokens else scale
        prompts = (work.shared + work.document * documents) * own
        answers = (work.answer or 0.0) * documents
        context = work.shared * own + _pack(device) / 2
        tokens += prompts + answers
        stock += work.stock * documents * own + answers
        generated += answers
        most += (work.answer_limit or work.answer or 0.0) * documents
        seconds += _reading_seconds(shape, prompts, work.scored * documents * own, context, device, size)
        seconds += _writing_seconds(shape, answers, (work.shared + work.document) * own + 200, device, size)
    weights = shape.parameters * size
    billions = shape.parameters / 1e9
    gpus = devices_for(run_gb(billions, precision), device.memory / 1e9)
    seconds += 60 * (weights / 16e9)  # reading the weights from disk
    fits = device.cards is None or gpus <= device.cards
    price = device.dollars_an_hour
    machines = gpus if device.cards is None else 1
    known = bool(loads)
    return Plan(
        shape=shape,
        device=device,
        precision=precision,
        weights=weights,
        memory=1e9 * run_gb(billions, precision),
        gpus=gpus,
        fits=fits,
        tokens=tokens if known else None,
        stock_tokens=stock if known else None,
        generated=generated if known else None,
        most_generated=most if known else None,
        seconds=seconds if known and fits else None,
        dollars=price * machines * seconds / 3600 if known and fits and price is not None else None,
        unknown=dict(unknown or {}),
    )


def tokens_for(vocabulary: int) -> float:
    """Return the tokens of a text relative to 8,000 entries, interpolated linearly over the vocabulary's logarithm."""
    points = [(math.log2(size), tokens) for size, tokens in TOKENS_OF_VOCABULARY]
    at = min(max(math.log2(vocabulary), points[0][0]), points[-1][0])
    for (low, before), (high, after) in itertools.pairwise(points):
        if at <= high:
            return before + (after - before) * (at - low) / (high - low)
    return points[-1][1]


def _reading_seconds(
    shape: ModelShape, tokens: float, scored: float, context: float, device: Device, size: float
) -> float:
    """Return the seconds for prompts: the multiplications, or reading the weights from memory if that takes longer."""
    flops = tokens * (2 * shape.active + 4 * shape.layers * shape.attention * context)
    flops += scored * 2 * shape.hidden * shape.vocabulary
    forwards = math.ceil(tokens / _pack(device))
    return max(flops / (device.flops * device.share), forwards * shape.parameters * size / device.bandwidth)


def _writing_seconds(shape: ModelShape, tokens: float, length: float, device: Device, size: float) -> float:
    """Return the seconds for answers: every step reads the weights and the caches of all rows from memory once."""
    steps = tokens / ROWS
    moved = shape.parameters * size + ROWS * length * shape.past * max(2.0, size)
    flops = ROWS * 2 * (shape.active + shape.hidden * shape.vocabulary)
    return steps * max(moved / (0.6 * device.bandwidth), flops / (device.flops * device.share))


def _pack(device: Device) -> int:
    return PACK["cpu" if device.flops < 1e13 else "gpu"]
