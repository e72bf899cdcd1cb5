"""`python -m evaluator plan MODEL`: memory, tokens, time and cost of a suite, from the model's config.json alone.

The work of a task was counted once, with a tokenizer of 8,000 entries (`work.json`: tokens that all its prompts share,
then per document the tokens of the trie, the positions scored, what stock forwards, and the tokens a usual answer has).
Larger vocabularies need fewer tokens; the shape of the model is built on torch's meta device, where it costs nothing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core import suites
from src.core.errors import BadInput

WORK: dict[str, dict[str, float]] = json.loads(Path(__file__).with_name("work.json").read_text(encoding="utf-8"))
TOKENS_OF_VOCABULARY = ((256, 2.9), (1_000, 1.35), (8_000, 1.0), (32_000, 0.92), (128_000, 0.83), (256_000, 0.8))
"""Tokens for the same text, relative to 8,000 entries. Up to 32,000 measured on the benchmarks; beyond, an estimate."""
BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "8bit": 1.0, "4bit": 0.56, "GPTQ": 0.56}
ROWS = 64  # texts generated at once
PACK = {"cpu": 1024, "gpu": 8192}  # tokens of a forward


@dataclass(frozen=True)
class Device:
    """What a machine can do. Peaks are the makers'; `share` of them is what packs reach (assumed until measured)."""

    name: str
    flops: float  # a second, at 16 bits where the device has them
    bandwidth: float  # bytes a second
    memory: float  # bytes
    share: float = 0.4
    dollars_an_hour: float | None = None  # a usual price to rent it


DEVICES = {
    "l4": Device("L4", 121e12, 300e9, 24e9, 0.4, 0.8),
    "4090": Device("RTX 4090", 165e12, 1008e9, 24e9, 0.4, 0.5),
    "a100": Device("A100 80GB", 312e12, 2039e9, 80e9, 0.4, 1.8),
    "h100": Device("H100", 989e12, 3350e9, 80e9, 0.4, 2.8),
    "h200": Device("H200", 989e12, 4800e9, 141e9, 0.4, 3.5),
}


@dataclass(frozen=True)
class Shape:
    """What of a model decides its cost."""

    parameters: int
    active: int  # of them, multiplied with every token: no embeddings, no LM head, the experts that are chosen
    layers: int
    hidden: int
    attention: int  # heads × size of one
    past: int  # numbers kept for each token of a text
    vocabulary: int


@dataclass(frozen=True)
class Plan:
    """The capacity that one model on some tasks takes. Unknown is None."""

    shape: Shape
    device: Device
    precision: str
    weights: float  # bytes
    memory: float  # bytes: weights, pasts, and the largest forward
    gpus: int
    tokens: float  # to forward: prompts as a trie, and answers
    stock_tokens: float  # what stock `hf` forwards, padding not counted
    generated: float
    seconds: float
    dollars: float | None
    unknown: tuple[str, ...]  # tasks whose work has not been counted


def plan(config: Mapping[str, Any], items: Mapping[str, int], device: Device, precision: str = "bfloat16") -> Plan:
    """Estimate a run of `items` {task: documents}. Raises BadInput for a configuration transformers cannot build."""
    shape = shape_of(config)
    scale = tokens_for(shape.vocabulary)
    size = BYTES[precision]
    tokens = stock = generated = seconds = 0.0
    longest = 0.0
    for task, documents in items.items():
        if task not in WORK:
            continue
        work = WORK[task]
        prompts = (work["shared"] + work["document"] * documents) * scale
        answers = work.get("answer", 0.0) * documents
        context = work["shared"] * scale + _pack(device) / 2
        longest = max(longest, work["shared"] * scale + 2048)
        tokens += prompts + answers
        stock += work["stock"] * documents * scale + answers
        generated += answers
        scored = work["scored"] * documents * scale
        seconds += _reading(shape, prompts, scored, context, device, size)
        seconds += _writing(shape, answers, (work["shared"] + work["document"]) * scale + 200, device, size)
    weights = shape.parameters * size
    pasts = (ROWS * 1500 if generated else 2 * longest) * shape.past * min(size * 2, 4.0 if size == 4 else 2.0)
    forward = _pack(device) * (12 * shape.hidden + 2 * shape.vocabulary) * 2
    memory = weights * 1.05 + pasts + forward
    gpus = max(1, math.ceil(memory / (0.92 * device.memory)))
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


