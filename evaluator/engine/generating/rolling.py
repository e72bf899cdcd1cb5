"""Greedy generation in a rolling batch: prompts are read as a packed trie, and new rows replace finished ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from evaluator.engine.generating.jobs import GenerationJob, Stops
from evaluator.engine.planning.tree import Extend, Pack, Tokens, Trie, common_prefix, lay_out, plan_below
from evaluator.engine.report import NotFiniteError
from evaluator.engine.scoring.chain import Chain
from evaluator.engine.scoring.scorer import ForwardBatch, TreeScorer

Past = list[tuple[torch.Tensor, torch.Tensor]]  # one row's keys and values by layer: [heads, tokens, size]


def run(
    scorer: TreeScorer, jobs: Sequence[GenerationJob], stops: Stops, emit: Callable[[int, list[int]], None], rows: int
) -> None:
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
        logits = batch.logits()
        for row, token in enumerate(_likeliest(logits)):
            index = batch.jobs[row]
            job, text = jobs[index], texts[index]
            batch.last[row] = job.pick([*job.tokens, *text], logits[row : row + 1]) if job.pick else token
            text.append(batch.last[row])
            if stops.ended(texts[index], jobs[index]):
                ended.append(row)
                emit(index, texts.pop(index))
        batch.drop(ended)


def _likeliest(logits: torch.Tensor) -> list[int]:
    """Return the likeliest token of each row; raise NotFiniteError if a row contains NaN, which is then its maximum."""
    best = logits.max(dim=-1)
    if best.values.isnan().any():
        raise NotFiniteError("The model returned NaN while generating.")
    return best.indices.tolist()  # type: ignore[no-any-return]


class _Reader:
    """Computes the caches of prompts; their common prefix is read once and kept."""

    def __init__(self, scorer: TreeScorer, prompts: Sequence[Tokens]) -> None:
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
        self._scorer.forward(ForwardBatch(tokens[None].astype(np.int64), depth[None], [], ends), self._chain, cache)


AHEAD = 128  # tokens that a text may grow before its past is moved


class _Rows:
    """Rows being generated: their caches end in the same column, so that distances within a row are correct."""

    def __init__(self, scorer: TreeScorer) -> None:
        self.jobs: list[int] = []
        self._scorer = scorer
        self.last: list[int] = []  # each row's newest token, not yet forwarded
        self._lengths: list[int] = []  # tokens in each row's past
        self._layers: list[_Layer] = []
        self._cache = DynamicCache()

    def admit(self, jobs: Sequence[int], pasts: Sequence[Past], last: Sequence[int]) -> None:
        """Add rows whose prompts, but for their last tokens, have been read."""
        rows = len(self.jobs)
        self.jobs += jobs
        self.last += last
        self._lengths += [past[0][0].shape[-2] for past in pasts]
        if not self._layers:
            self._layers = [_Layer(keys, values) for keys, values in pasts[0]]
            self._cache.layers = list(self._layers)
        self._fit()
        for row, past in enumerate(pasts, rows):
            for layer, (keys, values) in zip(self._layers, past, strict=True):
                layer.put(row, keys, values)

    def logits(self) -> torch.Tensor:
        """Forward the newest token of every row; return the logits of the next: [rows, vocabulary].

        The caller sets `last` to the tokens that it chooses.
        """
        self._fit()
        self._lengths = [length + 1 for length in self._lengths]
        lengths, width = torch.tensor(self._lengths), max(self._lengths)
        seen = torch.arange(width)[None] >= width - lengths[:, None]
        logits = self._scorer.decode(torch.tensor(self.last)[:, None], lengths[:, None] - 1, seen.long(), self._cache)
        for layer in self._layers:
            layer.grow()
        return logits

    def drop(self, rows: Sequence[int]) -> None:
        """Remove rows; the last rows take their places."""
        for row in sorted(rows, reverse=True):
            for layer in self._layers:
                layer.move(len(self.jobs) - 1, row)
            for part in (self.jobs, self.last, self._lengths):
                part[row] = part[-1]
                part.pop()

    def _fit(self) -> None:
        for layer in self._layers:
            layer.fit(len(self.jobs), max(self._lengths, default=0))


class _Layer(DynamicLayer):
    """One layer's pasts in a buffer of [rows, heads, columns, size]: a token more is written, nothing is copied."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """For pasts like these: [heads, tokens, size]."""
        super().__init__()
        self.end = self._rows = self._width = 0
        self.keys, self.values = (states.new_zeros(0, len(states), 0, states.shape[-1]) for states in (keys, values))
        self.is_initialized = True

    def fit(self, rows: int, width: int) -> None:
        """Show `rows` rows of `width` columns, with room for a token more; a move makes room for many."""
        if rows > len(self.keys) or width > self.end or self.end == self.keys.shape[-2]:
            self.keys, self.values = (self._moved(states, rows, width) for states in (self.keys, self.values))
            self.end = width
        self._rows, self._width = rows, width

    def put(self, row: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        columns = slice(self.end - keys.shape[-2], self.end)
        self.keys[row, :, columns], self.values[row, :, columns] = keys, values

    def grow(self) -> None:
        """Count the token that `update` has written."""
        self.end, self._width = self.end + 1, self._width + 1

    def move(self, source: int, target: int) -> None:
        if source != target:
            columns = slice(self.end - self._width, self.end)
            for states in (self.keys, self.values):
                states[target, :, columns] = states[source, :, columns]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        columns = slice(self.end - self._width, self.end + 1)
        self.keys[: self._rows, :, self.end] = key_states[:, :, 0]
        self.values[: self._rows, :, self.end] = value_states[:, :, 0]
        return self.keys[: self._rows, :, columns], self.values[: self._rows, :, columns]

    def get_seq_length(self) -> int:
        return self._width

    def _moved(self, states: torch.Tensor, rows: int, width: int) -> torch.Tensor:
        """Copy the current columns to the start of a larger buffer; masked entries must be numbers, hence zeros."""
        rows, keep = max(rows, len(states)), min(width, self.end)
        moved = states.new_zeros(rows, states.shape[1], width + AHEAD, states.shape[-1])
        moved[: len(states), :, width - keep : width] = states[:, :, self.end - keep : self.end]
        return moved
