"""The table as a component in a Gradio app of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from src.board.opening import open_board
from src.settings import Settings
from src.ui import table
from tests.e2e.boards import V2, small_store
from tests.e2e.conftest import free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    board = open_board(Settings(store=str(small_store(tmp_path))))
    board.start()
    with gr.Blocks() as demo:
        gr.Markdown("Somebody's own page")
        table.component(elem_id="models")
    _, url, _ = demo.launch(
        server_port=free_port(), prevent_thread_lock=True, quiet=True, app_kwargs={"routes": table.routes(board)}
    )
    yield url
    demo.close(verbose=False)
    board.stop()


def test_the_table_stands_in_a_gradio_app_and_is_searched_there(page: Page, address: str) -> None:
    page.goto(address)
    rows = page.locator("#models .lt-rows tr:not([hidden])")
    expect(rows).to_have_count(len(V2))
    page.locator("#models .lt-search input").fill("nut")
    expect(page.locator("#models .lt-count")).to_contain_text(f"1 of {len(V2)} runs")
    expect(rows).to_have_count(1)
