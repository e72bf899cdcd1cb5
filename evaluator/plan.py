"""`python -m evaluator plan MODEL`: estimate memory, tokens, time and cost of a suite from the model's config.json.

The work of each task was counted once, with a tokenizer of 8,000 entries (`work.json`: tokens that all its prompts
share; per document the tokens of the trie, the scored positions, the tokens that stock forwards, and the tokens of a
typical answer). Larger vocabularies need fewer tokens. The model's shape is built on torch's meta device, without
memory for its weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core import suites
from src.core.errors import BadInputError
from src.core.model.memory import BYTES_PER_NUMBER, devices_for, run_gb

WORK: dict[str, dict[str, float]] = json.loads(Path(__file__).with_name("work.json").read_text(encoding="utf-8"))
TOKENS_OF_VOCABULARY = ((256, 2.9), (1_000, 1.35), (8_000, 1.0), (32_000, 0.92), (128_000, 0.83), (256_000, 0.8))
"""Tokens for the same text, relative to 8,000 entries: measured on the benchmarks up to 32,000, estimated beyond."""
ROWS = 64  # texts generated in parallel
PACK = {"cpu": 1024, "gpu": 8192}  # tokens per forward pass


@dataclass(frozen=True)
class Device:
    """The speed of a machine. Peaks are the manufacturers'; packs reach the fraction `share` of them (assumed)."""

    name: str
    flops: float  # per second, in 16 bits if the device supports them
    bandwidth: float  # bytes per second
    memory: float  # bytes
    share: float = 0.4
    dollars_an_hour: float | None = None  # typical rental price


DEVICES = {
    "l4": Device("L4", 121e12, 300e9, 24e9, 0.4, 0.8),
    "4090": Device("RTX 4090", 165e12, 1008e9, 24e9, 0.4, 0.5),
    "a100": Device("A100 80GB", 312e12, 2039e9, 80e9, 0.4, 1.8),
    "h100": Device("H100", 989e12, 3350e9, 80e9, 0.4, 2.8),
    "h200": Device("H200", 989e12, 4800e9, 141e9, 0.4, 3.5),
}


@dataclass(frozen=True)
class ModelShape:
    """The properties of a model that decide its cost."""

    parameters: int
    active: int  # used for every token: without embeddings and LM head, with the selected experts only
    layers: int
    hidden: int
    attention: int  # heads × head size
    past: int  # numbers cached for each token of a text
    vocabulary: int


@dataclass(frozen=True)
class Plan:
    """The estimated cost of one model on some tasks. Unknown is None."""

    shape: ModelShape
    device: Device
    precision: str
    weights: float  # bytes
    memory: float  # bytes of weights and activations
    gpus: int
    tokens: float  # to forward: prompts as a trie, and answers
    stock_tokens: float  # that stock `hf` forwards, without padding
    generated: float
    seconds: float
    dollars: float | None
    unknown: tuple[str, ...]  # tasks whose work has not been counted


