"""Readers of the queue cost the store nothing; writes show at once; failures are shown."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from src.board.live.snapshot import Board
from src.board.queue.watch import QueueWatch, closed
from src.core.errors import BoardError, ThrottledError, UnknownOutcomeError
from src.core.queue import Queue
from src.core.store import LocalStore, Store
from src.settings import Settings
from tests.boards.requests import ask
from tests.doubles.clock import Clock
from tests.doubles.stores import Meddled


class Counted(Meddled):
    """A store that counts the calls of a look, and fails or waits on demand."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.looks = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def head(self, dataset: str) -> str:
        self.looks += dataset == "requests"
        self.gate.wait(10)
        if self.error:
            raise self.error
        return super().head(dataset)


@pytest.fixture
def store(tmp_path: Path) -> Counted:
    store = Counted(LocalStore(tmp_path / "board"))
    Queue(store).submit(ask())
    store.looks = 0
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def watched(store: Counted, clock: Clock) -> QueueWatch:
    return QueueWatch(Board(store, local=True), fresh=4.0, max_wait=5.0, monotonic=clock)


def test_a_thousand_readers_within_seconds_cost_one_look(watched: QueueWatch, store: Counted, clock: Clock) -> None:
    for _ in range(1000):
        seen = watched.look()
        assert seen.state is not None
        clock.tick(0.003)
    assert store.looks == 1
    clock.tick(4)
    watched.look()
    assert store.looks == 2


def test_what_was_written_is_seen_at_once(watched: QueueWatch) -> None:
    watched.look()
    key = watched.queue.submit(ask("org/second")).key
    assert key in watched.renew().state  # type: ignore[operator]


def test_a_store_that_fails_leaves_the_last_picture_and_its_reason(watched, store: Counted, clock: Clock) -> None:
    before = watched.look()
    store.error = UnknownOutcomeError("The store does not answer.")
    clock.tick(5)
    seen = watched.look()
    assert (seen.state, seen.as_of, seen.problem) == (before.state, before.as_of, "The store does not answer.")
    looks = store.looks
    clock.tick(5)
    watched.look()
    assert store.looks == looks  # it is left alone for a while
    store.error = None
    clock.tick(15)
    assert watched.look().problem is None


def test_a_store_that_asks_for_a_pause_gets_it(watched: QueueWatch, store: Counted, clock: Clock) -> None:
    store.error = ThrottledError("Too many calls; 60 s.", 60.0)
    watched.look()
    for _ in range(11):
        clock.tick(5)
        watched.look()
    assert store.looks == 1
    with pytest.raises(BoardError, match="Too many calls"):
        watched.state()


def test_a_slow_first_look_holds_no_reader_up_for_long(store: Counted, clock: Clock) -> None:
    watched = QueueWatch(Board(store, local=True), max_wait=0.05, monotonic=clock)
    store.gate.clear()
    seen = watched.look()
    assert (seen.state, seen.problem) == (None, None)
    store.gate.set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watched, "_patience", 300.0)
        assert watched.look().state is not None
    assert store.looks == 1


def test_while_the_sample_is_shown_its_queue_is_and_nothing_is_taken(store: Counted, tmp_path: Path) -> None:
    sample = LocalStore(tmp_path / "sample")
    Queue(sample).submit(ask("made/up"))
    board = Board(store, sample=sample)
    watched = QueueWatch(board)
    own = Settings(store="hub:owner")
    assert [one.request.model for one in watched.look().state.waiting] == ["org/m"]  # type: ignore[union-attr]
    board._state = type(board._state)(source="sample")
    seen = watched.look()
    assert seen.is_sample
    assert [one.request.model for one in seen.state.waiting] == ["made/up"]  # type: ignore[union-attr]
    assert "sample data" in str(closed(board, own))


def test_a_board_without_a_store_of_its_own_or_a_token_takes_nothing(
    store: Counted, tmp_path: Path, monkeypatch
) -> None:
    board = Board(store)
    monkeypatch.setattr("src.board.queue.watch.get_token", lambda: None)
    assert "takes no requests" in str(closed(board, Settings()))
    assert "set HF_TOKEN" in str(closed(board, Settings(store="hub:owner")))
    assert closed(board, Settings(store=str(tmp_path))) is None
    monkeypatch.setattr("src.board.queue.watch.get_token", lambda: "hf_x")
    assert closed(board, Settings(store="hub:owner")) is None
