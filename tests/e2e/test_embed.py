"""Embeds in somebody else's page: the first rows, one model, one chart, from another origin."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.e2e.conftest import Served

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def elsewhere(tmp_path: Path, page: Page) -> Iterator[Callable[[str], FrameLocator]]:
    """`elsewhere(address)` → the frame of that address in a page of another origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def embed(address: str) -> FrameLocator:
        frame = f'<iframe src="{address}" width="760" height="420" title="leaderboard"></iframe>'
        (tmp_path / "index.html").write_text(f"<!doctype html><title>a blog</title><p>As of today:</p>{frame}")
        page.goto(f"http://localhost:{server.server_port}/index.html")  # not 127.0.0.1: another origin
        return page.frame_locator("iframe")

    yield embed
    server.shutdown()


def test_the_first_rows_of_a_query_stand_in_another_page(small: Served, elsewhere, page: Page, shoot) -> None:
    frame = elsewhere(f"{small.url}/?embed=1&top=3&q=acme&sort=-average")
    expect(frame.locator("tbody tr")).to_have_count(3)
    expect(frame.locator("tbody th").first).to_have_text("acme/anvil-70b")
    expect(frame.locator("footer")).to_contain_text("Open LLM Leaderboard · ")
    assert frame.locator("header, nav, button, input").count() == 0
    shoot(page, "embed-rows")


def test_one_model_stands_in_another_page(small: Served, elsewhere, page: Page, shoot) -> None:
    frame = elsewhere(f"{small.url}/model/acme/anvil-70b?embed=1")
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.locator("thead th")).to_have_text(
        ["Rank", "Model", "Average", "IFEval", "BBH", "MATH Lvl 5", "GPQA", "MuSR", "MMLU-PRO"]
    )
    expect(frame.locator("tbody td").nth(1)).to_have_text("32.33")
    shoot(page, "embed-model")


def test_one_chart_stands_in_another_page(small: Served, elsewhere, page: Page, shoot) -> None:
    frame = elsewhere(f"{small.url}/explore?embed=1&theme=dark")
    expect(frame.locator(".lb-plot > svg")).to_be_visible()
    expect(frame.locator(".lb-asks select").first).to_be_hidden()
    shoot(page, "embed-chart")


def test_links_of_an_embed_open_the_whole_page_beside_it(small: Served, elsewhere, page: Page) -> None:
    frame = elsewhere(f"{small.url}/?embed=1&top=1&q=acme")
    with page.context.expect_page() as opened:
        frame.locator("footer a").click()
    assert opened.value.url == f"{small.url}/?q=acme"


def test_a_whole_page_may_not_be_framed_by_just_anybody(small: Served) -> None:
    whole = httpx.get(f"{small.url}/").headers["content-security-policy"]
    assert "frame-ancestors 'self' https://huggingface.co" in whole
    embedded = httpx.get(f"{small.url}/?embed=1").headers["content-security-policy"]
    assert embedded.endswith("frame-ancestors *")
    assert "'unsafe-eval'" not in embedded
    assert "form-action 'none'" in embedded


def test_what_cannot_be_embedded_is_said_so(small: Served) -> None:
    for address, words in (("/about?embed=1", "can be embedded"), ("/model/no/ne?embed=1", "no results of")):
        answer = httpx.get(small.url + address)
        assert answer.status_code == 404
        assert words in answer.text
        assert answer.text.startswith("<!doctype html>\n<html")


@pytest.mark.parametrize("top", ["0", "-1", "x", "99999999", "1e9", "²"])
def test_a_strange_number_of_rows_gives_a_usual_one(small: Served, top: str) -> None:
    answer = httpx.get(f"{small.url}/", params={"embed": "1", "top": top})
    assert answer.status_code == 200
    assert 1 <= answer.text.count('<th scope="row">') <= 50
