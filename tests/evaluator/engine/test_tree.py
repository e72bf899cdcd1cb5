"""The trie of token sequences and the plans made of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from evaluator.engine.planning.tree import (
    Extend,
    Pack,
    PackLimits,
    PaddedRows,
    Step,
    Trie,
    common_prefix,
    lay_out,
    plan,
)

Prefix = tuple[int, ...]


def make_sequences(seed: int) -> list[np.ndarray]:
    rng = random.Random(seed)
    base = [rng.randrange(5) for _ in range(rng.randrange(1, 60))]
    return [
        np.array(base[: rng.randrange(len(base) + 1)] + [rng.randrange(5) for _ in range(rng.randrange(1, 30))])
        for _ in range(rng.randrange(1, 60))
    ]


def prefixes(sequences: list[np.ndarray]) -> set[Prefix]:
    return {tuple(sequence[: k + 1].tolist()) for sequence in sequences for k in range(len(sequence))}


def forwarded(trie: Trie, step: Step) -> list[Prefix]:
    """What each forwarded token sees, itself included, by the rules of the step."""
    if isinstance(step, Extend):
        path = trie.sequences[step.first].tolist()
        return [tuple(path[: k + 1]) for k in range(step.start, step.stop)]
    if isinstance(step, PaddedRows):
        return [
            tuple(trie.sequences[i][: k + 1].tolist())
            for i in step.members
            for k in range(step.start, len(trie.sequences[i]))
        ]
    layout = lay_out(trie, step)
    chain = trie.sequences[step.first][: step.start].tolist()
    seen = [[k for k in range(q + 1) if q < layout.end[k]] for q in range(step.tokens)]
    return [tuple(chain + layout.tokens[nodes].tolist()) for nodes in seen]


@pytest.mark.parametrize("seed", range(40))
def test_a_packed_plan_forwards_every_prefix_exactly_once_and_shows_it_its_own_past(seed: int) -> None:
    sequences = make_sequences(seed)
    trie = Trie(sequences)
    steps = plan(trie, PackLimits(pack=(1, 5, 20, 100)[seed % 4], most=100))
    found = [prefix for step in steps for prefix in forwarded(trie, step)]
    assert sorted(found) == sorted(prefixes(sequences))
    assert trie.nodes == len(found) == sum(step.tokens for step in steps)


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_in_rows_forwards_every_prefix(seed: int) -> None:
    sequences = make_sequences(seed)
    trie = Trie(sequences)
    found = {prefix for step in plan(trie, PackLimits(50, 100), "rows") for prefix in forwarded(trie, step)}
    assert found == prefixes(sequences)


@pytest.mark.parametrize("shape", ["packed", "rows"])
def test_a_step_starts_at_the_depth_of_the_chain_before_it(shape: str) -> None:
    trie = Trie(make_sequences(3))
    chain: list[int] = []
    for step in plan(trie, PackLimits(8, 16), shape):  # type: ignore[arg-type]
        first = step.members[0] if isinstance(step, PaddedRows) else step.first
        assert chain[: step.start] == trie.sequences[first][: step.start].tolist()
        chain = chain[: step.start]
        if isinstance(step, Extend):
            chain += trie.sequences[first][step.start : step.stop].tolist()


def test_no_forward_is_larger_than_allowed_but_for_a_single_row() -> None:
    trie = Trie([np.arange(500), np.arange(500) * 2])
    assert max(step.tokens for step in plan(trie, PackLimits(16, 64))) <= 64


def test_positions_of_a_pack_are_depths_and_subtrees_end_where_the_next_begins() -> None:
    trie = Trie([np.array([7, 1, 2]), np.array([7, 1, 3]), np.array([7, 4])])
    (pack,) = plan(trie, PackLimits(10, 10))
    assert pack == Pack(first=0, last=3, start=0, tokens=5)
    layout = lay_out(trie, pack)
    assert layout.tokens.tolist() == [7, 1, 2, 3, 4]
    assert layout.depth.tolist() == [0, 1, 2, 2, 1]
    assert layout.end.tolist() == [5, 4, 3, 4, 5]


def test_equal_sequences_share_a_place() -> None:
    same = np.array([1, 2])
    trie = Trie([same, np.array([3]), np.array([1, 2]), same])
    assert trie.where == [0, 1, 0, 0]
    assert trie.nodes == 3


def test_tokens_beyond_a_byte_sort_by_their_value() -> None:
    trie = Trie([np.array([70_000]), np.array([255]), np.array([256])])
    assert [int(sequence[0]) for sequence in trie.sequences] == [255, 256, 70_000]


def test_common_prefix_of_one_inside_the_other() -> None:
    assert common_prefix(np.array([1, 2]), np.array([1, 2, 3])) == 2
    assert common_prefix(np.array([], dtype=np.int32), np.array([1])) == 0


def test_no_sequences_give_an_empty_plan() -> None:
    assert plan(Trie([]), PackLimits(8, 8)) == []
