"""Greedy generation by transformers' continuous batching; a stop string cancels its request."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from evaluator.engine.generating.jobs import GenerationJob, Stops
from evaluator.engine.report import NotFiniteError
from evaluator.engine.scoring.chain import unwrapped

log = logging.getLogger(__name__)
STALLED = 600.0  # seconds without a token after which the manager is given up


def run(
    model: Any, jobs: Sequence[GenerationJob], stops: Stops, emit: Callable[[int, list[int]], None], small: bool = False
) -> None:
    """Generate for every job and `emit(index, tokens)` as each ends; `small` asks for little memory, as for a trial.

    Raises whatever transformers raises for an architecture it cannot batch, and RuntimeError if its loop dies.
    """
    bare = unwrapped(model)
    greedy = greedy_config(bare)
    space: dict[str, Any] = {"drop_unsupported_processors": False}
    if small or bare.device.type == "cpu":
        longest = max(len(job.tokens) + job.most for job in jobs)
        page = 32
        rows = min(len(jobs), 32)
        space |= {
            "page_size": page,
            "num_blocks": rows * (longest // page + 2) * int(bare.config.get_text_config().num_hidden_layers),
            "max_batch_tokens": min(2048, max(256, longest)),
            "max_requests_per_batch": rows,
        }
    seen = torch.zeros((), dtype=torch.bool, device=bare.device)

    def look(_: Any, __: Any, logits: torch.Tensor) -> None:
        # in place and without waiting; the logits may hold rows of padding, so this is a suspicion and no proof
        seen.logical_or_(logits.isnan().any().to(seen.device))

    hook = bare.get_output_embeddings().register_forward_hook(look)
    manager = bare.init_continuous_batching(greedy, ContinuousBatchingConfig(**space))
    manager.start()
    try:
        waiting = {}
        # long ones first, so that none is left running alone at the end; neighbours of one length share their prompts
        for index in sorted(range(len(jobs)), key=lambda i: (-len(jobs[i].tokens), jobs[i].tokens)):
            job = jobs[index]
            name = manager.add_request(
                job.tokens, max_new_tokens=job.most, streaming=True, eos_token_id=sorted(stops.ends) or -1
            )
            waiting[name] = index
        while waiting:
            output = manager.get_result(timeout=STALLED if manager.is_running() else 1.0)
            if output is None:
                raise RuntimeError("continuous batching stopped before it had answered every request")
            if output.error is not None:
                raise RuntimeError(output.error)
            if output.request_id not in waiting:
                continue  # a token that was under way when its request was cancelled
            index = waiting[output.request_id]
            tokens = stops.cut(output.generated_tokens, jobs[index])
            if tokens is not None or output.is_finished():
                del waiting[output.request_id]
                if not output.is_finished():
                    manager.cancel_request(output.request_id)
                tokens = tokens or list(output.generated_tokens)
                if seen and _has_nan(bare, [*jobs[index].tokens, *tokens]):
                    raise NotFiniteError("The model returned NaN while generating.")
                emit(index, tokens)
    finally:
        hook.remove()
        manager.stop(block=True, timeout=30.0, hard_stop=True)
        manager.destroy()


@torch.no_grad()
def _has_nan(model: Any, tokens: list[int]) -> bool:
    return bool(model(torch.tensor([tokens], device=model.device)).logits.isnan().any())


def greedy_config(model: Any) -> GenerationConfig:
    """Return the model's own generation settings, without sampling."""
    config = copy.deepcopy(model.generation_config)
    config.do_sample, config.num_beams = False, 1
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p"):
        setattr(config, name, None)
    return config
