"""A disk that refuses what a board writes: rows stay readable, refusals are sentences, and later all is done."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from src.board.live import snapshot
from src.board.live.history import History
from src.board.live.maintenance import Maintenance
from src.board.live.opening import open_board
from src.board.live.snapshot import Board
from src.core.queue import Queue
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app
from tests.board.live.test_publishing import dump, finished, path, rows
from tests.boards.requests import ask
from tests.core.failing import CODES, Disk
from tests.doubles.clock import Clock

SAME = {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1", "Content-Type": "application/json"}


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def refused_in_a_sync(folder: Path, disk: Disk, number: int, code: int, lasting: bool) -> int:
    """Refuses a step of the sync that publishes a run, scores it again and keeps the day; how many steps there are."""
    clock = Clock()
    store = LocalStore(folder)
    queue = Queue(store)
    board = Board(
        store, clock=clock.moment, local=True, maintenance=Maintenance(store), keep_day=History(store).keep
    )  # fmt: skip
    key = finished(store, queue)
    board.sync()
    store.append({path(12): dump(key, 0.75, rescored_from=path(10))})
    clock.tick(hours=24)
    with disk.failing(number, code, lasting) as steps:
        board.sync()
    assert board.state.problem is None
    assert len(board.snapshot().frame) == 1
    assert all("Error" not in sentence for sentence in board.state.damage)
    clock.tick(snapshot.DENIED.total_seconds())
    board.sync()
    assert list(rows(store).values()) == list(rows(LocalStore(folder)).values())
    assert board.state.damage == ()
    assert board.snapshot().frame["mmlu_pro.raw"].tolist() == [0.75]
    assert len(History(store).days("open-llm-v2")) == 2
    return len(steps)


def test_a_sync_on_a_full_disk_shows_what_is_there_and_publishes_later(tmp_path: Path, disk: Disk) -> None:
    last = refused_in_a_sync(tmp_path / "0", disk, 10_000, errno.ENOSPC, lasting=True)
    assert last > 30
    for number in (1, last // 4, last // 2, 3 * last // 4, last):
        refused_in_a_sync(tmp_path / str(number), disk, number, errno.ENOSPC, lasting=True)


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "until it is mended"])
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_sync_that_is_refused_at_any_step_is_done_later(tmp_path: Path, disk: Disk, code: int, lasting: bool) -> None:
    number = last = 1
    while number <= last:
        last = refused_in_a_sync(tmp_path / str(number), disk, number, code, lasting)
        number += 1


@pytest.fixture
def served(tmp_path: Path, disk: Disk) -> Iterator[tuple[TestClient, LocalStore]]:
    store = LocalStore(tmp_path / "board")
    queue = Queue(store)
    queue.submit(ask("org/failed", sender="alice"))
    queue.fail(queue.claim("box"), "refused", "no licence")
    queue.submit(ask("org/waits", sender="alice"))
    settings = Settings(store=str(store.root), user="alice")
    board = open_board(settings)
    board.open()
    with TestClient(build_app(board, settings), "http://127.0.0.1", False) as client:
        yield client, store


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("act", ["vote", "cancel", "retry"])
def test_a_person_reads_why_it_was_not_stored_and_can_do_it_again(
    served: tuple[TestClient, LocalStore], disk: Disk, act: str, code: int
) -> None:
    client, store = served
    keys = {entry.request.model: entry.key for entry in Queue(store).snapshot().standings.values()}
    body = json.dumps({"key": keys["org/failed" if act == "retry" else "org/waits"]})
    for number in range(1, 60):
        with disk.failing(number, code, lasting=True) as steps:
            answer = client.post(f"/queue/{act}", content=body, headers=SAME)
        assert answer.headers["content-type"] == "application/json", answer.text
        assert answer.json()["message"].endswith(".")
        if answer.json()["ok"]:
            assert len(steps) < number + 3  # dropping what was staged may still fail
            return
        if "not known" in answer.json()["message"]:
            return  # the disk failed after the commit had counted: it says so
        assert "You voted" not in answer.json()["message"]
    raise AssertionError("it never ended")
