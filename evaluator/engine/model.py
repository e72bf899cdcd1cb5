"""lm-eval's model `prefix-tree`: stock `hf` in every respect but the speed of scoring and generating."""

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

from evaluator.engine import MODEL_NAME, attention, memory, verify
from evaluator.engine.chain import unwrapped
from evaluator.engine.generation import Generator
from evaluator.engine.memory import free_memory, is_out_of_memory
from evaluator.engine.report import EngineReport, Verification, all_of, installed_versions
from evaluator.engine.responses import Responses, request_key
from evaluator.engine.scorer import Scorer, Work
from evaluator.engine.selfcheck import Choice, Shape
from evaluator.engine.tokens import Encoder
from evaluator.engine.units import unit_of
from evaluator.engine.verify import Lottery

log = logging.getLogger(__name__)
STOCK_BATCH = 8  # what "auto" means here: lm-eval's search for a batch size may never end
Save = Callable[[Iterable[tuple[int, Any]]], None]


@register_model(MODEL_NAME)
class PrefixTree(HFLM):
    """`hf` with shared prefixes computed once. Arguments beyond `hf`'s own are told in `evaluator.engine`."""

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
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,  # accepted from lm-eval's command line; nothing searches for a size here
        **arguments: Any,
    ) -> None:
        fixed = int(batch_size) if batch_size and not str(batch_size).startswith("auto") else STOCK_BATCH
        super().__init__(pretrained, batch_size=fixed, max_batch_size=max_batch_size or fixed, **arguments)
        self.model_sha = model_sha
        self.work = Work()
        self.resumed = 0  # requests that were read from the store
        self._wanted = {"scoring": engine, "generation": generation, "attention": attention}
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
            versions=installed_versions(),
        )

    def _create_model(self, *given: Any, quantization_config: Any = None, **arguments: Any) -> None:
        """Weights quantised as they load: `load_in_8bit` and the like, which transformers takes as one object alone."""
        names = [name for name in arguments if name.startswith(("load_in_", "bnb_", "llm_int8_"))]
        asked = {name: arguments.pop(name) for name in names}
        if asked and quantization_config is None:
            quantization_config = BitsAndBytesConfig(**asked)
        super()._create_model(*given, quantization_config=quantization_config, **arguments)

    @property
    def encoder(self) -> Encoder:
        """Tokens of everything met so far; made on first use, as `hf` readies its tokenizer after loading."""
        if self._encoder is None:
            self._encoder = Encoder(self)
        return self._encoder

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Answers in the order of `requests`; each unit is planned for itself, so its answers depend on it alone."""
        if self.enable_thinking:
            return super().loglikelihood(requests, disable_tqdm=disable_tqdm)  # refuses, in lm-eval's words
        answers = self._by_unit("loglikelihood", requests, self._score_stock if self._is_stock else self._score)
        if self._lottery:
            self._record(requests, verify.scores(self, requests, answers, self._lottery.draw(requests)))
        self._note()
        return answers

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Texts in the order of `requests`, as stock's greedy generation gives them one at a time."""
        if self._generator is None:
            self._generator = Generator(self, self._wanted["generation"])
        generator = self._generator
        texts = self._by_unit("generate_until", requests, generator.generate)
        self.report.generation, self.report.generation_reason = generator.way, generator.why
        if self._lottery:
            self._record(requests, verify.texts(self, requests, texts, self._lottery.draw(requests)))
        self._note()
        return texts

    def get_model_info(self) -> dict[str, Any]:
        """lm-eval's description of the model, without asking the Hub, and what ran: in this process or before it."""
        model, _ = self.model, self._responses  # a store tells what is known already
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
        """The way this model is scored; the first call runs the self-check."""
        self._choose()
        assert self._choice is not None
        return self._choice.shape

    @property
    def _is_stock(self) -> bool:
        return self.scoring == "stock"

    def _choose(self) -> None:
        """The self-check, once: which way this model is scored, and with which attention."""
        if self._choice is not None:
            return
        self._choice = attention.choose(
            self.model, self.device, self.mixed_precision_dtype, self._wanted["scoring"], self._wanted["attention"]
        )
        limits = memory.limits(self.model, self.device, self._pack_tokens)
        if self._choice.shape != "stock":
            self._scorer = Scorer(self.model, limits, self._choice.shape, self.mixed_precision_dtype, self.device)
            self._scorer.work = self.work
        self.report.scoring, self.report.scoring_reason = self._choice.shape, self._choice.why
        self.report.scoring_difference = self._choice.difference
        self.report.attention = getattr(unwrapped(self.model).config, "_attn_implementation", None)
        self.report.pack_tokens = None if self._is_stock else limits.pack
        log.info("scoring %s: %s", self._choice.shape, self._choice.why)

    def _by_unit(self, kind: str, requests: Sequence[Instance], answer: Callable[..., Sequence[Any]]) -> list[Any]:
        """Run `answer(requests, known, save)` for each unit, over what the store does not hold; answers in order."""
        answers: list[Any] = [None] * len(requests)
        units: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            units.setdefault(unit_of(request.task_name or ""), []).append(index)
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
                found = stored[key] if is_known else value
                answers[i] = tuple(found) if isinstance(found, list) else found
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
            found = self.stock_loglikelihood([requests[i] for i in group])
            for i, value in zip(group, found, strict=True):
                answers[i] = value
            save((i, answers[i]) for i in group)
        return answers

    def stock_loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """lm-eval's own scoring, at half the batch size each time memory runs out."""
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
        """lm-eval's own generation."""
        return super().generate_until(requests, disable_tqdm=True)

    @property
    def _responses(self) -> Responses | None:
        if self._store is None and self._store_path:
            settings = {
                name: value
                for name, value in self.report.as_dict().items()
                if name in ("engine", "engine_version", "dtype", "autocast", "quantization", "max_length", "versions")
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

    def _record(self, requests: Sequence[Instance], found: Verification) -> None:
        tasks = sorted({request.task_name or "" for request in requests})
        self._verified[" ".join([requests[0].request_type, *tasks] if requests else [])] = found
        self.report.verification = all_of(self._verified.values())

    def _note(self) -> None:
        """Keep what this process has found out for one that goes on with its work."""
        if self._responses:
            verified = {name: asdict(found) for name, found in self._verified.items()}
            lots = self._lottery.lowest if self._lottery else []
            self._responses.note(report=self.report.found_out(), verified=verified, lots=lots)

    def _recall(self, notes: Mapping[str, Any]) -> None:
        """Take over what an earlier process of this run has noted; what this one has found out itself stands."""
        for name, value in notes.get("report", {}).items():
            if getattr(self.report, name) is None:
                setattr(self.report, name, value)
        self._verified = {name: Verification(**found) for name, found in notes.get("verified", {}).items()}
        self.report.verification = all_of(self._verified.values())
        if self._lottery:
            self._lottery.lowest = list(notes.get("lots", []))


def fingerprint(pretrained: Any) -> str:
    """Names weights that have no sha: a folder by its files' names, sizes and times; a loaded model by some weights."""
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
    found = getattr(config, "quantization_config", None)
    if found is None:
        return None
    method = found.get("quant_method") if isinstance(found, dict) else getattr(found, "quant_method", None)
    return str(getattr(method, "value", method))


def _is_sampled(request: Instance) -> bool:
    """Whether the request asks for a different answer each time, which must not be stored."""
    return len(request.args) > 1 and isinstance(request.args[1], dict) and bool(request.args[1].get("do_sample"))