def shape_of(config: Mapping[str, Any]) -> Shape:
    """A model's shape, from modules that hold no numbers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        settings = dict(config)
        made = AutoConfig.for_model(settings.pop("model_type"), **settings)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(made)
    except Exception as error:
        raise BadInput(
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
    return Shape(
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
    """Tokens of a text with a vocabulary of this size, relative to 8,000; straight lines over its logarithm."""
    points = [(math.log2(size), tokens) for size, tokens in TOKENS_OF_VOCABULARY]
    at = min(max(math.log2(vocabulary), points[0][0]), points[-1][0])
    for (low, before), (high, after) in itertools.pairwise(points):
        if at <= high:
            return before + (after - before) * (at - low) / (high - low)
    return points[-1][1]


def this_machine(seconds: float = 1.0) -> Device:
    """The CPU this runs on, by the speed of the multiplications that a forward consists of."""
    import psutil
    import torch

    row, weights = torch.randn(1024, 768), torch.randn(2048, 768)
    rates: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(rates) < 3:
        started = time.process_time() / torch.get_num_threads()  # its own time: others use this machine too
        torch.nn.functional.linear(row, weights)
        rates.append(
            2 * row.numel() * len(weights) / max(1e-9, time.process_time() / torch.get_num_threads() - started)
        )
    rate = sorted(rates)[len(rates) // 2]
    return Device("this CPU", rate, 10e9, float(psutil.virtual_memory().available), CPU_SHARE)


CPU_SHARE = 0.75  # of what multiplications alone reach, by a 110M-parameter model in float32


def describe(plan: Plan) -> str:
    """A plan in a few lines."""
    gib = 2**30
    shape = plan.shape
    lines = [
        f"{shape.parameters / 1e9:.2f} B parameters, {shape.active / 1e9:.2f} B active per token, "
        f"{shape.layers} layers, vocabulary {shape.vocabulary:,}",
        f"memory   {plan.memory / gib:.1f} GiB in {plan.precision} (weights {plan.weights / gib:.1f}): "
        f"{plan.gpus} × {plan.device.name}",
        f"tokens   {plan.tokens / 1e6:.2f} M to forward, {plan.generated / 1e6:.2f} M of them generated; "
        f"stock hf: {plan.stock_tokens / 1e6:.1f} M",
        f"time     about {_duration(plan.seconds)} on {plan.device.name}",
        "cost     " + ("unknown: give --price" if plan.dollars is None else f"about ${plan.dollars:.2f}"),
    ]
    if plan.unknown:
        lines.append(f"not counted: {', '.join(plan.unknown)}")
    return "\n".join(lines)


def add_parser(commands: Any) -> None:
    """Add `plan` to the command line."""
    parser = commands.add_parser("plan", help="memory, tokens, time and cost of a model, before anything is downloaded")
    parser.add_argument("model", help="org/name on the Hub, a folder, or a config.json")
    parser.add_argument("--revision", default="main")
    parser.add_argument("--suite", default=suites.DEFAULT, metavar="NAME")
    parser.add_argument("--tasks", default="", metavar="A,B", help="only these benchmarks or tasks")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N items of each task")
    parser.add_argument("--device", default="h100", choices=[*DEVICES, "here"])
    parser.add_argument("--precision", default="bfloat16", choices=list(BYTES))
    parser.add_argument("--price", type=float, metavar="DOLLARS", help="of one device for an hour")
    parser.add_argument("--json", action="store_true", help="the estimate as JSON")
    parser.set_defaults(run=_run)


def items_of(suite: suites.Suite, wanted: Sequence[str] = (), limit: int | None = None) -> dict[str, int]:
    """Documents by task of a suite, or of the benchmarks and tasks `wanted`; tasks of unknown size are left out."""
    return {
        task.name: min(task.items, limit or task.items)
        for benchmark in suite.benchmarks
        for task in benchmark.tasks
        if task.items and (not wanted or {task.name, benchmark.key} & set(wanted))
    }


def weigh(items: Mapping[str, int]) -> dict[str, float]:
    """How much work each task is, against the others: tokens read, and ten for each token written."""
    known = {task: WORK[task] for task in items if task in WORK}
    return {task: (work["document"] + 10 * work.get("answer", 0.0)) * items[task] for task, work in known.items()}


def read_config(model: str, revision: str = "main") -> dict[str, Any]:
    """A model's config.json: of a folder, a file, or the Hub (that one file only). Raises BadInput if there is none."""
    path = Path(model)
    if path.is_dir():
        path = path / "config.json"
    elif not path.is_file():
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            path = Path(hf_hub_download(model, "config.json", revision=revision))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
            raise BadInput(f"{model} has no config.json that could be read: {error}") from error
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not a config.json that could be read: {error}") from error


def _run(args: argparse.Namespace) -> int:
    from dataclasses import asdict, replace

    device = this_machine() if args.device == "here" else DEVICES[args.device]
    if args.price is not None:
        device = replace(device, dollars_an_hour=args.price)
    wanted = [part for part in args.tasks.split(",") if part]
    items = items_of(suites.load(args.suite), wanted, args.limit)
    found = plan(read_config(args.model, args.revision), items, device, args.precision)
    print(json.dumps(asdict(found)) if args.json else describe(found))
    return 0


def _reading(shape: Shape, tokens: float, scored: float, context: float, device: Device, size: float) -> float:
    """Seconds for prompts: multiplications, or the weights' way through memory if packs are few."""
    flops = tokens * (2 * shape.active + 4 * shape.layers * shape.attention * context)
    flops += scored * 2 * shape.hidden * shape.vocabulary
    forwards = math.ceil(tokens / _pack(device))
    return max(flops / (device.flops * device.share), forwards * shape.parameters * size / device.bandwidth)


def _writing(shape: Shape, tokens: float, length: float, device: Device, size: float) -> float:
    """Seconds for answers: every step brings the weights and the rows' pasts through memory once."""
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
