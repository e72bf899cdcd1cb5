"""Trial of generation on a few synthetic prompts: choose the fastest path that gives the same tokens as `generate`."""

from __future__ import annotations

import random
from typing import Any

import torch

from evaluator.engine.generating import continuous, rolling
from evaluator.engine.generating.jobs import GenerationJob, Stops
from evaluator.engine.generating.settings import UnsupportedError, by_generate, fitted, prepare
from evaluator.engine.planning.tree import PackLimits
from evaluator.engine.scoring.chain import unwrapped
from evaluator.engine.scoring.scorer import TreeScorer
from evaluator.engine.selfcheck import candidates, one_thread, small_windows
from evaluator.engine.twin import twin

PROMPTS = ((5, 12), (31, 4), (12, 9), (2, 14), (19, 7))  # (own tokens of the prompt, tokens to generate)


def choose(
    model: Any,
    device: torch.device,
    scoring: str,
    autocast: torch.dtype | None = None,
    wanted: str = "auto",
    pad: int | None = None,
) -> tuple[str, str]:
    """Return the way to generate with a causal model ("rolling", "continuous" or "stock"), and why that one.

    `scoring` is the way the model is scored: rolling batches read their prompts packed. The model is tried as its
    float32 twin: rounding alone changes tokens, and it is a fraction of the work. Its own generation settings apply.
    """
    try:
        processors = [type(each).__name__ for each in prepare(model, [0, 0], 1, pad).processors]
    except UnsupportedError as error:
        return "stock", str(error)
    ways = ["continuous", "rolling"] if device.type == "cuda" else ["rolling", "continuous"]
    reasons: list[str] = []
    if "packed" not in candidates(model, "auto", reasons):
        return "stock", "; ".join(reasons)
    if scoring != "packed":
        ways.remove("rolling")
        reasons.append("prompts cannot be read packed")
    if processors:
        ways.remove("continuous")
        reasons.append(f"with {', '.join(processors)} of the model's generation settings")
    subject = twin(model, device) or model
    if subject is not model:
        vocabulary = int(subject.config.get_text_config(decoder=True).vocab_size)
        subject.generation_config = fitted(unwrapped(model).generation_config, vocabulary)
    for way in [way for way in ways if wanted in ("auto", way)]:
        try:
            with one_thread(device, subject):
                differing = count_differing(subject, way, device, autocast, pad)
        except Exception as error:  # an unknown architecture may raise anything: reject this path
            reasons.append(f"{way} failed with {type(error).__name__}: {str(error).partition(chr(10))[0]:.120}")
            continue
        if not differing:
            return way, "; ".join([*reasons, "identical to stock on the self-check"])
        reasons.append(f"{way} gave other tokens than stock for {differing} of {len(PROMPTS)} prompts")
    return "stock", "; ".join(reasons)


def count_differing(
    model: Any, way: str, device: torch.device, autocast: torch.dtype | None = None, pad: int | None = None
) -> int:
    """Return for how many made-up prompts a way gives other tokens than `generate`, one prompt at a time."""
    vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)
    pad = None if pad is None else pad % vocabulary
    rng = random.Random(0)
    shared = [rng.randrange(vocabulary // 2, vocabulary) for _ in range(8)]
    prompts = [shared + [rng.randrange(vocabulary // 2, vocabulary) for _ in range(own)] for own, _ in PROMPTS]
    jobs, stops = [], Stops(None, set())
    for prompt, (_, most) in zip(prompts, PROMPTS, strict=True):
        prepared = prepare(model, prompt, most, pad)
        stops.ends |= prepared.ends
        jobs.append(GenerationJob(prompt, prepared.most, (), prepared.pick if len(prepared.processors) else None))
    with small_windows(model.config):
        enabled = autocast is not None
        with torch.autocast(device_type=device.type, dtype=autocast, enabled=enabled):
            expected = [by_generate(model, job.tokens, most, pad) for job, (_, most) in zip(jobs, PROMPTS, strict=True)]
        generated: dict[int, list[int]] = {}
        if way == "rolling":
            scorer = TreeScorer(model, PackLimits(24, 64), "packed", autocast, device)
            rolling.run(scorer, jobs, stops, generated.__setitem__, 3)
        else:
            continuous.run(model, jobs, stops, generated.__setitem__, small=True)
    return sum(generated.get(i) != tokens for i, tokens in enumerate(expected))
