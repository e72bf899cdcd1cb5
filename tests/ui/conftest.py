"""A board on a port of its own, for clients that speak HTTP themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from src.board.live.opening import open_sample
from src.board.live.snapshot import Board
from src.settings import Settings
from src.ui.app import build_app, launch
from tests.e2e.conftest import free_port


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the made-up sample as it is served."""
    store = open_sample(tmp_path_factory.mktemp("cache"))
    assert store is not None
    board = Board(store, local=True)
    board.start()
    settings = Settings(port=free_port())
    running = launch(build_app(board, settings), board, settings)
    yield f"http://127.0.0.1:{settings.port}"
    board.stop()
    running.close()
