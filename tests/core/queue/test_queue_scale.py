"""What a queue costs: calls by its size, commits by what is done, on a Hub that takes only so many an hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.core.queue import Queue
from src.core.queue.reading import QueueReader
from tests.core import scale
from tests.core.conftest import hub_store
from tests.core.day import live
from tools.hub import Hub


@pytest.mark.parametrize("count", [100, 1200])
def test_a_sync_costs_one_call_where_nothing_changed_and_few_where_one_thing_did(tmp_path: Path, count: int) -> None:
    hub = Hub()
    scale.fill(hub, count)
    with hub_store(hub, tmp_path) as store:
        calls = scale.calls_of_syncs(hub, Queue(store))
    assert calls.unchanged == 1
    assert calls.one_changed <= 6
    assert calls.ten_changed <= 40
    # pages of the listing, every request once, and the last words of those that finished lately
    assert calls.cold <= 3 + count * 4 / 1000 + count + QueueReader.RECENT


def test_an_archive_makes_a_cold_start_cheap(tmp_path: Path) -> None:
    hub = Hub()
    scale.fill(hub, 400, finished=1.0)
    with hub_store(hub, tmp_path) as store:
        before = scale.calls_of_syncs(hub, Queue(store)).cold
        assert Queue(store).tidy() == 400
    with hub_store(hub, tmp_path / "elsewhere") as store:
        hub.calls.clear()
        assert len(Queue(store).snapshot().finished) == 400
        assert hub.calls.total() < before / 20


def test_busy_hours_of_more_than_the_quota_go_by_without_an_unhandled_429(tmp_path: Path) -> None:
    day = live(tmp_path, hours=1.5, boxes=4, gpus=12, quota=64)
    assert day.unhandled == []
    assert day.throttled > 0
    assert day.finished > 25
    assert day.commits <= 64 * 2  # how many that is for each evaluation, only a whole day tells: tests/bench
