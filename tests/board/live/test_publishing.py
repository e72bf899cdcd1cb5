"""Finished runs become rows, and only those: what the queue did not accept never reaches the board."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from src.board.audit_weights import requeue
from src.board.live.history import History
from src.board.live.publishing import Publisher
from src.board.live.snapshot import Board
from src.core.errors import BusyError, DeniedError
from src.core.lifecycle import Status
from src.core.published import published
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore, Rev
from src.core.store.delegating import DelegatingStore
from src.core.suites import load
from src.core.table_paths import contents_path

ASKED = Request(model="org/m", revision="a" * 40, precision="bfloat16", params=1.0, license="mit")


def dump(key: str, correct: float, model: str = "org/m", **more: object) -> bytes:
    return json.dumps(
        {
            "model_name": model,
            "results": {"leaderboard_mmlu_pro": {"acc,none": correct}},
            "config": {
                "model_sha": "a" * 40,
                "model_dtype": "torch.bfloat16",
                "claim": {"request": key, "slot": 1, "nonce": "n"},
            },
        }
        | more
    ).encode()


def path(hour: int, model: str = "org/m") -> str:
    return f"results/{model}/results_2025-02-08T{hour:02}-00-00.000000.json"


@pytest.fixture
def store(tmp_path) -> LocalStore:
    return LocalStore(tmp_path)


@pytest.fixture
def queue(store) -> Queue:
    return Queue(store)


def finished(store: LocalStore, queue: Queue, correct: float = 0.5) -> str:
    """A request that ran and ended with the result of ten o'clock."""
    key = queue.submit(ASKED).key
    claim = queue.claim("box", lambda request: True)
    store.append({path(10): dump(key, correct)})
    queue.finish(claim, [path(10)])
    return key


def rows(store: LocalStore) -> dict[str, float]:
    board = Board(store, local=True)
    board.open()
    frame = board.snapshot().frame
    return dict(zip(frame["model"], frame["mmlu_pro.raw"], strict=True))


def test_a_result_whose_model_was_put_back_into_the_queue_does_not_come_back(store, queue):
    key = finished(store, queue)
    Publisher(store, queue).publish_new()
    _, frame = published(store, contents_path("open-llm-v2"))
    assert frame is not None
    (request,) = requeue(list(frame["id"]), load("open-llm-v2"), store, queue, "operator")
    assert (request.again, request.license) == (1, "mit")
    assert queue.snapshot()[key].status is Status.FINISHED
    assert [entry.request.again for entry in queue.snapshot().waiting] == [1]
    assert Publisher(store, queue).publish_new() == 0  # also in a new process
    assert rows(store) == {}


def test_an_accepted_result_becomes_a_row_with_the_facts_of_its_request(store, queue):
    finished(store, queue)
    assert Publisher(store, queue).publish_new() == 1
    board = Board(store, local=True)
    board.open()
    row = board.snapshot().frame.iloc[0]
    assert (row["model"], row["license"], row["params_b"], row["result_path"]) == ("org/m", "mit", 1.0, path(10))


def test_a_result_that_was_not_accepted_never_reaches_the_board(store, queue):
    key = finished(store, queue)
    store.append({path(11): dump(key, 0.9)})  # a box that lost its lease, and came late
    Publisher(store, queue).publish_new()
    assert rows(store) == {"org/m": 0.5}


def test_a_result_of_a_request_still_running_waits(store, queue):
    key = queue.submit(ASKED).key
    queue.claim("box", lambda request: True)
    store.append({path(10): dump(key, 0.5)})
    assert Publisher(store, queue).publish_new() == 0


def test_a_result_that_speaks_of_another_model_is_left_out(store, queue):
    key = queue.submit(ASKED).key
    claim = queue.claim("box", lambda request: True)
    store.append({path(10): dump(key, 0.5, model="org/famous")})
    queue.finish(claim, [path(10)])
    assert Publisher(store, queue).publish_new() == 0


def test_answers_graded_anew_renew_the_row(store, queue):
    key = finished(store, queue)
    publisher = Publisher(store, queue)
    publisher.publish_new()
    store.append({path(12): dump(key, 0.6, rescored_from=path(10))})
    assert publisher.publish_new() == 1
    assert rows(store) == {"org/m": 0.6}


def test_nothing_is_published_twice_even_by_another_process(store, queue):
    finished(store, queue)
    Publisher(store, queue).publish_new()
    head = store.head("contents")
    assert Publisher(store, Queue(store)).publish_new() == 0
    assert store.head("contents") == head


@pytest.mark.parametrize("broken", [b"{half", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"results": []}'])
def test_a_broken_result_file_hides_no_other(store, queue, broken):
    store.append({path(9): broken})
    finished(store, queue)
    assert Publisher(store, queue).publish_new() == 1


def test_a_result_that_could_not_be_read_for_once_is_published_the_next_time(store, queue):
    finished(store, queue)
    away = Away(store)
    publisher = Publisher(away, queue)
    with pytest.raises(BusyError):
        publisher.publish_new()
    away.is_away = False
    assert publisher.publish_new() == 1


class Away(DelegatingStore):
    """A store whose results cannot be read for a while."""

    is_away = True

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        if self.is_away and path.startswith("results/"):
            raise BusyError("The store is away.")
        return super().read(path, rev)


def test_a_board_publishes_before_it_reads(store, queue):
    board = Board(store, local=True, maintenance=Publisher(store, queue).publish_new)
    board.open()
    assert board.state.problem  # nothing there yet
    finished(store, queue)
    board.sync()
    assert board.snapshot().frame["model"].tolist() == ["org/m"]


def test_a_board_keeps_a_table_of_each_day_on_which_its_rows_changed(store, queue):
    today = [datetime(2025, 3, 1, 12, tzinfo=UTC)]
    history = History(store, monotonic=lambda: 0.0)
    publish_new = Publisher(store, queue).publish_new
    board = Board(store, clock=lambda: today[0], local=True, maintenance=publish_new, keep_day=history.keep)
    key = finished(store, queue)
    board.open()
    for _ in range(3):
        today[0] += timedelta(days=1)
        board.sync()
    store.append({path(12): dump(key, 0.6, rescored_from=path(10))})
    board.sync()  # the fourth day has no table yet, and the rows are others
    assert history.days("open-llm-v2") == (date(2025, 3, 1), date(2025, 3, 4))


def test_a_store_that_only_reads_is_not_asked_to_keep_a_second_time(store, queue):
    asked = []

    def refuse(snapshot, today):
        asked.append(today)
        raise DeniedError("This token may only read.")

    finished(store, queue)
    board = Board(store, local=True, maintenance=Publisher(store, queue).publish_new, keep_day=refuse)
    board.open()
    board.sync()
    assert len(asked) == 1
    assert not board.state.problem
