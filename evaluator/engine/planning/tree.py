"""Build a trie of token sequences and plan forward passes that compute every token once. Does not import torch.

In sorted order the longest common prefixes of neighbours *are* the trie. One path of it is kept as the cached chain;
whatever hangs off the chain is laid depth-first into one unpadded row (`Pack`), or as padded rows (`PaddedRows`) for
architectures that cannot look past a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Tokens = np.ndarray  # one dimension, int32


@dataclass(frozen=True)
class ScoringRequest:
    """One log-likelihood request in tokens: run `tokens`; the last `len(targets)` positions predict `targets`."""

    tokens: Tokens
    targets: Tokens


@dataclass(frozen=True)
class PackLimits:
    """How much goes into one forward, in tokens: `pack` is aimed at, `most` never passed."""

    pack: int
    most: int


@dataclass(frozen=True)
class Extend:
    """Grow the chain from depth `start` to `stop`, a path that the sequences `first … last-1` share."""

    first: int
    last: int
    start: int
    stop: int

    @property
    def tokens(self) -> int:
        """The number of tokens to forward."""
        return self.stop - self.start


@dataclass(frozen=True)
class Pack:
    """Forward what the sequences `first … last-1` have below depth `start`, as one row; the chain stays as it is."""

    first: int
    last: int
    start: int
    tokens: int


@dataclass(frozen=True)
class PaddedRows:
    """Forward each of `members` below depth `start` as a row of its own, padded to the longest."""

    members: tuple[int, ...]
    start: int
    tokens: int  # padding not counted


Step = Extend | Pack | PaddedRows


class Trie:
    """Distinct sequences in sorted order, with the common prefix of each with the one before."""

    def __init__(self, sequences: Sequence[Tokens]) -> None:
        """Sort the sequences; `where[i]` is the index in `self.sequences` of the i-th given sequence."""
        arrays = {id(tokens): tokens for tokens in sequences}  # many requests share one array
        keys = {name: np.ascontiguousarray(tokens, dtype=">u4").tobytes() for name, tokens in arrays.items()}
        some = {key: name for name, key in keys.items()}
        place = {key: rank for rank, key in enumerate(sorted(some))}  # big-endian bytes sort as their tokens do
        self.where: list[int] = [place[keys[id(tokens)]] for tokens in sequences]
        self.sequences: list[Tokens] = [np.asarray(arrays[some[key]], dtype=np.int32) for key in place]
        self.lengths = np.array([len(tokens) for tokens in self.sequences], dtype=np.int64)
        self.common = np.zeros(len(self.sequences), dtype=np.int64)
        for i in range(1, len(self.sequences)):
            self.common[i] = common_prefix(self.sequences[i - 1], self.sequences[i])
        self._new = np.concatenate([[0], np.cumsum(self.lengths - self.common)])

    @property
    def nodes(self) -> int:
        """Distinct prefixes of the sequences: the fewest tokens that any exact scorer can forward."""
        return int(self._new[-1])

    def fresh(self, first: int, last: int, depth: int) -> int:
        """Return the number of distinct prefixes longer than `depth` of the sequences `first … last-1`."""
        return int(self._new[last] - self._new[first + 1] + self.lengths[first] - depth)


def plan(trie: Trie, limits: PackLimits, shape: Literal["packed", "rows"] = "packed") -> list[Step]:
    """Return the forwards that cover the trie, in depth-first order: packed ones repeat under 1 % of its tokens.

    A step starting at depth d finds the chain holding the first d tokens of its first sequence, put there by the
    `Extend` steps before it.
    """
    steps = plan_below if shape == "packed" else _rows
    return list(steps(trie, limits, 0, len(trie.sequences), 0)) if trie.sequences else []


def plan_below(trie: Trie, limits: PackLimits, first: int, last: int, depth: int) -> Iterator[Step]:
    """Yield packed steps for the sequences `first … last-1`, whose first `depth` tokens are the chain."""
    total = trie.fresh(first, last, depth)
    if total <= limits.pack:
        yield Pack(first, last, depth, total)
        return
    slack = limits.pack // 512  # a cut this close to the chain repeats so little that a longer chain is not worth it
    shared = int(trie.common[first + 1 : last].min()) if last - first > 1 else int(trie.lengths[first])
    if last - first == 1:
        while trie.lengths[first] - depth > limits.most:
            yield Extend(first, last, depth, depth + limits.most)
            depth += limits.most
        yield Pack(first, last, depth, trie.fresh(first, last, depth))
        return
    if shared > depth + slack:
        yield from _chain(first, last, depth, shared, limits.most)
        depth = shared
    cuts = [first, *(first + 1 + np.flatnonzero(trie.common[first + 1 : last] <= depth + slack)).tolist(), last]
    begin = 0
    for at in range(1, len(cuts)):
        if at + 1 < len(cuts) and trie.fresh(cuts[begin], cuts[at + 1], depth) <= limits.pack:
            continue  # the next child still fits
        inside = trie.fresh(cuts[begin], cuts[at], depth)
        if inside <= limits.most:
            yield Pack(cuts[begin], cuts[at], depth, inside)
        else:
            yield from plan_below(trie, limits, cuts[begin], cuts[at], depth)
        begin = at


def common_prefix(one: Tokens, other: Tokens) -> int:
    """Return how many leading tokens are equal."""
    n = min(len(one), len(other))
    differs = one[:n] != other[:n]
    at = int(differs.argmax()) if n else 0
    return at if n and differs[at] else n


@dataclass(frozen=True)
class Layout:
    """A pack laid out depth-first behind a chain of `start` tokens; arrays have one entry a node."""

    start: int
    tokens: Tokens
    depth: np.ndarray  # positions: a node's distance from the root
    end: np.ndarray  # node k is seen by the nodes q with k <= q < end[k]
    nodes: dict[int, np.ndarray]  # sequence → its nodes from depth `start` on

    def node(self, sequence: int, depth: int) -> int:
        """Return the index of a sequence's node at a depth."""
        return int(self.nodes[sequence][depth - self.start])


