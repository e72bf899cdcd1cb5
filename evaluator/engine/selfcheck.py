"""The self-check: score a small synthetic tree and choose the fastest execution path that agrees with stock."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from evaluator.engine.planning.tree import PackLimits, ScoringRequest
from evaluator.engine.scoring.chain import cache_argument, is_positional
from evaluator.engine.scoring.scorer import TreeScorer
from evaluator.engine.twin import twin

Shape = Literal["packed", "rows", "stock"]

# allowed difference between two correct paths, in nats of a whole continuation, if stock itself shows no noise
FLOOR = {torch.float32: 5e-5, torch.float64: 5e-5, torch.float16: 0.02, torch.bfloat16: 0.1}
PRECISE = (torch.float32, torch.float64)
LARGE = 1_000_000_000  # parameters of which a forward of a few tokens keeps several threads busy
ANSWERS = 5  # to each question of the small tree
WINDOWS = ("sliding_window", "attention_chunk_size", "attention_window_size")


@dataclass(frozen=True)
class Choice:
    """How a model is scored, and why not faster."""

    shape: Shape
    why: str
    noise: float | None = None  # nats: difference of stock from itself, with two batch sizes
    difference: float | None = None  # nats: difference of the chosen path from stock


def choose_shape(model: Any, device: torch.device, autocast: torch.dtype | None = None, wanted: str = "auto") -> Choice:
    """Score a small tree packed, in rows and with stock; choose the first that agrees with stock.

    A path must agree to float32 precision on the model's twin, which is also a fraction of the work. Weights whose
    rounding differs (16 bits, quantised) must then agree within their own noise; others are checked once.
    """
    if wanted == "stock":
        return Choice("stock", "asked for")
    if model.config.is_encoder_decoder:
        return Choice("stock", "an encoder–decoder reads its whole context first")
    if cache_argument(model) is None:
        return Choice("stock", "its forward takes no past")
    reasons: list[str] = []
    ways = candidates(model, wanted, reasons)
    slack = 1.0
    is_precise = model.dtype in PRECISE and autocast is None and getattr(model, "hf_quantizer", None) is None
    small = twin(model, device)
    if small is not None:
        for way in ways:
            outcome = _trial(small, device, None, way, reasons, "twin: ")
            if outcome and is_precise and agrees_once(model, device, autocast, way):
                why = "; ".join([*reasons, f"within {outcome.difference:.1e} of stock on the self-check"])
                return Choice(way, why, outcome.noise, outcome.difference)
            if not outcome:
                ways = [other for other in ways if other != way]
        slack = 4.0  # what is left to find out is whether these weights load and run: experts may flip, int8 may clip
    elif not is_precise and not is_positional(model.config):
        return Choice("stock", "; ".join([*reasons, "no float32 twin could be built to check rows"]))
    for way in ways:
        outcome = _trial(model, device, autocast, way, reasons, slack=slack)
        if outcome:
            why = "; ".join([*reasons, f"within {outcome.difference:.1e} of stock on the self-check"])
            return Choice(way, why, outcome.noise, outcome.difference)
    return Choice("stock", "; ".join(reasons))


def agrees_once(model: Any, device: torch.device, autocast: torch.dtype | None, way: str) -> bool:
    """Return whether one question of the small tree scores as stock scores its first answer, with the real weights."""
    if way == "stock":
        return True
    with torch.no_grad(), small_windows(model.config), one_thread(device, model):
        queries = small_tree(int(model.config.get_text_config(decoder=True).vocab_size))[:ANSWERS]
        (truth,) = _stock(model, queries[:1], device, autocast, 1)
        try:
            answer = TreeScorer(model, PackLimits(24, 64), way, autocast, device).score(queries)[0]  # type: ignore[arg-type]
        except Exception:  # the whole self-check finds out why
            return False
    dtype = model.dtype if autocast is None else autocast
    return answer is not None and bool(abs(answer[0] - truth) <= 4 * FLOOR.get(dtype, 0.1))


@dataclass(frozen=True)
class _Outcome:
    noise: float
    difference: float


def _trial(
    model: Any,
    device: torch.device,
    autocast: torch.dtype | None,
    way: Literal["packed", "rows"],
    reasons: list[str],
    who: str = "",
    slack: float = 1.0,
) -> _Outcome | None:
    """Score the small tree on one path and compare; add a reason and return None if it fails or disagrees."""
    with torch.no_grad(), small_windows(model.config), one_thread(device, model):
        queries = small_tree(int(model.config.get_text_config(decoder=True).vocab_size))
        truth = _stock(model, queries, device, autocast, 1)
        noise = np.abs(truth - _stock(model, queries, device, autocast, 3))
        try:
            scorer = TreeScorer(model, PackLimits(24, 64), way, autocast, device)
            away = np.abs(np.array([answer[0] for answer in scorer.score(queries) if answer]) - truth)
        except Exception as error:  # an unknown architecture may raise anything: reject this path
            reasons.append(f"{who}{way} failed with {type(error).__name__}: {str(error).partition(chr(10))[0]:.120}")
            return None
    if agrees(away, noise, model.dtype if autocast is None else autocast, slack):
        return _Outcome(float(noise.max()), float(away.max()))
    reasons.append(f"{who}{way} differed from stock by {away.max():.1e}")
    return None


def candidates(model: Any, wanted: str, reasons: list[str]) -> list[Literal["packed", "rows"]]:
    """Return the paths to try, fastest first; add to `reasons` why others are excluded."""
    text = model.config.get_text_config(decoder=True)
    ways: list[Literal["packed", "rows"]] = ["packed", "rows"]
    if not is_positional(model.config):
        reasons.append("a recurrent state cannot look past a neighbour")
        ways.remove("packed")
    elif getattr(text, "alibi", False) or text.model_type in ("bloom", "mpt"):
        reasons.append("ALiBi measures distance in the row")
        ways.remove("packed")
    return [way for way in ways if wanted in ("auto", way)]


def agrees(away: np.ndarray, noise: np.ndarray, dtype: torch.dtype, slack: float = 1.0) -> bool:
    """Return whether differences from stock are within stock's own noise, or too small to matter."""
    floor = FLOOR.get(dtype, 0.1) * slack
    rms = float(np.sqrt((away**2).mean())), float(np.sqrt((noise**2).mean()))
    return (
        bool(np.isfinite(away).all())
        and rms[0] <= max(3 * rms[1], floor / 2)
        and away.max() <= max(5 * noise.max(), floor)
    )


