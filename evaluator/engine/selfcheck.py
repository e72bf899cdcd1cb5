"""Before anything is scored, a small made-up tree is: the fastest way that agrees with stock on it is used."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from evaluator.engine.chain import cache_argument, is_positional
from evaluator.engine.scorer import Scorer
from evaluator.engine.tree import Limits, Query
from evaluator.engine.twin import twin

Shape = Literal["packed", "rows", "stock"]

# what two correct ways may differ by, in nats of a whole continuation, when stock itself shows no noise at all
FLOOR = {torch.float32: 5e-5, torch.float64: 5e-5, torch.float16: 0.02, torch.bfloat16: 0.1}
PRECISE = (torch.float32, torch.float64)
WINDOWS = ("sliding_window", "attention_chunk_size", "attention_window_size")


@dataclass(frozen=True)
class Choice:
    """How a model is scored, and why not faster."""

    shape: Shape
    why: str
    noise: float | None = None  # nats: what stock differs from itself by, in two batch sizes
    difference: float | None = None  # nats: what the chosen way differs from stock by


def choose(model: Any, device: torch.device, autocast: torch.dtype | None = None, wanted: str = "auto") -> Choice:
    """Score a small tree packed, in rows and the stock way; the first that agrees with stock is chosen.

    A 16-bit model's rounding could hide a mistake, so a way must first agree to float32 precision on the model's twin.
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
    if model.dtype not in PRECISE or autocast is not None:
        small = twin(model, device)
        if small is not None:
            ways = [way for way in ways if _trial(small, device, None, way, reasons, "twin: ")]
            slack = (
                4.0  # what is left to find out is whether these weights load and run: experts may flip, int8 may clip
            )
        elif not is_positional(model.config):
            return Choice("stock", "; ".join([*reasons, "no float32 twin could be built to check rows"]))
    for way in ways:
        found = _trial(model, device, autocast, way, reasons, slack=slack)
        if found:
            why = "; ".join([*reasons, f"within {found.difference:.1e} of stock on the self-check"])
            return Choice(way, why, found.noise, found.difference)
    return Choice("stock", "; ".join(reasons))


@dataclass(frozen=True)
class _Found:
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
) -> _Found | None:
    """Score the small tree one way and compare; None, with a reason added, if it fails or disagrees."""
    with torch.no_grad(), small_windows(model.config):
        queries = small_tree(int(model.config.get_text_config(decoder=True).vocab_size))
        truth = _stock(model, queries, device, autocast, 1)
        noise = np.abs(truth - _stock(model, queries, device, autocast, 3))
        try:
            scorer = Scorer(model, Limits(24, 64), way, autocast, device)
            away = np.abs(np.array([answer[0] for answer in scorer.score(queries) if answer]) - truth)
        except Exception as error:  # whatever an unknown architecture raises means: not this way
            reasons.append(f"{who}{way} failed with {type(error).__name__}: {str(error).partition(chr(10))[0]:.120}")
            return None
    if agrees(away, noise, model.dtype if autocast is None else autocast, slack):
        return _Found(float(noise.max()), float(away.max()))
    reasons.append(f"{who}{way} differed from stock by {away.max():.1e}")
    return None


def candidates(model: Any, wanted: str, reasons: list[str]) -> list[Literal["packed", "rows"]]:
    """Ways worth trying, fastest first; adds to `reasons` what rules one out beforehand."""
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
    """Whether differences from stock are what stock shows from itself, or too small to matter."""
    floor = FLOOR.get(dtype, 0.1) * slack
    rms = float(np.sqrt((away**2).mean())), float(np.sqrt((noise**2).mean()))
    return (
        bool(np.isfinite(away).all())
        and rms[0] <= max(3 * rms[1], floor / 2)
        and away.max() <= max(5 * noise.max(), floor)
    )


def small_tree(vocabulary: int) -> list[Query]:
    """Three questions behind one prompt, each with answers of several lengths, one the beginning of another."""
    rng = random.Random(0)

    def some(n: int) -> list[int]:
        return [rng.randrange(min(10, vocabulary // 2), vocabulary) for _ in range(n)]

    prompt, queries = some(44), []
    for length in (9, 17, 5):
        question = prompt + some(length)
        first = some(4)
        for answer in (first, first[:2], some(1), some(5), some(3)):
            tokens = np.array(question + answer, dtype=np.int32)
            queries.append(Query(tokens[:-1], tokens[-len(answer) :]))
    return queries


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
    model: Any, queries: Sequence[Query], device: torch.device, autocast: torch.dtype | None, batch: int
) -> np.ndarray:
    """Log-likelihoods from plain forwards of whole sequences, `batch` at a time, padded on the right."""
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