def lay_out(trie: Trie, step: Pack) -> Layout:
    """Return the nodes of a pack in depth-first order, with the end of each node's subtree."""
    depth_of, token_of, nodes = [], [], {}
    end = np.full(step.tokens, step.tokens, dtype=np.int64)
    path = np.zeros(0, dtype=np.int64)  # the nodes from depth `start` on of the sequence laid last
    count = 0
    for i in range(step.first, step.last):
        keep = 0 if i == step.first else int(trie.common[i]) - step.start
        fresh = np.arange(count, count + trie.lengths[i] - step.start - keep)
        end[path[keep:]] = count
        path = np.concatenate([path[:keep], fresh])
        nodes[i] = path
        token_of.append(trie.sequences[i][step.start + keep :])
        depth_of.append(np.arange(step.start + keep, trie.lengths[i]))
        count += len(fresh)
    assert count == step.tokens, "the planner and the layout count alike"
    return Layout(step.start, np.concatenate(token_of), np.concatenate(depth_of), end, nodes)


def _rows(trie: Trie, limits: PackLimits, first: int, last: int, depth: int) -> Iterator[Step]:
    """Yield steps of padded rows, which share only the chain; extend it if that saves more than a forward costs."""
    worth = 64  # tokens that a forward of its own must save
    shared = int(trie.common[first + 1 : last].min()) if last - first > 1 else int(trie.lengths[first])
    if last - first > 1 and (shared - depth) * (last - first - 1) >= worth:
        yield from _chain(first, last, depth, shared, limits.most)
        depth = shared
    cuts = [first, *(first + 1 + np.flatnonzero(trie.common[first + 1 : last] <= depth)).tolist(), last]
    loose: list[int] = []
    for a, b in pairwise(cuts):
        saves = (int(trie.common[a + 1 : b].min()) - depth) * (b - a - 1) if b - a > 1 else 0
        if saves >= worth:
            yield from _rows(trie, limits, a, b, depth)
        else:
            loose.extend(range(a, b))
    loose.sort(key=lambda i: (-int(trie.lengths[i]), i))
    while loose:
        longest = int(trie.lengths[loose[0]]) - depth
        count = max(1, limits.pack // max(1, longest))
        batch, loose = loose[:count], loose[count:]
        yield PaddedRows(tuple(batch), depth, int(sum(trie.lengths[i] - depth for i in batch)))


def _chain(first: int, last: int, start: int, stop: int, most: int) -> Iterator[Extend]:
    for at in range(start, stop, most):
        yield Extend(first, last, at, min(at + most, stop))