def small_tree(vocabulary: int) -> list[ScoringRequest]:
    """Return three questions after one prompt, with answers of several lengths, one a prefix of another."""
    rng = random.Random(0)

    def some(n: int) -> list[int]:
        return [rng.randrange(min(10, vocabulary // 2), vocabulary) for _ in range(n)]

    prompt, queries = some(44), []
    for length in (9, 17, 5):
        question = prompt + some(length)
        first = some(4)
        for answer in (first, first[:2], some(1), some(5), some(3)):
            tokens = np.array(question + answer, dtype=np.int32)
            queries.append(ScoringRequest(tokens[:-1], tokens[-len(answer) :]))
    return queries


@contextmanager
def one_thread(device: torch.device, model: Any = None) -> Iterator[None]:
    """Compute on one thread: texts of a trial are so short that threads mostly wait for each other.

    A large `model` keeps all of them.
    """
    before = torch.get_num_threads()
    size = 0 if model is None else sum(parameter.numel() for parameter in model.parameters())
    if device.type == "cpu" and size < LARGE:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def small_windows(config: Any, window: int = 16) -> Iterator[None]:
    """Narrow every attention window, so that a tree of a few dozen tokens reaches past it."""
    text = config.get_text_config(decoder=True)
    before = {name: getattr(text, name) for name in WINDOWS if isinstance(getattr(text, name, None), int)}
    for name, value in before.items():
        setattr(text, name, min(window, value))
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(text, name, value)


def _stock(
    model: Any, queries: Sequence[ScoringRequest], device: torch.device, autocast: torch.dtype | None, batch: int
) -> np.ndarray:
    """Return log-likelihoods from plain forwards of whole sequences, `batch` at a time, padded on the right."""
    sums: list[float] = []
    for at in range(0, len(queries), batch):
        some = queries[at : at + batch]
        width = max(len(query.tokens) for query in some)
        tokens = torch.zeros(len(some), width, dtype=torch.long)
        for row, query in enumerate(some):
            tokens[row, : len(query.tokens)] = torch.from_numpy(query.tokens)
        with torch.autocast(device_type=device.type, dtype=autocast, enabled=autocast is not None):
            logits = model(tokens.to(device)).logits
        for row, query in enumerate(some):
            scored = logits[row, len(query.tokens) - len(query.targets) : len(query.tokens)]
            chances = torch.log_softmax(scored, dim=-1, dtype=torch.float32).cpu()
            sums.append(float(chances[range(len(query.targets)), query.targets.astype(np.int64)].sum()))
    return np.array(sums)
