"""Boards as their server answers, for tests that ask it over HTTP without a browser."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from src.board.importing.files import import_files
from src.board.live.opening import open_board, open_sample
from src.board.live.snapshot import Board
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app


def sample_app(folder: Path) -> FastAPI:
    """Return the server of the made-up sample, with its caches in `folder`."""
    store = open_sample(folder)
    assert store is not None
    board = Board(store, local=True)
    board.sync()
    return build_app(board, Settings())


def app_of_table(folder: Path, text: str, name: str = "table.csv") -> FastAPI:
    """Return the server of a board that the table in `text` was imported into."""
    (folder / name).write_text(text, encoding="utf-8")
    import_files([folder / name], LocalStore(folder / "board"))
    settings = Settings(store=str(folder / "board"))
    board = open_board(settings)
    board.sync()
    return build_app(board, settings)
