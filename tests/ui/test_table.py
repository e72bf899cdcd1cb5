"""The leaderboard page as the server writes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from src.board.api.context import Context
from src.board.api.tools import Tools
from src.settings import Settings
from src.ui.app import build_app
from src.ui.pages.leaderboard.first_rows import fixed
from tests.boards.small_board import board, row, snapshot

HOSTILE = 'x"><script>alert(1)</script>'


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    shown = board(tmp_path)
    return TestClient(build_app(shown, Settings(store=str(tmp_path))))


def about(html: str) -> dict:
    """What the page tells its script."""
    found = re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_script_gets_the_view_that_the_server_read_and_every_table_it_needs(client: TestClient) -> None:
    given = about(client.get("/?search=org&filters=is_merged&size=mid,nonsense&types=🟢").text)
    assert {name: given["query"][name] for name in ("q", "hide", "size", "types")} == {
        "q": "org",
        "hide": ["merged"],
        "size": ["mid"],
        "types": ["pretrained"],
    }
    assert [size["key"] for size in given["sizes"]] == [
        "0-3",
        "3-6",
        "6-10",
        "10-20",
        "20-40",
        "40+",
        "edge",
        "consumer",
        "mid",
        "gpu_rich",
    ]
    assert {hide["key"] for hide in given["hides"]} == {"merged", "moe", "flagged", "gone"}
    assert "finetuned" in {kind["key"] for kind in given["types"]}
    assert given["precisions"]["bfloat16"] == "bf16"


def test_a_strangers_address_ends_no_element_of_the_page(client: TestClient) -> None:
    html = client.get("/", params={"q": HOSTILE, "pinned": HOSTILE, "columns": HOSTILE, "sort": HOSTILE}).text
    assert "<script>alert" not in html
    assert about(html)["query"]["q"] == HOSTILE


def test_an_unknown_suite_is_the_first_one_of_the_board(client: TestClient) -> None:
    given = about(client.get("/?suite=nonsense").text)
    assert given["query"]["suite"] is None
    assert given["suite"] == "open-llm-v2"


def test_the_inline_style_and_script_are_those_that_the_policy_allows(client: TestClient) -> None:
    import base64
    import hashlib

    answer = client.get("/?sort=model&columns=average,license")
    policy = answer.headers["Content-Security-Policy"]
    inline = re.findall(r"<style>(.*?)</style>|<script>(.*?)</script>", answer.text, re.DOTALL)
    assert len(inline) == 3
    for text in (style or script for style, script in inline):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(52.25, 1, "52.3"), (52.35, 1, "52.4"), (-0.25, 1, "-0.3"), (7.0, 0, "7"), (1.005, 2, "1.00"), (-0.04, 1, "-0.0")],
)
def test_numbers_are_rounded_as_the_browser_does(value: float, digits: int, text: str) -> None:
    assert fixed(value, digits) == text


def test_new_rows_come_at_new_addresses(tmp_path: Path) -> None:
    from src.ui.pages.leaderboard.table import Served

    shown = board(tmp_path)
    served = Served(shown)
    before, after = shown.snapshot(), snapshot(row("org/new", 60.0))
    first, second, again = (served.addresses(each, served.payload(each))["core"] for each in (before, after, before))
    assert first == again != second


def test_flagged_rows_are_hidden_on_pages_with_a_count_and_the_api_hides_none(tmp_path: Path) -> None:
    rows = (row("org/fine", 40.0), row("org/flagged", 50.0, **{"Flagged": True}))
    with TestClient(build_app(board(tmp_path, *rows), Settings())) as client:
        page, shown = client.get("/").text, client.get("/?hide=").text
        assert "1 flagged hidden: show" in page
        assert 'title="org/flagged"' not in page
        assert 'title="org/flagged"' in shown
        assert re.search(r"lt-rank[^>]*>2<", page)  # places are those of the whole board
        assert client.get("/api/v1/models").json()["matches"] == 2
        assert client.get("/explore?chart=spread").text.count("org/flagged") == 0


def test_old_size_links_keep_their_meaning_and_at_most_fifteen_controls_stand_above_the_rows(tmp_path: Path) -> None:
    sizes = [row(f"org/m{size}", 40.0, **{"#Params (B)": size}) for size in (2.0, 5.0, 6.5, 30.0, 70.0)]
    with TestClient(build_app(board(tmp_path, *sizes), Settings())) as client:
        models = lambda asked: [each["model"] for each in client.get(f"/api/v1/models?size={asked}").json()["rows"]]  # noqa: E731
        assert sorted(models("consumer")) == ["org/m5.0", "org/m6.5"]
        assert sorted(models("mid")) == ["org/m30.0"]
        assert sorted(models("6-10,40%2B")) == ["org/m6.5", "org/m70.0"]
        controls = client.get("/").text.split('<div class="lt-frame')[0].split('class="lt-controls"')[1]
    visible = re.findall(r"<(?:button|input)(?![^>]*(?:hidden|lt-sheet-button|lt-back))[^>]*>", controls)
    assert len(visible) <= 15


def test_the_view_of_an_address_can_be_had_with_gradio_client(tmp_path: Path) -> None:
    found = Tools(Context.of(board(tmp_path))).view("q=first&hide=flagged&aggregate=median")
    assert ([each["model"] for each in found["rows"]], found["ranked_by"]) == (["org/first"], "Median")
