"""Each queue stands in a folder and on the Hub."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from src.core.queue import Queue
from src.core.store import LocalStore
from src.core.store.hub import HubStore
from tests.doubles.clock import Clock
from tests.doubles.stores import Meddled
from tools.hub import Hub, in_process


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["folder", "hub", "sparse hub"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Meddled]:
    if request.param == "folder":
        yield Meddled(LocalStore(tmp_path / "board", clock=clock.moment))
        return
    with in_process(Hub(clock=clock, sparse=request.param == "sparse hub")) as endpoint:
        yield Meddled(
            HubStore(
                "owner", token="hf_owner", endpoint=endpoint, cache_dir=tmp_path, monotonic=clock, sleep=clock.tick,
                rng=random.Random(0),
            )
        )  # fmt: skip


@pytest.fixture
def queue(store: Meddled) -> Queue:
    return Queue(store, lease=timedelta(hours=1))
