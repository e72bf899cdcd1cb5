"""lm-eval's model `prefix-tree`: equal to stock `hf` except for the speed of scoring and generating."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from transformers import BitsAndBytesConfig

from evaluator.engine.generating.generation import Generator
from evaluator.engine.generating.settings import settings_of, without_defaults
from evaluator.engine.planning import memory
from evaluator.engine.planning.memory import free_memory, is_out_of_memory
from evaluator.engine.planning.tokens import Encoder
from evaluator.engine.report import MODEL_NAME, EngineReport, Verification, all_of, installed_versions
from evaluator.engine.responses import Responses, request_key
from evaluator.engine.scoring import attention
from evaluator.engine.scoring.chain import unwrapped
from evaluator.engine.scoring.scorer import ScoringWork, TreeScorer
from evaluator.engine.selfcheck import Choice, Shape
from evaluator.engine.verify import Lottery, verify_scores, verify_texts

log = logging.getLogger(__name__)
STOCK_BATCH = 8  # what "auto" means here: lm-eval's search for a batch size may never end
Save = Callable[[Iterable[tuple[int, Any]]], None]


@register_model(MODEL_NAME)
class PrefixTree(HFLM):
    """`hf` with shared prefixes computed once. `evaluator.engine` documents the arguments beyond those of `hf`."""

    batch_size_per_gpu: int

    def __init__(
        self,
        pretrained: Any,
        *,
        responses: str | Path | None = None,
        model_sha: str | None = None,
        verify: int | str = 0,
        engine: Literal["auto", "packed", "rows", "stock"] = "auto",
        generation: Literal["auto", "continuous", "rolling", "stock"] = "auto",
        attention: Literal["auto", "sdpa", "flex"] = "auto",
        pack_tokens: int | str | None = None,
        engine_off: str | None = None,
        self_check: Mapping[str, Any] | None = None,
        generation_defaults: Literal["model", "none"] = "model",
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,  # accepted from lm-eval's command line; nothing searches for a size here
        **arguments: Any,
    ) -> None:
        fixed = int(batch_size) if batch_size and not str(batch_size).startswith("auto") else STOCK_BATCH
        super().__init__(pretrained, batch_size=fixed, max_batch_size=max_batch_size or fixed, **arguments)
        if generation_defaults == "none":
            bare = unwrapped(self.model)
            bare.generation_config = without_defaults(bare.generation_config)
        self.model_sha = model_sha
        self.work = ScoringWork()
        self.resumed = 0  # requests that were read from the store
        self._off = engine_off
        self.known: Mapping[str, Any] = {} if engine_off else self_check or {}
        """The self-check of an earlier run of the same architecture, settings and machine, as `EngineReport` has it."""
        self._wanted = {
            "scoring": "stock" if engine_off else engine,
            "generation": "stock" if engine_off else generation,
            "attention": attention,
        }
        self.together: Mapping[str, str] = {}  # task → unit, for tasks about the same documents
        self.on_way: Callable[[str, str | None, str], None] = lambda *_: None
        """Called with (scoring, generation, reason) as soon as the way is known, and again whenever it changes."""
        self._way: tuple[str | None, str | None] = (None, None)
        self._pack_tokens = int(pack_tokens) if pack_tokens else None
        self._lottery = Lottery(int(verify), str(model_sha or pretrained)) if int(verify) else None
        self._verified: dict[str, Verification] = {}  # by what was verified, so that doing it again counts once
        self._store_path = responses
        self._store: Responses | None = None
        self._encoder: Encoder | None = None
        self._choice: Choice | None = None
        self._generator: Generator | None = None
        self.report = EngineReport(
            device=self.device.type if self.device.type != "cuda" else torch.cuda.get_device_name(self.device),
            dtype=str(self.model.dtype).removeprefix("torch."),
            autocast=str(self.mixed_precision_dtype).removeprefix("torch.") if self.mixed_precision_dtype else None,
            quantization=_quantization(self.model.config),
            max_length=self.max_length,
            generation_defaults=generation_defaults,
            generation_settings=settings_of(unwrapped(self.model).generation_config),
            versions=installed_versions(),
        )

    def _create_model(self, *given: Any, quantization_config: Any = None, **arguments: Any) -> None:
        """Quantise weights during loading: transformers takes arguments like `load_in_8bit` only as one object."""
        names = [name for name in arguments if name.startswith(("load_in_", "bnb_", "llm_int8_"))]
        options = {name: arguments.pop(name) for name in names}
        if options and quantization_config is None:
            quantization_config = BitsAndBytesConfig(**options)
        super()._create_model(*given, quantization_config=quantization_config, **arguments)

    @property
    def encoder(self) -> Encoder:
        """The encoder with its token cache; created on first use, because `hf` sets up its tokenizer after loading."""
        if self._encoder is None:
            self._encoder = Encoder(self)
        return self._encoder

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Return answers in the order of `requests`; each depends on its unit only: units are planned separately."""
        if self.enable_thinking:
            return super().loglikelihood(requests, disable_tqdm=disable_tqdm)  # refuses, in lm-eval's words
        answers = self._by_unit("loglikelihood", requests, self._score_stock if self._is_stock else self._score)
        if self._lottery:
            self._record(requests, verify_scores(self, requests, answers, self._lottery.draw(requests)))
        self._note()
        return answers

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return texts in the order of `requests`, equal to stock's greedy generation of one request at a time."""
        if self._generator is None:
            self._generator = Generator(self, self._wanted["generation"])
        generator = self._generator
        texts = self._by_unit("generate_until", requests, generator.generate)
        self.report.generation, self.report.generation_reason = generator.way, self._off or generator.why
        self._tell_way()
        if self._lottery:
            self._record(requests, verify_texts(self, requests, texts, self._lottery.draw(requests)))
        self._note()
        return texts

    def get_model_info(self) -> dict[str, Any]:
        """Return lm-eval's description of the model, without calling the Hub, with the engine's report."""
        model, _ = self.model, self._responses  # opening the store restores the report of earlier processes
        info = {
            "model_num_parameters": model.num_parameters() if hasattr(model, "num_parameters") else None,
            "model_dtype": str(model.dtype),
            "model_revision": self.revision,
            "model_sha": self.model_sha or "",
            "engine": self.report.as_dict(),
        }
        return info | {name: value for name in ("peft", "delta") if (value := getattr(self, name, None))}

    @property
    def scoring(self) -> Shape:
        """Return the way this model is scored; the first call runs the self-check."""
        self._choose()
        assert self._choice is not None
        return self._choice.shape

    @property
    def _is_stock(self) -> bool:
        return self.scoring == "stock"

    def _choose(self) -> None:
        """Run the self-check once: choose how this model is scored, and with which attention."""
        if self._choice is not None:
            return
        self._choice = (
            Choice("stock", self._off)
            if self._off
            else attention.remembered(self.model, self.device, self.mixed_precision_dtype, self.known)
            or attention.choose(
                self.model, self.device, self.mixed_precision_dtype, self._wanted["scoring"], self._wanted["attention"]
            )
        )
        limits = memory.limits(self.model, self.device, self._pack_tokens)
        if self._choice.shape != "stock":
            self._scorer = TreeScorer(self.model, limits, self._choice.shape, self.mixed_precision_dtype, self.device)
            self._scorer.work = self.work
        self.report.scoring, self.report.scoring_reason = self._choice.shape, self._choice.why
        self.report.scoring_difference = self._choice.difference
        self.report.attention = getattr(unwrapped(self.model).config, "_attn_implementation", None)
        self.report.pack_tokens = None if self._is_stock else limits.pack
        log.info("scoring %s: %s", self._choice.shape, self._choice.why)
        self._tell_way()

    def _tell_way(self) -> None:
        report = self.report
        way = (report.scoring, report.generation)
        if way != self._way:
            self._way = way
            # generation's reason if scoring is fast: it says why texts are slow, or nothing of interest
            reason = report.scoring_reason if report.scoring == "stock" else report.generation_reason
            self.on_way(report.scoring or "stock", report.generation, reason or report.scoring_reason or "")

    def _by_unit(self, kind: str, requests: Sequence[Instance], answer: Callable[..., Sequence[Any]]) -> list[Any]:
        """Run `answer(requests, known, save)` for each unit, over what the store does not hold; answers in order."""
        answers: list[Any] = [None] * len(requests)
        units: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            units.setdefault(self.together.get(request.task_name or "", request.task_name or ""), []).append(index)
        for indices in units.values():
            some = [requests[i] for i in indices]
            keys = [(request.task_name or "", request_key(kind, request.args)) for request in some]
            stored = self._stored({task for task, _ in keys})
            may_keep = [not _is_sampled(request) for request in some]
            known = [keep and key in stored for key, keep in zip(keys, may_keep, strict=True)]
            self.resumed += sum(known)

            def save(done: Iterable[tuple[int, Any]], keys: Any = keys, may_keep: list[bool] = may_keep) -> None:
                if self._responses:
                    self._responses.save((*keys[i], value) for i, value in done if may_keep[i])

            computed = answer(some, known, save)
            for i, key, is_known, value in zip(indices, keys, known, computed, strict=True):
                outcome = stored[key] if is_known else value
                answers[i] = tuple(outcome) if isinstance(outcome, list) else outcome
                self.cache_hook.add_partial(kind, requests[i].args, answers[i])
        return answers

    def _stored(self, tasks: Iterable[str]) -> dict[tuple[str, bytes], Any]:
        store = self._responses
        return {(task, key): value for task in tasks for key, value in store.read(task).items()} if store else {}

    def _score(self, requests: Sequence[Instance], known: Sequence[bool], save: Save) -> Sequence[Any]:
        if all(known):
            return [None] * len(requests)
        queries = self.encoder.queries([request.args for request in requests], self.max_length)
        return self._scorer.score(queries, known, save)

    def _score_stock(self, requests: Sequence[Instance], known: Sequence[bool], save: Save) -> Sequence[Any]:
        """Stock's own path over fixed groups of requests, so that a resumed run batches as an uninterrupted one."""
        answers: list[Any] = [None] * len(requests)
        order = sorted(range(len(requests)), key=lambda i: (-sum(map(len, requests[i].args)), i))
        size = self.batch_size_per_gpu * 16
        for at in range(0, len(order), size):
            group = order[at : at + size]
            if all(known[i] for i in group):
                continue
            outcome = self.stock_loglikelihood([requests[i] for i in group])
            for i, value in zip(group, outcome, strict=True):
                answers[i] = value
            save((i, answers[i]) for i in group)
        return answers

    def stock_loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Return lm-eval's own scores; halve the batch size each time memory runs out."""
        while True:
            try:
                return super().loglikelihood(requests, disable_tqdm=True)
            except Exception as error:
                if not is_out_of_memory(error) or self.batch_size_per_gpu == 1:
                    raise
            free_memory()
            self.batch_size_per_gpu = max(1, self.batch_size_per_gpu // 2)
            self.work.halvings += 1

    def stock_generate(self, requests: list[Instance]) -> list[str]:
        """Return lm-eval's own generated texts."""
        return super().generate_until(requests, disable_tqdm=True)

    @property
    def _responses(self) -> Responses | None:
        if self._store is None and self._store_path:
            settings = {
                name: value
                for name, value in self.report.as_dict().items()
                if name
                in (
                    "engine",
                    "engine_version",
                    "dtype",
                    "autocast",
                    "quantization",
                    "max_length",
                    "versions",
                    "generation_settings",
                )
            } | {
                "wanted": self._wanted,
                "add_bos_token": self.add_bos_token,
                "prefix_token_id": self.custom_prefix_token_id,
                "think_end_token": self.think_end_token,
                "peft": self.peft,
                "delta": self.delta,
                "tokenizer": getattr(self.tokenizer, "name_or_path", ""),
            }
            self._store = Responses(self._store_path, self.model_sha or fingerprint(self.pretrained), settings)
            self._recall(self._store.notes())
        return self._store

    def _record(self, requests: Sequence[Instance], outcome: Verification) -> None:
        tasks = sorted({request.task_name or "" for request in requests})
        self._verified[" ".join([requests[0].request_type, *tasks] if requests else [])] = outcome
        self.report.verification = all_of(self._verified.values())

    def _note(self) -> None:
        """Store what this process has determined for a process that resumes the run."""
        if self._responses:
            verified = {name: asdict(outcome) for name, outcome in self._verified.items()}
            lots = self._lottery.lowest if self._lottery else []
            self._responses.note(report=self.report.determined(), verified=verified, lots=lots)

    def _recall(self, notes: Mapping[str, Any]) -> None:
        """Restore what an earlier process of this run stored; values that this process determined itself win."""
        for name, value in notes.get("report", {}).items():
            if getattr(self.report, name) is None:
                setattr(self.report, name, value)
        self._verified = {name: Verification(**outcome) for name, outcome in notes.get("verified", {}).items()}
        self.report.verification = all_of(self._verified.values())
        if self._lottery:
            self._lottery.lowest = list(notes.get("lots", []))


def fingerprint(pretrained: Any) -> str:
    """Return a hash of weights without a sha: of a folder's file names, sizes and times, or of some loaded weights."""
    digest = hashlib.sha256()
    if isinstance(pretrained, str):
        digest.update(pretrained.encode())
        folder = Path(pretrained)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            digest.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    else:
        for name, parameter in pretrained.named_parameters():
            digest.update(f"{name} {tuple(parameter.shape)} {parameter.detach().flatten()[:8].tolist()}".encode())
    return digest.hexdigest()


def _quantization(config: Any) -> str | None:
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return None
    method = settings.get("quant_method") if isinstance(settings, dict) else getattr(settings, "quant_method", None)
    return str(getattr(method, "value", method))


def _is_sampled(request: Instance) -> bool:
    """Return whether the request asks for a different answer each time, which must not be stored."""
    return len(request.args) > 1 and isinstance(request.args[1], dict) and bool(request.args[1].get("do_sample"))
