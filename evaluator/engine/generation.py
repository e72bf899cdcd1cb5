"""lm-eval's `generate_until`, with requests that come and go at every step; texts are those of stock one at a time."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.utils import handle_stop_sequences, has_bos_prefix, normalize_gen_kwargs, postprocess_generated_text

from evaluator.engine import continuous, memory, rolling, selfcheck
from evaluator.engine.chain import unwrapped
from evaluator.engine.jobs import Job, Stops
from evaluator.engine.memory import is_out_of_memory
from evaluator.engine.scorer import Scorer
from evaluator.engine.tree import Limits
from evaluator.engine.twin import twin

log = logging.getLogger(__name__)
GREEDY_KEYS = {"until", "max_gen_toks", "do_sample", "temperature"}  # settings that leave a request greedy
Emit = Callable[[int, list[int]], None]


class Generator:
    """Generates for one lm-eval `hf` model, in the fastest way that agrees with stock on a few made-up prompts."""

    def __init__(self, lm: Any, wanted: str = "auto") -> None:
        self.way, self.why = "stock", "asked for"
        self._lm = lm
        self._rows = 0
        ends = getattr(lm.model.generation_config, "eos_token_id", None)
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        self._stops = Stops(lm.tokenizer, ends | {lm.eot_token_id} - {None})
        if wanted != "stock":
            self.way, self.why = self._choose(wanted)
        log.info("generation %s: %s", self.way, self.why)

    def generate(
        self, requests: Sequence[Instance], known: Sequence[bool], save: Callable[[Iterable[tuple[int, Any]]], None]
    ) -> list[str | None]:
        """Texts of the requests not `known`; `save` is called with (index, text) as each ends."""
        texts: list[str | None] = [None] * len(requests)
        todo = [i for i, is_known in enumerate(known) if not is_known]
        jobs = {i: self.job(requests[i]) for i in todo if self.way != "stock" and is_greedy(requests[i])}
        jobs = {i: job for i, job in jobs.items() if len(job.tokens) > 1}

        def finish(i: int, tokens: list[int]) -> None:
            texts[i] = self.text(tokens, requests[i])
            save([(i, texts[i])])

        if jobs:
            self._run(jobs, finish)
        slow = [i for i in todo if texts[i] is None]
        size = self._lm.batch_size_per_gpu
        slow.sort(key=lambda i: (repr(sorted(requests[i].args[1].items())), -len(requests[i].args[0])))
        for at in range(0, len(slow), size):
            group = slow[at : at + size]
            for i, text in zip(group, self._lm.stock_generate([requests[i] for i in group]), strict=True):
                texts[i] = text
            save([(i, texts[i]) for i in group])
        return texts

    def job(self, request: Instance) -> Job:
        """The prompt's tokens as stock encodes and truncates them for a batch of one."""
        lm = self._lm
        context, settings = request.args
        most = self._settings(settings)["max_gen_toks"]
        room = lm.max_length - most
        if room <= 0:
            raise ValueError(
                f"This task generates up to {most} tokens, but the model's context has {lm.max_length}: "
                "leave the task out."
            )
        special = {}
        if has_bos_prefix(context, getattr(lm.tokenizer, "bos_token", None)):
            special = {"add_special_tokens": False}
        elif lm.add_bos_token is not None:
            special = {"add_special_tokens": lm.add_bos_token}
        tokens = lm.tokenizer(context, truncation=lm.truncation, verbose=False, **special)["input_ids"][-room:]
        return Job(tokens, most, tuple(self._until(settings)))

    def text(self, tokens: list[int], request: Instance) -> str:
        """The text as stock decodes and cuts it."""
        lm = self._lm
        think = lm.think_end_token
        if isinstance(think, int):
            tokens = tokens[len(tokens) - tokens[::-1].index(think) :] if think in tokens else tokens
        text = lm.tok_decode(tokens)
        if isinstance(think, int):
            text = text.lstrip()
        think_text = think if isinstance(think, str) else None
        return postprocess_generated_text(text, self._until(request.args[1]), think_text)

    def _run(self, jobs: Mapping[int, Job], finish: Emit) -> None:
        """Generate for `jobs`; those that are left when the way fails are left to stock, and it is told."""
        left = dict(jobs)
        rows = memory.rows(self._lm.model, self._lm.device, max(len(job.tokens) + job.most for job in jobs.values()))
        while left:
            names = list(left)

            def emit(index: int, tokens: list[int], names: list[int] = names) -> None:
                finish(names[index], tokens)
                del left[names[index]]

            try:
                if self.way == "continuous":
                    continuous.run(self._lm.model, list(left.values()), self._stops, emit)
                else:
                    limits = memory.limits(self._lm.model, self._lm.device)
                    scorer = Scorer(self._lm.model, limits, "packed", self._lm.mixed_precision_dtype, self._lm.device)
                    rolling.run(scorer, list(left.values()), self._stops, emit, rows)
            except Exception as error:
                if is_out_of_memory(error) and self.way == "rolling" and rows > 1:
                    rows //= 2
                    log.warning("out of memory while generating: going on with %d texts at a time", rows)
                    continue
                self.why = f"{self.way} failed on the way with {type(error).__name__}: {error}"
                self.way = "stock"
                log.warning("generation goes on the stock way: %s", self.why)
                return

    def _choose(self, wanted: str) -> tuple[str, str]:
        lm = self._lm
        if lm.backend != "causal":
            return "stock", "an encoder–decoder is generated with as stock does"
        processors = lm.model._get_logits_processor(continuous.greedy_config(unwrapped(lm.model)))
        if len(processors):
            names = ", ".join(type(processor).__name__ for processor in processors)
            return "stock", f"the model's generation settings ask for {names}"
        ways = ["continuous", "rolling"] if lm.device.type == "cuda" else ["rolling", "continuous"]
        reasons: list[str] = []
        if "packed" not in selfcheck.candidates(lm.model, "auto", reasons):
            return "stock", "; ".join(reasons)
        if lm.scoring != "packed":
            ways.remove("rolling")
            reasons.append("prompts cannot be read packed")
        subject = lm.model if lm.model.dtype in selfcheck.PRECISE else twin(lm.model, lm.device) or lm.model
        for way in [way for way in ways if wanted in ("auto", way)]:
            try:
                differing = self._trial(subject, way)
            except Exception as error:  # whatever an unknown architecture raises means: not this way
                reasons.append(f"{way} failed with {type(error).__name__}: {str(error).partition(chr(10))[0]:.120}")
                continue
            if not differing:
                return way, "; ".join([*reasons, "identical to stock on the self-check"])
            reasons.append(f"{way} gave other tokens than stock for {differing} of {len(TRIAL)} prompts")
        return "stock", "; ".join(reasons)

    def _trial(self, model: Any, way: str) -> int:
        """How many made-up prompts continue otherwise than by plain forwards."""
        vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)
        rng = random.Random(0)
        shared = [rng.randrange(vocabulary // 2, vocabulary) for _ in range(8)]
        jobs = [Job(shared + [rng.randrange(vocabulary // 2, vocabulary) for _ in range(n)], most) for n, most in TRIAL]
        with selfcheck.small_windows(model.config):
            expected = [plainly(model, job) for job in jobs]
            found: dict[int, list[int]] = {}
            endless = Stops(self._lm.tokenizer, set())
            scorer = Scorer(model, Limits(24, 64), "packed", self._lm.mixed_precision_dtype, self._lm.device)
            if way == "rolling":
                rolling.run(scorer, jobs, endless, found.__setitem__, 3)
            else:
                continuous.run(model, jobs, endless, found.__setitem__, small=True)
        return sum(found.get(i) != tokens for i, tokens in enumerate(expected))

    def _settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return dict(normalize_gen_kwargs(settings, self._lm.max_gen_toks))

    def _until(self, settings: dict[str, Any]) -> list[str]:
        end = self._lm.tok_decode(self._lm.eot_token_id, skip_special_tokens=False)
        return handle_stop_sequences(self._settings(settings)["until"], eos=end)


TRIAL = ((5, 12), (31, 4), (12, 9), (2, 14), (19, 7))  # (own tokens of the prompt, tokens to generate)


def is_greedy(request: Instance) -> bool:
    """Whether a request asks for nothing but the likeliest token, up to a length or a stop string."""
    settings = request.args[1]
    return set(settings) <= GREEDY_KEYS and not settings.get("do_sample") and not settings.get("temperature")


@torch.no_grad()
def plainly(model: Any, job: Job) -> list[int]:
    """`job` token by token, each from a forward of the whole text so far: nothing cached, nothing beside it."""
    tokens = list(job.tokens)
    for _ in range(job.most):
        tokens.append(int(model(torch.tensor([tokens], device=model.device)).logits[0, -1].argmax()))
    return tokens[len(job.tokens) :]
