"""What the server gives the table: the first screen, and the links that fetch it early."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from src.board.snapshot import Board, Snapshot
from src.ui.table import head, routes
from tests.board.small_board import board, row, snapshot


def show(shown: Board, following: Snapshot) -> None:
    shown._state = replace(shown.state, snapshots={following.suite.name: following}, as_of=following.as_of)


def test_the_first_screen_stays_in_the_browsers_cache_until_the_rows_change(tmp_path: Path) -> None:
    shown = board(tmp_path)
    before = shown.snapshot()
    with TestClient(Starlette(routes=routes(shown))) as client:

        def ask(tag: str = "") -> tuple[int, str]:
            answer = client.get("/board/first.json?q=org", headers={"If-None-Match": tag})
            return answer.status_code, answer.headers["ETag"]

        status, tag = ask()
        assert status == 200
        show(shown, replace(before, as_of=before.as_of + timedelta(minutes=5), problem="The store does not answer."))
        assert ask(tag) == (304, tag)
        show(shown, snapshot(row("org/new", 60.0)))
        status, other = ask(tag)
        assert (status, other != tag) == (200, True)
        show(shown, before)
        assert ask(tag) == (304, tag)


def test_a_strangers_address_cannot_leave_the_link_it_is_put_into() -> None:
    assert 'href="board/first.json?q=&#34;&gt;&lt;script&gt;&amp;columns=a,b"' in head('q="><script>&columns=a,b')
    assert 'href="board/first.json"' in head()
