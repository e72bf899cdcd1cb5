"""lm-eval's `generate_until` with dynamic batches; texts are equal to those of stock with batches of one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.utils import handle_stop_sequences, has_bos_prefix, normalize_gen_kwargs, postprocess_generated_text

from evaluator.engine.generating import continuous, rolling, trial
from evaluator.engine.generating.jobs import GenerationJob, Stops
from evaluator.engine.generating.settings import prepare
from evaluator.engine.generating.weights import check_weights, nan_refused
from evaluator.engine.planning import memory
from evaluator.engine.planning.memory import is_out_of_memory
from evaluator.engine.report import NotFiniteError
from evaluator.engine.scoring.scorer import TreeScorer

log = logging.getLogger(__name__)
GREEDY_KEYS = {"until", "max_gen_toks", "do_sample", "temperature"}  # settings that leave a request greedy
Emit = Callable[[int, list[int]], None]


class Generator:
    """Generates for one lm-eval `hf` model, on the fastest path that agrees with stock on a few synthetic prompts."""

    def __init__(self, lm: Any, wanted: str = "auto") -> None:
        self.way, self.why = "stock", "asked for"
        self._lm = lm
        self._rows = 0
        self._stops = Stops(lm.tokenizer, {lm.eot_token_id} - {None})
        check_weights(lm.model)
        if wanted != "stock":
            self.way, self.why = self._choose(wanted)
        log.info("generation %s: %s", self.way, self.why)

    def generate(
        self, requests: Sequence[Instance], known: Sequence[bool], save: Callable[[Iterable[tuple[int, Any]]], None]
    ) -> list[str | None]:
        """Return texts of the requests not `known`; call `save` with (index, text) as each ends."""
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
            for i, text in zip(group, self._stock([requests[i] for i in group]), strict=True):
                texts[i] = text
            save([(i, texts[i]) for i in group])
        return texts

    def _stock(self, group: Sequence[Instance]) -> list[str]:
        """Return stock's texts. Raise NotFiniteError, with the items' names, if the model's logits contain NaN."""
        try:
            with nan_refused(self._lm.model):
                return list(self._lm.stock_generate(list(group)))
        except NotFiniteError as error:
            items = ", ".join(str(request.doc_id) for request in group)
            raise NotFiniteError(f"{error} This is in {group[0].task_name}, one of the items {items}.") from error

    def job(self, request: Instance) -> GenerationJob:
        """Return the prompt's tokens as stock encodes and truncates them for a batch of one."""
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
        prepared = prepare(lm.model, tokens, most, lm.tokenizer.pad_token_id)
        self._stops.ends |= prepared.ends  # the same for every prompt
        pick = prepared.pick if len(prepared.processors) else None
        return GenerationJob(tokens, prepared.most, tuple(self._until(settings)), pick)

    def text(self, tokens: list[int], request: Instance) -> str:
        """Return the text as stock decodes and cuts it."""
        lm = self._lm
        think = lm.think_end_token
        if isinstance(think, int):
            tokens = tokens[len(tokens) - tokens[::-1].index(think) :] if think in tokens else tokens
        text = lm.tok_decode(tokens)
        if isinstance(think, int):
            text = text.lstrip()
        think_text = think if isinstance(think, str) else None
        return postprocess_generated_text(text, self._until(request.args[1]), think_text)

    def _run(self, jobs: Mapping[int, GenerationJob], finish: Emit) -> None:
        """Generate for `jobs`; if the path fails, leave the remaining jobs to stock and log it."""
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
                    scorer = TreeScorer(
                        self._lm.model, limits, "packed", self._lm.mixed_precision_dtype, self._lm.device
                    )
                    rolling.run(scorer, list(left.values()), self._stops, emit, rows)
            except Exception as error:
                if is_out_of_memory(error) and self.way == "rolling" and rows > 1:
                    rows //= 2
                    log.warning("out of memory while generating: continuing with %d texts at a time", rows)
                    continue
                self.why = f"{self.way} failed on the way with {type(error).__name__}: {error}"
                self.way = "stock"
                log.warning("generation continues with stock: %s", self.why)
                return

    def _choose(self, wanted: str) -> tuple[str, str]:
        lm = self._lm
        if lm.backend != "causal":
            return "stock", "an encoder–decoder is generated with as stock does"
        known = lm.known
        if lm.scoring == known.get("scoring") and known.get("generation") and wanted == "auto":
            return known["generation"], str(known.get("generation_reason"))
        return trial.choose(
            lm.model, lm.device, lm.scoring, lm.mixed_precision_dtype, wanted, lm.tokenizer.pad_token_id
        )

    def _settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return dict(normalize_gen_kwargs(settings, self._lm.max_gen_toks))

    def _until(self, settings: dict[str, Any]) -> list[str]:
        end = self._lm.tok_decode(self._lm.eot_token_id, skip_special_tokens=False)
        return handle_stop_sequences(self._settings(settings)["until"], eos=end)


def is_greedy(request: Instance) -> bool:
    """Return whether a request asks for nothing but the likeliest token, up to a length or a stop string."""
    settings = request.args[1]
    return set(settings) <= GREEDY_KEYS and not settings.get("do_sample") and not settings.get("temperature")
