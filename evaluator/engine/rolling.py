"""Greedy generation in a rolling batch: prompts are read as a packed trie, a finished row makes room for the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from evaluator.engine.chain import Chain
from evaluator.engine.jobs import Job, Stops
from evaluator.engine.scorer import Batch, Scorer
from evaluator.engine.tree import Extend, Pack, Tokens, Trie, common_prefix, lay_out, plan_below

Past = list[tuple[torch.Tensor, torch.Tensor]]  # one row's keys and values by layer: [heads, tokens, size]


def run(scorer: Scorer, jobs: Sequence[Job], stops: Stops, emit: Callable[[int, list[int]], None], rows: int) -> None:
    """Generate for every job and `emit(index, tokens)` as each ends, at most `rows` at a time.

    Jobs that may run longest start first, so that few are left running alone at the end.
    """
    reader = _Reader(scorer, [np.array(job.tokens[:-1], dtype=np.int32) for job in jobs])
    batch = _Rows(scorer)
    texts: dict[int, list[int]] = {}
    order = sorted(range(len(jobs)), key=lambda i: (-jobs[i].most, -len(jobs[i].tokens), jobs[i].tokens))
    while order or batch.jobs:
        if order and len(batch.jobs) <= rows * 3 // 4:  # several at a time: reading one costs as much as reading a few
            fresh, order = order[: rows - len(batch.jobs)], order[rows - len(batch.jobs) :]
            batch.admit(fresh, reader.read(fresh), [jobs[i].tokens[-1] for i in fresh])
            texts.update((i, []) for i in fresh)
        ended = []
        for row, token in enumerate(batch.step()):
            index = batch.jobs[row]
            texts[index].append(token)
            if stops.ended(texts[index], jobs[index]):
                ended.append(row)
                emit(index, texts.pop(index))
        batch.drop(ended)


class _Reader:
    """Turns prompts into their pasts; what all prompts share is read once and kept."""

    def __init__(self, scorer: Scorer, prompts: Sequence[Tokens]) -> None:
        self._scorer = scorer
        self._prompts = prompts
        self._chain = Chain(scorer.model)
        low, high = min(prompts, key=lambda p: p.tolist()), max(prompts, key=lambda p: p.tolist())
        self._shared = common_prefix(low, high)  # of the first and last in order, hence of all
        for at in range(0, self._shared, scorer.limits.most):
            self._extend(low, at, min(at + scorer.limits.most, self._shared))

    def read(self, indices: Sequence[int]) -> list[Past]:
        trie = Trie([self._prompts[i] for i in indices])
        pasts: dict[int, Past] = {}
        for step in plan_below(trie, self._scorer.limits, 0, len(trie.sequences), self._shared):
            self._chain.rewind(step.start)
            if isinstance(step, Extend):
                self._extend(trie.sequences[step.first], step.start, step.stop)
            elif isinstance(step, Pack):
                pasts.update(self._read(trie, step))
        self._chain.rewind(self._shared)
        return [pasts[place] for place in trie.where]

    def _read(self, trie: Trie, step: Pack) -> dict[int, Past]:
        cache = self._chain.fork()
        layout = lay_out(trie, step)
        if step.tokens:
            self._forward(layout.tokens, layout.depth, layout.end, cache)
        behind = np.arange(step.start)
        where = {i: torch.from_numpy(np.concatenate([behind, step.start + nodes])) for i, nodes in layout.nodes.items()}
        return {
            i: [
                (layer.keys[0][:, index.to(layer.keys.device)], layer.values[0][:, index.to(layer.keys.device)])
                for layer in cache.layers
            ]
            for i, index in where.items()
        }

    def _extend(self, prompt: Tokens, start: int, stop: int) -> None:
        cache = self._chain.fork()
        self._forward(prompt[start:stop], np.arange(start, stop), None, cache)
        self._chain.grow(cache, stop)

    def _forward(self, tokens: Tokens, depth: np.ndarray, ends: np.ndarray | None, cache: Any) -> None:
        self._scorer.forward(Batch(tokens[None].astype(np.int64), depth[None], [], ends), self._chain, cache)


@dataclass
class _Rows:
    """Rows in flight: pasts padded on the left, so that distances within a row stay true."""

    scorer: Scorer
    jobs: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)  # each row's newest token, not yet forwarded
    lengths: list[int] = field(default_factory=list)  # tokens in each row's past
    cache: Any = None

    @property
    def width(self) -> int:
        return max(self.lengths, default=0)

    def admit(self, jobs: Sequence[int], pasts: Sequence[Past], last: Sequence[int]) -> None:
        """Add rows whose prompts, but for their last tokens, have been read."""
        lengths = [past[0][0].shape[-2] for past in pasts]
        width = max(self.width, *lengths)
        cache = DynamicCache()
        for layer in range(len(pasts[0])):
            keys = [_pad(past[layer][0][None], width) for past in pasts]
            values = [_pad(past[layer][1][None], width) for past in pasts]
            if self.jobs:
                keys.insert(0, _pad(self.cache.layers[layer].keys, width))
                values.insert(0, _pad(self.cache.layers[layer].values, width))
            cache.update(torch.cat(keys), torch.cat(values), layer)
        self.cache = cache
        self.jobs += jobs
        self.last += last
        self.lengths += lengths

    def step(self) -> list[int]:
        """Forward the newest token of every row; the next ones."""
        self.lengths = [length + 1 for length in self.lengths]
        lengths = torch.tensor(self.lengths)
        seen = torch.arange(self.width)[None] >= self.width - lengths[:, None]
        logits = self.scorer.decode(torch.tensor(self.last)[:, None], lengths[:, None] - 1, seen.long(), self.cache)
        self.last = logits.argmax(dim=-1).tolist()
        return list(self.last)

    def drop(self, rows: Sequence[int]) -> None:
        """Let rows go, and with them the padding that only they needed."""
        if not rows:
            return
        keep = [row for row in range(len(self.jobs)) if row not in set(rows)]
        before = self.width
        self.jobs, self.last, self.lengths = ([part[i] for i in keep] for part in (self.jobs, self.last, self.lengths))  # type: ignore[assignment]
        for layer in self.cache.layers if keep else ():
            index = torch.tensor(keep, device=layer.keys.device)
            layer.keys = layer.keys[:, :, before - self.width :].index_select(0, index)
            layer.values = layer.values[:, :, before - self.width :].index_select(0, index)


def _pad(states: torch.Tensor, width: int) -> torch.Tensor:
    """[rows, heads, n, size] → [rows, heads, width, size], zeros on the left."""
    return torch.nn.functional.pad(states, (0, 0, width - states.shape[-2], 0))
