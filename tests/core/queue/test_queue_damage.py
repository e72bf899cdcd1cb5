"""A damaged file of a queue costs itself: it is named, and everything else goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from src.core.errors import CorruptError
from src.core.lifecycle import Status
from src.core.queue import Queue, request_key
from src.core.store import LocalStore
from tests.boards.requests import ask, claimed
from tests.core.damage import DAMAGES, delete, empty
from tests.doubles.clock import Clock

SHA = "a" * 40


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Queue:
    """A queue in which `org/done` is finished, `org/bad` and `org/good` wait, and bob voted for both."""
    queue = Queue(LocalStore(tmp_path, clock=clock.moment))
    queue.submit(ask("org/done"))
    queue.finish(claimed(queue), ["results/done.json"])
    for model in ("org/bad", "org/good"):
        queue.submit(ask(model))
        queue.vote(model, SHA, "bob")
    return queue


def restarted(tmp_path: Path, clock: Clock) -> Queue:
    return Queue(LocalStore(tmp_path, clock=clock.moment))


def file_of(tmp_path: Path, model: str, kind: str) -> Path:
    key = request_key(ask(model))
    return next((tmp_path / "requests" / "queue" / key[:2] / key).glob(f"{kind}.*"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_request_costs_itself_and_others_are_claimed(
    queue: Queue, tmp_path: Path, clock: Clock, damage: Callable[[Path], None]
) -> None:
    file = file_of(tmp_path, "org/bad", "request")
    damage(file)
    again = restarted(tmp_path, clock)
    state = again.snapshot()
    assert {entry.request.model for entry in state.standings.values()} == {"org/done", "org/good"}
    assert len(state.problems) == 1
    assert file.name in state.problems[0]
    assert claimed(again).request.model == "org/good"
    # who has read it before goes on with it
    assert {entry.request.model for entry in queue.snapshot().waiting} == {"org/bad"}


def test_a_request_that_is_submitted_again_takes_the_place_of_its_damaged_file(
    queue: Queue, tmp_path: Path, clock: Clock
) -> None:
    empty(file_of(tmp_path, "org/bad", "request"))
    again = restarted(tmp_path, clock)
    assert again.snapshot().problems
    clock.tick(1)
    receipt = again.submit(ask("org/bad"))
    assert receipt.standing.status is Status.PENDING
    assert request_key(ask("org/bad")) in restarted(tmp_path, clock).snapshot()


def test_a_file_that_was_put_back_counts_again(queue: Queue, tmp_path: Path, clock: Clock) -> None:
    file = file_of(tmp_path, "org/bad", "request")
    data = file.read_bytes()
    empty(file)
    again = restarted(tmp_path, clock)
    assert len(again.snapshot().waiting) == 1
    file.write_bytes(data)
    clock.tick(120)
    state = again.snapshot()
    assert len(state.waiting) == 2
    assert state.problems == ()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["claim", "done"])
def test_what_happened_is_known_from_names_though_bodies_are_damaged(
    queue: Queue, tmp_path: Path, clock: Clock, damage: Callable[[Path], None], kind: str
) -> None:
    file = file_of(tmp_path, "org/done", kind)
    damage(file)
    again = restarted(tmp_path, clock)
    key = request_key(ask("org/done"))
    assert again.snapshot()[key].status is Status.FINISHED
    again.results(key)
    assert all(file.name in problem for problem in again.snapshot().problems)
    assert again.tidy(older_than=timedelta(seconds=-1)) == (1 if kind == "claim" else 0)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_votes_cost_votes_and_nothing_is_written_over_them(
    queue: Queue, tmp_path: Path, clock: Clock, damage: Callable[[Path], None]
) -> None:
    file = tmp_path / "votes" / "votes_data.jsonl"
    whole = file.read_bytes()
    damage(file)
    again = restarted(tmp_path, clock)
    state = again.snapshot()
    assert len(state.waiting) == 2
    if damage is delete:  # a file that may be replaced has a second name
        assert [entry.votes for entry in state.waiting] == [1, 1]
        assert file.read_bytes() == whole
        return
    assert any("votes/votes_data.jsonl" in problem for problem in state.problems)
    with pytest.raises(CorruptError, match="Votes are not taken"):
        again.vote("org/good", SHA, "carol")
    file.write_bytes(whole)
    clock.tick(120)
    assert again.vote("org/good", SHA, "carol")
    assert [entry.votes for entry in restarted(tmp_path, clock).snapshot().waiting] == [2, 1]


def test_the_votes_that_can_still_be_read_count(queue: Queue, tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "votes" / "votes_data.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[: len(second) // 2])
    assert sorted(entry.votes for entry in restarted(tmp_path, clock).snapshot().waiting) == [0, 1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_archive_costs_the_lines_that_cannot_be_read(
    queue: Queue, tmp_path: Path, clock: Clock, damage: Callable[[Path], None]
) -> None:
    assert queue.tidy(older_than=timedelta(seconds=-1)) == 1
    file = next((tmp_path / "requests" / "archive").iterdir())
    damage(file)
    state = restarted(tmp_path, clock).snapshot()
    assert len(state.waiting) == 2
    assert any(file.name in problem for problem in state.problems)


def test_a_request_of_an_old_board_costs_itself_too(queue: Queue, tmp_path: Path, clock: Clock) -> None:
    path = "requests/org/m_eval_request_False_float16_Original.json"
    queue.store.append({path: ask("org/m").write()})
    empty(tmp_path / path)
    state = restarted(tmp_path, clock).snapshot()
    assert len(state.waiting) == 2
    assert [path in problem for problem in state.problems] == [True]
