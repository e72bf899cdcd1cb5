"""A board of its own while it runs: changes in its dataset show at the next sync, errors leave the last good state."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from src.board.live.snapshot import Board
from src.core import suites
from src.core.moderation.entries import draft, record
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app
from tests.boards import own


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return own.make(tmp_path / "baltic")


def test_the_page_has_the_boards_own_name_looks_and_suites(store: LocalStore) -> None:
    board = own.synced(store)
    client = TestClient(build_app(board, Settings(store=store.name)))
    page = client.get("/")
    assert f"<title>{own.NAME}</title>" in page.text
    assert f'og:site_name" content="{own.NAME}"' in page.text
    assert "How well open models read and write Latvian" in page.text
    assert "Estonian joined in March." in page.text
    assert 'href="https://boards.example/paper"' in page.text
    assert page.text.index("?suite=lithuanian") < page.text.index("</nav>")
    assert ":root:root{--lb-accent:#" in page.text
    about = client.get("/about").text
    assert f'<h1 id="lb-title">{own.NAME}</h1>' in about
    assert "<strong>volunteers</strong>" in about
    assert "<script>alert" not in about
    assert 'href="javascript' not in about
    assert "Open LLM Leaderboard" not in page.text + about


def test_the_logo_is_served_as_an_image_that_can_do_nothing(store: LocalStore) -> None:
    board = own.synced(store)
    client = TestClient(build_app(board, Settings(store=store.name)))
    assert board.state.profile.logo is not None
    answer = client.get(f"/logo/{board.state.profile.logo.name}")
    assert answer.content == own.LOGO.encode()
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert f'src="logo/{board.state.profile.logo.name}"' in client.get("/").text


def test_a_changed_board_toml_and_suite_show_at_the_next_sync_and_broken_ones_do_not(store: LocalStore) -> None:
    board = own.synced(store)
    client = TestClient(build_app(board, Settings(store=store.name)))
    assert "Latvian" in client.get("/").text
    suite = own.suite("latvian", "Latvian, revised", benchmarks=2)
    changed = {
        "board/board.toml": own.CONFIG.replace(own.NAME, "North Board").encode(),
        "board/suites/latvian.toml": suite.encode(),
    }
    head = store.replace(dict(changed), store.head("board"))
    assert own.NAME in client.get("/").text
    board.sync()
    page = client.get("/").text
    assert "North Board" in page
    assert "Latvian, revised" in page
    assert [each.key for each in board.snapshot("latvian").suite.benchmarks] == ["reading", "grammar"]

    broken = {"board/board.toml": b'nam = "x"', "board/suites/latvian.toml": b'name = "latvian"'}
    store.replace(dict(broken), head)
    board.sync()
    page = client.get("/").text
    assert "North Board" in page
    assert "Latvian, revised" in page
    assert "board/board.toml: There is no key" in page
    status = client.get("/status.json").json()
    assert [text.partition(":")[0] for text in status["damage"]] == ["board/board.toml", "board/suites/latvian.toml"]
    assert all(text.endswith("The last good one counts.") for text in status["damage"])


def test_the_last_copy_of_a_hub_board_opens_with_its_profile_and_its_decisions(
    store: LocalStore, tmp_path: Path
) -> None:
    record(store, draft("hide", "alice", store.now(), model=own.MODELS[0], reason="leaked"))
    first = Board(store, tmp_path / "cache")
    first.sync()
    suites.provide({})
    second = Board(store, tmp_path / "cache")
    second.open()
    assert second.state.source == "copy"
    assert second.identity == first.identity
    assert second.suites == first.suites == ("latvian", "estonian", "lithuanian")
    assert own.MODELS[0] not in set(second.snapshot("latvian").frame["model"])


def test_columns_that_a_newcomer_sees_are_the_files(store: LocalStore) -> None:
    config = own.CONFIG.replace('suite = "latvian"', 'suite = "latvian"\ncolumns = ["average", "grammar", "license"]')
    store.replace({"board/board.toml": config.encode()}, store.head("board"))
    board = own.synced(store)
    page = TestClient(build_app(board, Settings(store=store.name))).get("/").text
    heads = [part.partition("<span>")[2].partition("</span>")[0] for part in page.split('role="columnheader"')[1:]]
    assert heads == ["Rank", "Model", "Average", "Grammar", "Licence"]


def test_a_board_without_rows_shows_its_suite_and_takes_submissions_for_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new")
    store.replace({"board/board.toml": b'name = "Fresh"\nsuite = "basque"'}, None)
    board = Board(store, local=True)
    board.sync()
    client = TestClient(build_app(board, Settings(store=store.name, user="alice")), base_url="http://127.0.0.1")
    assert board.suites == ("basque",)
    assert client.get("/").status_code == 200
    assert board.snapshot().suite.name == "basque"
    assert client.get("/submit").status_code == 200
