"""The reader's own ranking: another aggregation, a weight a benchmark, re-ranked while the slider moves."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Served
from tests.e2e.table.tables import open_table, until


def opened(page: Page, served: Served, query: str = "") -> Locator:
    """The Ranking menu, over a table whose rows have all come."""
    open_table(page, served, query)
    button = page.locator("[data-part=ranking]")
    menu = page.get_by_label("Weight of IFEval")
    button.click()
    expect(menu).to_be_visible()
    return menu


def test_moving_a_slider_ranks_anew_and_stands_in_the_address(sample: Served, page: Page, shoot) -> None:
    slider = opened(page, sample)
    before = page.locator(".lt-grid").inner_text()
    slider.fill("50")
    expect(page.get_by_text("× 5.0")).to_be_visible()
    page.wait_for_url("**weights=ifeval:5**")
    assert page.locator(".lt-grid").inner_text() != before
    shoot(page, "ranking")
    ranked = page.locator(".lt-grid").inner_text()
    page.goto(page.url)
    expect(page.locator("[data-part=ranking] .lt-n")).to_have_text("1")
    until(page, "text => document.querySelector('.lt-grid').innerText === text", ranked)


def test_the_keyboard_moves_a_slider(sample: Served, page: Page) -> None:
    slider = opened(page, sample)
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**weights=ifeval:1.1**")
    assert slider.get_attribute("aria-valuetext") == "1.1 times its own weight"


def test_another_aggregation_is_chosen_and_given_back(sample: Served, page: Page) -> None:
    opened(page, sample)
    page.get_by_label(re.compile("^Win rate")).check()
    page.wait_for_url("**aggregate=win_rate**")
    # what was known of the published average says nothing of this one
    expect(page.locator(".lt-grid").get_by_text("±")).to_have_count(0)
    page.get_by_label("Weight of IFEval").fill("30")
    name = "Win rate (IFEval × 3)"
    expect(page.locator("th.lt-c-average")).to_have_text(name)
    expect(page.locator(".lt-chips")).to_contain_text(f"ranked by {name}")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Back to the board’s ranking").click()
    expect(page.locator("th.lt-c-average")).to_have_text("Average")
    expect(page.get_by_role("button", name="Back to the board’s ranking")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("aggregate"))
    expect(page.locator(".lt-grid").get_by_text("±").first).to_be_visible()
