"""The stores that every promise of `Store` is kept by."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.core.store import LocalStore, Store
from src.core.store.hub import HubStore
from tools.hub import Hub, in_process, serving


@contextmanager
def hub_store(hub: Hub, tmp_path: Path, over: str = "process", **options: object) -> Iterator[HubStore]:
    """A store over the stand-in; it never sleeps long, its retries are drawn from a fixed seed."""
    with in_process(hub) if over == "process" else serving(hub) as endpoint:
        yield HubStore(
            "owner",
            endpoint=endpoint,
            cache_dir=tmp_path / "blobs",
            rng=random.Random(0),
            **{"token": "hf_owner", "sleep": lambda seconds: None, "max_wait": 120.0, **options},  # type: ignore[arg-type]
        )


@pytest.fixture(params=["folder", "hub in process", "sparse hub in process", "hub over loopback"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One promise, several stores."""
    if request.param == "folder":
        yield LocalStore(tmp_path / "board")
        return
    with hub_store(
        Hub(sparse="sparse" in request.param), tmp_path, "process" if "process" in request.param else "loopback"
    ) as made:
        yield made
