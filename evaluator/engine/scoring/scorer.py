"""Run a plan: forward each token of the trie once, and apply the LM head only to scored positions."""

from __future__ import annotations

import inspect
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from evaluator.engine.planning.memory import free_memory, is_out_of_memory
from evaluator.engine.planning.tree import (
    Extend,
    Pack,
    PackLimits,
    PaddedRows,
    ScoringRequest,
    Step,
    Trie,
    lay_out,
    plan,
    plan_below,
)
from evaluator.engine.scoring import masks
from evaluator.engine.scoring.blocks import in_blocks
from evaluator.engine.scoring.chain import Chain, cache_argument, unwrapped

log = logging.getLogger(__name__)
Answer = tuple[float, bool]  # the sum of the targets' log-probabilities; whether each is the most likely token


@dataclass
class ScoringWork:
    """Counts of the computed work, for reports and for tests that do not measure time."""

    forwards: int = 0
    tokens: int = 0  # forwarded, padding included
    scored: int = 0  # positions that went through the LM head
    halvings: int = 0  # times that memory ran out and the pack was halved


@dataclass(frozen=True)
class ForwardBatch:
    """One forward: `tokens` and `positions` are [rows, length]; `wanted`: (place in the flat batch, query, offset)."""

    tokens: np.ndarray
    positions: np.ndarray
    wanted: list[tuple[int, int, int]]
    ends: np.ndarray | None = None  # subtree ends of a packed row


