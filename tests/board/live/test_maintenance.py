"""A board looks after its store: what ended long ago is archived, a hundred at a time, and nothing changes by it."""

from __future__ import annotations

from pathlib import Path

from src.board.live.maintenance import Maintenance
from src.core.queue import Queue
from src.core.store import LocalStore
from tests.boards.requests import ask
from tests.doubles.clock import Clock

HOUR = 3600.0


def loose(store: LocalStore) -> int:
    return len(store.list("requests/queue"))


def test_what_ended_long_ago_is_archived_once_it_is_worth_a_commit(tmp_path: Path) -> None:
    clock = Clock()
    store = LocalStore(tmp_path, clock=clock.moment)
    queue, maintenance = Queue(store), Maintenance(store)
    maintenance.WORTH_A_COMMIT = 3
    keys = [queue.submit(ask(f"org/m{number}")).key for number in range(4)]
    for claim in queue.claim_many("box", 2):
        queue.finish(claim, [f"results/{claim.nonce}.json"])
    clock.tick(25 * HOUR)
    maintenance()
    assert loose(store) == 2 * 3 + 2  # two are not worth it
    for claim in queue.claim_many("box", 1):
        queue.finish(claim, [f"results/{claim.nonce}.json"])
    clock.tick(25 * HOUR)
    before = {key: (queue.snapshot()[key].status, queue.results(key)) for key in keys}
    maintenance()
    assert loose(store) == 1
    fresh = Queue(store)
    assert {key: (fresh.snapshot()[key].status, fresh.results(key)) for key in keys} == before


def test_it_looks_for_them_a_few_times_a_day_only(tmp_path: Path) -> None:
    clock = Clock()
    store = LocalStore(tmp_path, clock=clock.moment)
    maintenance = Maintenance(store)
    maintenance.WORTH_A_COMMIT = 1
    maintenance()
    queue = Queue(store)
    queue.cancel(queue.submit(ask()).key, by="alice")
    clock.tick(5.9 * HOUR)
    maintenance()
    assert loose(store) == 2
    clock.tick(19 * HOUR)
    maintenance()
    assert loose(store) == 0
