"""Whatever leaves a board of its own names that board, and no other."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from starlette.testclient import TestClient

from src.board.api.tools import Tools, words
from src.board.cards import card_block, merge
from src.board.live.snapshot import Board
from src.core import suites
from src.settings import Settings
from src.ui.app import build_app
from src.ui.web.api import context
from tests.boards import own

FOREIGN = re.compile(r"open.llm.leaderboard|open_llm_leaderboard", re.IGNORECASE)
MODEL = own.MODELS[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Board, TestClient]:
    """A board with another name, logo and accent and three suites."""
    store = own.make(tmp_path_factory.mktemp("foreign") / "baltic")
    board = own.synced(store)
    return board, TestClient(build_app(board, Settings(store=store.name)), base_url="http://127.0.0.1")


@pytest.fixture
def board(made: tuple[Board, TestClient]) -> tuple[Board, TestClient]:
    """The same; its suites are forgotten after each test."""
    suites.provide({f"suites/{name}.toml": own.suite(name, title) for name, title in own.LANGUAGES.items()})
    return made


@pytest.mark.parametrize(
    "address",
    [
        f"/api/v1/models/{MODEL}/card",
        "/api/v1/models.bib",
        "/api/v1/models.tex",
        "/api/v1/models.md",
        "/api/feeds/results.atom",
        "/api/feeds/top.atom",
        "/api/feeds/finished.atom",
        "/api/openapi.json",
        "/api/",
        "/",
        f"/model/{MODEL}",
        f"/model/{MODEL}?tab=cite",
        "/about",
        "/compare",
        "/explore",
        "/queue",
        "/submit",
        "/?embed=1",
    ],
)
def test_it_contains_the_boards_name_and_no_other_boards(board: tuple[Board, TestClient], address: str) -> None:
    answer = board[1].get(address)
    assert answer.status_code == 200
    assert own.NAME in answer.text
    assert not FOREIGN.search(answer.text), FOREIGN.search(answer.text)


@pytest.mark.parametrize("address", ["/api/leaderboard", "/api/v1/models", "/api/v1/suites"])
def test_data_names_no_other_board(board: tuple[Board, TestClient], address: str) -> None:
    answer = board[1].get(address)
    assert answer.status_code == 200
    assert not FOREIGN.search(answer.text)


def test_every_eval_ever_records_name_the_board(board: tuple[Board, TestClient]) -> None:
    answer = board[1].get("/api/v1/models.eee.zip")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
    assert len(texts) == len(own.MODELS)
    for text in texts:
        assert own.NAME in text
        assert not FOREIGN.search(text)


def test_tools_for_agents_name_the_board_and_its_suites(board: tuple[Board, TestClient]) -> None:
    tools = Tools(context(board[0]))
    assert own.NAME in words(board[0])[""]
    assert '"lithuanian" (Lithuanian)' in words(board[0])["suite"]
    answers: list[Any] = [tools.find_models(), tools.get_model(MODEL), tools.best_for_budget(24.0)]
    for answer in answers:
        assert answer["board"] == own.NAME
        assert not FOREIGN.search(str(answer))
    described = " ".join(f"{tool.__name__} {tool.__doc__}" for tool in tools.all)
    assert not re.search(r"open-llm|ifeval|mmlu", described, re.IGNORECASE)


def test_ids_of_a_feed_do_not_change_with_the_address_that_a_reader_came_by(board: tuple[Board, TestClient]) -> None:
    def ids(base: str) -> list[str]:
        client = TestClient(board[1].app, base_url=base)
        return re.findall(r"<id>(.*?)</id>", client.get("/api/feeds/results.atom").text)

    assert ids("http://127.0.0.1") == ids("http://localhost")
    assert ids("http://127.0.0.1")[0].startswith("tag:boards.example,2024:")


def test_a_block_replaces_its_own_boards_and_leaves_another_boards_alone(board: tuple[Board, TestClient]) -> None:
    snapshot = board[0].snapshot("latvian")
    row = snapshot.frame.iloc[0].to_dict()
    block = card_block(row, "latvian", by=snapshot.identity)
    other = "---\nlicense: mit\n---\n# [Open LLM Leaderboard Evaluation Results](https://x.example)\n\n|Metric|Value|\n|--|--:|\n|Avg.|1|\n"
    once = merge(other, block)
    assert once.startswith("---\nlicense: mit\n")
    assert "Open LLM Leaderboard Evaluation Results" in once
    assert f"# [{own.NAME} Evaluation Results](https://boards.example/baltic)" in once
    assert merge(once, block) == once
    changed = card_block(row | {"reading.score": 12.34}, "latvian", by=snapshot.identity)
    twice = merge(once, changed)
    assert twice.count("Evaluation Results") == 2
    assert "12.34" in twice