class TreeScorer:
    """Scores queries on a causal model over the trie of their tokens."""

    def __init__(
        self,
        model: Any,
        limits: PackLimits,
        shape: Literal["packed", "rows"] = "packed",
        autocast: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.model = model
        self.limits = limits
        self.shape: Literal["packed", "rows"] = shape
        self.work = ScoringWork()
        self._autocast = autocast
        self._device = device or model.device
        self._takes_positions = "position_ids" in inspect.signature(unwrapped(model).forward).parameters
        self._head = model.get_output_embeddings()

    def score(
        self,
        queries: Sequence[ScoringRequest],
        known: Sequence[bool] | None = None,
        finished: Callable[[list[tuple[int, Answer]]], None] = lambda answers: None,
    ) -> list[Answer | None]:
        """Return one answer per query; None if it is marked as `known`.

        The forwards depend on all queries, known or not, so that a resumed run repeats bit for bit what an
        uninterrupted one computes. `finished` is called with (index, answer) pairs after every forward that ends any.
        """
        return _Run(self, queries, known or [False] * len(queries), finished).run()

    @torch.no_grad()
    def forward(self, batch: ForwardBatch, chain: Chain, cache: Any) -> torch.Tensor:
        """Return logits at the scored places, one row each: [distinct places, vocabulary]."""
        places = torch.tensor(sorted({place for place, _, _ in batch.wanted}) or [batch.tokens.size - 1])
        depth = torch.from_numpy(batch.positions).to(self._device)
        arguments: dict[str, Any] = {str(chain.argument): cache, "use_cache": True}
        if self._takes_positions:
            arguments["position_ids"] = depth
        mask: Any = nullcontext()
        if batch.ends is not None:
            mask = masks.packed(depth[0], torch.from_numpy(batch.ends).to(self._device), chain.depth)
        block = min(128, max(8, self.limits.pack // 8))  # fewer queries leave out more, but keep a kernel less busy
        with mask, in_blocks(self._device, block), self._precision(), only_at(self._head, places) as narrowed:
            logits = self.model(torch.from_numpy(batch.tokens).to(self._device), **arguments).logits
        self.work.forwards += 1
        self.work.tokens += batch.tokens.size
        self.work.scored += len(places)
        return logits[0] if narrowed() else logits.flatten(0, 1)[places.to(logits.device)]

    @torch.no_grad()
    def decode(self, tokens: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, cache: Any) -> torch.Tensor:
        """Return next-token logits [rows, vocabulary]; `tokens`, `positions`: [rows, 1]; `seen`: [rows, width]."""
        arguments: dict[str, Any] = {
            "attention_mask": seen.to(self._device),
            str(cache_argument(self.model)): cache,
            "use_cache": True,
        }
        if self._takes_positions:
            arguments["position_ids"] = positions.to(self._device)
        with self._precision():
            logits = self.model(tokens.to(self._device), **arguments).logits[:, -1]
        self.work.forwards += 1
        self.work.tokens += tokens.numel()
        return logits

    def _precision(self) -> Any:
        enabled = self._autocast is not None
        return torch.autocast(device_type=self._device.type, dtype=self._autocast, enabled=enabled)


@dataclass
class _Run:
    """The state of one pass over a plan."""

    scorer: TreeScorer
    queries: Sequence[ScoringRequest]
    known: Sequence[bool]
    finished: Callable[[list[tuple[int, Answer]]], None]
    answers: list[Answer | None] = field(default_factory=list)

    def run(self) -> list[Answer | None]:
        queries = self.queries
        self.answers = [None] * len(queries)
        self.trie = Trie([query.tokens for query in queries])
        self.of: dict[int, list[int]] = defaultdict(list)  # sequence → its queries
        for index, place in enumerate(self.trie.where):
            self.of[place].append(index)
        lengths = self.trie.lengths
        self.scored_from = np.array(  # depth of the first position that any query of the sequence scores
            [lengths[i] - max(len(queries[q].targets) for q in self.of[i]) for i in range(len(lengths))], dtype=np.int64
        )
        self.logps = [np.zeros(len(query.targets), dtype=np.float32) for query in queries]
        self.greedy = [True] * len(queries)
        self.missing = [0 if done else len(query.targets) for query, done in zip(queries, self.known, strict=True)]
        self.chain = Chain(self.scorer.model)
        self.waiting: list[Extend] = []  # the chain as planned; `chain.depth` tells how much of it is computed
        for step in plan(self.trie, self.scorer.limits, self.scorer.shape):
            self._take(step)
        return self.answers

    def _take(self, step: Step) -> None:
        self.waiting = [extend for extend in self.waiting if extend.stop <= step.start]
        self.chain.rewind(step.start)
        if isinstance(step, Extend):
            self.waiting.append(step)
            if any(self.missing[q] for _, q, _ in self._wanted(range(step.first, step.last), step.start, step.stop)):
                self._reach(step.stop)
            return
        members = range(step.first, step.last) if isinstance(step, Pack) else step.members
        if any(self.missing[q] for i in members for q in self.of[i]):
            self._reach(step.start)
            self._compute(step)

    def _reach(self, depth: int) -> None:
        """Compute the missing part of the chain up to `depth`."""
        for extend in self.waiting:
            if self.chain.depth < extend.stop <= depth:
                self._compute(extend)

    def _compute(self, step: Step) -> None:
        parts: list[Step] = []
        try:
            batch = self._batch(step)
            cache = self.chain.fork(len(batch.tokens))
            self._record(batch, self.scorer.forward(batch, self.chain, cache))
            if isinstance(step, Extend):
                self.chain.grow(cache, step.stop)
        except Exception as error:
            parts = halves(self.trie, step) if is_out_of_memory(error) else []
            if not parts:
                raise
        if parts:  # outside the handler: the failed forward's tensors live as long as its traceback
            self._split_step(parts, step)

    def _split_step(self, parts: Sequence[Step], step: Step) -> None:
        """Compute a step that ran out of memory in parts, and make later plans smaller."""
        free_memory()
        half = max(1, step.tokens // 2)
        self.scorer.limits = PackLimits(min(half, self.scorer.limits.pack), min(half, self.scorer.limits.most))
        self.scorer.work.halvings += 1
        log.warning("out of memory with %d tokens in one forward: continuing with half as many", step.tokens)
        for part in parts:
            if isinstance(step, Extend):
                self._compute(part)
            else:
                self._take(part)

    def _batch(self, step: Step) -> ForwardBatch:
        if isinstance(step, Extend):
            tokens = self.trie.sequences[step.first][step.start : step.stop]
            scored = self._wanted(range(step.first, step.last), step.start, step.stop)
            wanted = [(depth - step.start, q, offset) for depth, q, offset in scored]
            return ForwardBatch(tokens[None].astype(np.int64), np.arange(step.start, step.stop)[None], wanted)
        if isinstance(step, Pack):
            layout = lay_out(self.trie, step)
            wanted = [
                (layout.node(self.trie.where[q], depth), q, offset)
                for depth, q, offset in self._wanted(range(step.first, step.last), step.start, None)
            ]
            return ForwardBatch(layout.tokens[None].astype(np.int64), layout.depth[None], wanted, layout.end)
        length = int(self.trie.lengths[list(step.members)].max()) - step.start
        tokens = np.zeros(
            (len(step.members), length), dtype=np.int64
        )  # padded on the right: a causal model never sees it
        wanted = []
        for row, i in enumerate(step.members):
            tokens[row, : self.trie.lengths[i] - step.start] = self.trie.sequences[i][step.start :]
            for depth, q, offset in self._wanted((i,), step.start, None):
                wanted.append((row * length + depth - step.start, q, offset))
        positions = np.broadcast_to(np.arange(step.start, step.start + length), tokens.shape).copy()
        return ForwardBatch(tokens, positions, wanted)

    def _wanted(self, sequences: Sequence[int], start: int, stop: int | None) -> Iterator[tuple[int, int, int]]:
        """Yield (depth, query, offset of the target) of the positions that these sequences score between two depths."""
        reach = np.asarray(sequences)
        if stop is not None:
            reach = reach[self.scored_from[reach] < stop]
        for i in reach.tolist():
            length = int(self.trie.lengths[i])
            for q in self.of[i]:
                first = length - len(self.queries[q].targets)
                for depth in range(max(first, start), length if stop is None else min(length, stop)):
                    yield depth, q, depth - first

    def _record(self, batch: ForwardBatch, logits: torch.Tensor) -> None:
        """Read the targets off the logits; float32 softmax, a few rows at a time, as a vocabulary can be large."""
        if not batch.wanted:
            return
        row_of = {place: row for row, place in enumerate(sorted({place for place, _, _ in batch.wanted}))}
        rows = torch.tensor([row_of[place] for place, _, _ in batch.wanted], device=logits.device)
        targets = torch.tensor([int(self.queries[q].targets[k]) for _, q, k in batch.wanted], device=logits.device)
        values = torch.empty(len(rows), dtype=torch.float32, device=logits.device)
        best = torch.empty(len(logits), dtype=torch.long, device=logits.device)
        for at in range(0, len(logits), 128):
            some = ((rows >= at) & (rows < at + 128)).nonzero()[:, 0]
            chances = torch.log_softmax(logits[at : at + 128], dim=-1, dtype=torch.float32)
            values[some] = chances[rows[some] - at, targets[some]]
            best[at : at + 128] = chances.argmax(dim=-1)
        greedy = (best[rows] == targets).tolist()
        complete: list[tuple[int, Answer]] = []
        for (_, q, offset), value, is_best in zip(batch.wanted, values.tolist(), greedy, strict=True):
            if not self.missing[q]:
                continue
            self.logps[q][offset] = value
            self.greedy[q] &= is_best
            self.missing[q] -= 1
            if not self.missing[q]:
                answer = (float(torch.from_numpy(self.logps[q]).sum()), self.greedy[q])
                self.answers[q] = answer
                complete.append((q, answer))
        if complete:
            self.finished(complete)


def halves(trie: Trie, step: Step) -> list[Step]:
    """Return the same work in smaller steps; empty if it cannot be smaller."""
    half = step.tokens // 2
    if half == 0:
        return []
    if isinstance(step, Extend):
        middle = step.start + half
        return [replace(step, stop=middle), replace(step, start=middle)]
    if isinstance(step, Pack):
        return list(plan_below(trie, PackLimits(half, half), step.first, step.last, step.start))
    middle = len(step.members) // 2
    return [_rows_of(trie, part, step.start) for part in (step.members[:middle], step.members[middle:]) if middle]


def _rows_of(trie: Trie, members: tuple[int, ...], start: int) -> PaddedRows:
    return PaddedRows(members, start, int(sum(trie.lengths[i] - start for i in members)))


@contextmanager
def only_at(head: torch.nn.Module | None, places: torch.Tensor) -> Iterator[Callable[[], bool]]:
    """Apply the LM head only to these places of the flattened batch; yield a function that returns whether it ran.

    Models scale or cap logits after the head, so this narrows its input and leaves the rest of the forward alone.
    """
    seen = False

    def narrow(_: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal seen
        seen = True
        hidden = arguments[0].flatten(0, 1)
        return (hidden[places.to(hidden.device)][None], *arguments[1:])

    if head is None:
        yield lambda: False
        return
    hook = head.register_forward_pre_hook(narrow)
    try:
        yield lambda: seen
    finally:
        hook.remove()