def plan(config: Mapping[str, Any], items: Mapping[str, int], device: Device, precision: str = "bfloat16") -> Plan:
    """Estimate a run of `items` (task → number of documents).

    Raise BadInputError if transformers cannot build the configuration.
    """
    shape = shape_of(config)
    scale = tokens_for(shape.vocabulary)
    size = BYTES_PER_NUMBER[precision]
    tokens = stock = generated = seconds = 0.0
    for task, documents in items.items():
        if task not in WORK:
            continue
        work = WORK[task]
        prompts = (work["shared"] + work["document"] * documents) * scale
        answers = work.get("answer", 0.0) * documents
        context = work["shared"] * scale + _pack(device) / 2
        tokens += prompts + answers
        stock += work["stock"] * documents * scale + answers
        generated += answers
        scored = work["scored"] * documents * scale
        seconds += _reading_seconds(shape, prompts, scored, context, device, size)
        seconds += _writing_seconds(shape, answers, (work["shared"] + work["document"]) * scale + 200, device, size)
    weights = shape.parameters * size
    billions = shape.parameters / 1e9
    memory = 1e9 * run_gb(billions, precision)
    gpus = devices_for(run_gb(billions, precision), device.memory / 1e9)
    seconds += 60 * (weights / 16e9)  # reading the weights from disk
    price = device.dollars_an_hour
    return Plan(
        shape=shape,
        device=device,
        precision=precision,
        weights=weights,
        memory=memory,
        gpus=gpus,
        tokens=tokens,
        stock_tokens=stock,
        generated=generated,
        seconds=seconds,
        dollars=None if price is None else price * gpus * seconds / 3600,
        unknown=tuple(task for task in items if task not in WORK),
    )


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Return a model's shape, from modules on the meta device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        settings = dict(config)
        made = AutoConfig.for_model(settings.pop("model_type"), **settings)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(made)
    except Exception as error:
        raise BadInputError(
            f"transformers cannot build a causal language model from this config.json "
            f"({type(error).__name__}: {error}). Check `model_type` and `architectures`."
        ) from error
    text = made.get_text_config(decoder=True)
    names = {id(weights): (name, weights) for name, weights in model.named_parameters()}
    apart = {
        id(head.weight) for head in (model.get_input_embeddings(), model.get_output_embeddings()) if head is not None
    }
    experts = next((int(value) for key in EXPERTS if (value := getattr(text, key, None))), 0)
    chosen = int(getattr(text, "num_experts_per_tok", None) or experts or 1)
    active = sum(
        weights.numel() * (chosen / experts if experts and ".experts." in f".{name}." else 1)
        for key, (name, weights) in names.items()
        if key not in apart and weights.dim() > 1
    )
    heads = int(getattr(text, "num_attention_heads", None) or 1)
    head = int(getattr(text, "head_dim", None) or int(text.hidden_size) // heads)
    kept = int(getattr(text, "num_key_value_heads", None) or heads)
    layers = int(text.num_hidden_layers)
    return ModelShape(
        parameters=sum(weights.numel() for _, weights in names.values()),
        active=int(active),
        layers=layers,
        hidden=int(text.hidden_size),
        attention=heads * head,
        past=2 * layers * kept * head,
        vocabulary=int(text.vocab_size),
    )


EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def tokens_for(vocabulary: int) -> float:
    """Return the tokens of a text relative to 8,000 entries, interpolated linearly over the vocabulary's logarithm."""
    points = [(math.log2(size), tokens) for size, tokens in TOKENS_OF_VOCABULARY]
    at = min(max(math.log2(vocabulary), points[0][0]), points[-1][0])
    for (low, before), (high, after) in itertools.pairwise(points):
        if at <= high:
            return before + (after - before) * (at - low) / (high - low)
    return points[-1][1]


def this_machine(seconds: float = 1.0) -> Device:
    """Measure this machine's CPU by matrix multiplications of the shape that a forward pass uses."""
    import psutil
    import torch

    row, weights = torch.randn(1024, 768), torch.randn(2048, 768)
    rates: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(rates) < 3:
        started = time.process_time() / torch.get_num_threads()  # without the time of other processes
        torch.nn.functional.linear(row, weights)
        rates.append(
            2 * row.numel() * len(weights) / max(1e-9, time.process_time() / torch.get_num_threads() - started)
        )
    rate = sorted(rates)[len(rates) // 2]
    return Device("this CPU", rate, 10e9, float(psutil.virtual_memory().available), CPU_SHARE)


CPU_SHARE = 0.75  # of the speed of multiplications alone, measured with a 110M-parameter model in float32


def describe(plan: Plan) -> str:
    """Return a plan as a few lines of text."""
    shape = plan.shape
    lines = [
        f"{shape.parameters / 1e9:.2f} B parameters, {shape.active / 1e9:.2f} B active per token, "
        f"{shape.layers} layers, vocabulary {shape.vocabulary:,}",
        f"memory   {plan.memory / 1e9:.1f} GB in {plan.precision} (weights {plan.weights / 1e9:.1f}): "
        f"{plan.gpus} × {plan.device.name}",
        f"tokens   {plan.tokens / 1e6:.2f} M to forward, {plan.generated / 1e6:.2f} M of them generated; "
        f"stock hf: {plan.stock_tokens / 1e6:.1f} M",
        f"time     about {_duration(plan.seconds)} on {plan.device.name}",
        "cost     " + ("unknown: give --price" if plan.dollars is None else f"about ${plan.dollars:.2f}"),
    ]
    if plan.unknown:
        lines.append(f"not counted: {', '.join(plan.unknown)}")
    return "\n".join(lines)


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add `plan` to the command line."""
    parser = commands.add_parser(
        "plan", help="estimate memory, tokens, time and cost of a model without downloading it"
    )
    parser.add_argument("model", help="org/name on the Hub, a folder, or a config.json")
    parser.add_argument("--revision", default="main")
    parser.add_argument("--suite", default=suites.DEFAULT, metavar="NAME")
    parser.add_argument("--tasks", default="", metavar="A,B", help="only these benchmarks or tasks")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N items of each task")
    parser.add_argument("--device", default="h100", choices=[*DEVICES, "here"])
    parser.add_argument("--precision", default="bfloat16", choices=list(BYTES_PER_NUMBER))
    parser.add_argument("--price", type=float, metavar="DOLLARS", help="price of one device per hour")
    parser.add_argument("--json", action="store_true", help="print the estimate as JSON")
    return parser


def items_of(suite: suites.Suite, wanted: Sequence[str] = (), limit: int | None = None) -> dict[str, int]:
    """Return task → number of documents of a suite, or of the `wanted` part of it, without tasks of unknown size."""
    return {
        task.name: min(task.items, limit or task.items)
        for benchmark in suite.benchmarks
        for task in benchmark.tasks
        if task.items and (not wanted or {task.name, benchmark.key} & set(wanted))
    }


def weigh(items: Mapping[str, int]) -> dict[str, float]:
    """Return task → relative work: tokens read, plus ten for each token generated."""
    known = {task: WORK[task] for task in items if task in WORK}
    return {task: (work["document"] + 10 * work.get("answer", 0.0)) * items[task] for task, work in known.items()}


def read_config(model: str, revision: str = "main") -> dict[str, Any]:
    """Read a model's config.json from a folder, a file, or the Hub (only that file).

    Raise BadInputError if there is none.
    """
    path = Path(model)
    if path.is_dir():
        path = path / "config.json"
    elif not path.is_file():
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            path = Path(hf_hub_download(model, "config.json", revision=revision))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
            raise BadInputError(f"{model} has no readable config.json: {error}") from error
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path} is not a readable config.json: {error}") from error


def run(args: argparse.Namespace) -> int:
    """Print the plan of one model."""
    from dataclasses import asdict, replace

    _note("reading config.json")
    config = read_config(args.model, args.revision)
    if args.device == "here":
        _note("measuring this CPU")
    device = this_machine() if args.device == "here" else DEVICES[args.device]
    if args.price is not None:
        device = replace(device, dollars_an_hour=args.price)
    wanted = [part for part in args.tasks.split(",") if part]
    items = items_of(suites.load(args.suite), wanted, args.limit)
    _note("building the model's shape, without its weights")
    estimate = plan(config, items, device, args.precision)
    print(json.dumps(asdict(estimate)) if args.json else describe(estimate))
    return 0


def _note(step: str) -> None:
    """Report the current step on standard error: importing torch alone takes seconds. Standard output may be JSON."""
    print(f"{step} …", file=sys.stderr, flush=True)


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


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
