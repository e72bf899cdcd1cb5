"""What every page has around it, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Served

pytestmark = pytest.mark.browser


def test_every_page_says_where_it_is(small: Served, page: Page) -> None:
    for path, title in (("/", "Open LLM Leaderboard"), ("/about", "About · Open LLM Leaderboard")):
        page.goto(small.url + path)
        assert page.title() == title
        page.wait_for_timeout(1500)  # Gradio, once it runs, must leave the title alone
        assert page.title() == title
