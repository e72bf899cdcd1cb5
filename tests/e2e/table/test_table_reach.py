"""Whom and where the table reaches: strangers' names, narrow screens, touch, screen readers, a failing line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.e2e.boards import HOSTILE
from tests.e2e.conftest import NARROW, Serve, Served
from tests.e2e.table.tables import SEARCH, asked, names, open_table, opened, until

pytestmark = pytest.mark.browser


def test_a_hostile_name_is_shown_as_text_and_runs_nothing(page: Page, small: Served) -> None:
    dialogs: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    open_table(page, small, "?columns=license&pinned=%3Cimg%20src%3Dx%20onerror%3Dalert(3)%3E")
    assert HOSTILE in names(page)
    opened(page, "Licence")
    expect(page.locator(".lt-pop")).to_contain_text("<b>mit</b>")
    page.keyboard.press("Escape")
    page.fill(SEARCH, "<img")
    page.wait_for_timeout(400)
    assert page.locator(".lt img, .lt b:not(.lt-arrow)").count() == 0
    assert dialogs == []


def test_nothing_moves_after_the_first_paint(page: Page, sample: Served) -> None:
    page.add_init_script(
        """window.shifts = 0;
        new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifts += entry.value; }))
            .observe({ type: 'layout-shift', buffered: true });"""
    )
    open_table(page, sample)
    page.wait_for_timeout(800)
    page.locator(".lt-sizes .lt-chip").first.click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.shifts") < 0.02


def test_only_the_rows_in_view_are_in_the_document(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.focus(".lt-grid")
    page.keyboard.press("End")
    page.wait_for_selector("tr[aria-rowindex='127']")
    assert page.locator(".lt-rows tr").count() < 60
    assert page.get_attribute(".lt-grid", "aria-rowcount") == "127"


def test_a_narrow_screen_has_two_lines_a_row_and_its_filters_in_a_sheet(page: Page, sample: Served) -> None:
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    open_table(page, sample)
    row = page.locator(".lt-rows tr[aria-rowindex='2']")
    name = row.locator(".lt-name").bounding_box()
    average = row.locator("td.lt-c-average").bounding_box()
    assert name
    assert average
    assert average["y"] >= name["y"] + name["height"] - 6
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # the numbers move, the name stays
    page.evaluate("document.querySelector('.lt-scroll').scrollLeft = 150")
    page.wait_for_timeout(100)
    moved = row.locator(".lt-name").bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(name["x"], abs=1)
    page.click(".lt-sheet-button")
    page.locator("summary", has_text="Type").click()
    page.locator(".lt-sheet .lt-choice", has_text="merge").first.click()
    page.locator(".lt-sheet footer button").click()
    expect(page.locator(".lt-sheet-button")).to_have_text("Filters (1)")
    assert asked(page) == {"types": "merge"}


def test_a_touch_opens_a_rows_actions(browser: Browser, sample: Served) -> None:
    context = browser.new_context(viewport=NARROW, has_touch=True)  # type: ignore[arg-type]
    page = context.new_page()
    open_table(page, sample)
    page.locator(".lt-rows tr[aria-rowindex='3'] .lt-more").tap()
    page.get_by_role("button", name="Pin (p)").tap()
    assert page.locator(".lt-pins tr").count() == 1
    context.close()


def test_the_table_can_be_read_and_used_by_everybody(
    page: Page, sample: Served, faults: Callable[[Page], list[str]]
) -> None:
    open_table(page, sample, "?types=merge&q=a")
    assert faults(page) == []
    opened(page, "Size")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert faults(page) == []
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.wait_for_timeout(200)
    assert faults(page) == []


def test_rows_that_cannot_be_fetched_are_asked_for_again(browser: Browser, sample: Served) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/board/rows/*.json", lambda route: route.abort())
    page.goto(sample.url)
    expect(page.locator(".lt-empty strong")).to_have_text("The rows could not be fetched.")
    page.unroute("**/board/rows/*.json")
    page.click("text=Try again")
    page.wait_for_selector(".lt:not([aria-busy])")
    expect(page.locator(".lt-empty")).to_be_hidden()
    assert len(names(page)) > 10
    context.close()


def test_a_change_is_announced_once_and_counting_leaves_the_chips_alone(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=merge,chat")
    page.wait_for_selector(".lt-rows td.lt-c-bbh[class*=lt-x]")  # the last columns have come
    page.evaluate(
        """() => {
            window.changes = { status: 0, chips: 0, counts: 0 };
            const count = (name, where, what) => new MutationObserver(() => window.changes[name]++)
                .observe(document.querySelector(where), { ...what, childList: true });
            count('status', '.lt-count');
            count('chips', '.lt-chips');
            count('counts', '.lt-sizes', { subtree: true });
        }"""
    )
    page.get_by_role("button", name="Remove merge").click()
    until(page, "window.changes.counts > 1")  # at once with the rows, and again when counted
    assert page.evaluate("window.changes").items() >= {"status": 1, "chips": 1}.items()


def test_screenshots(page: Page, sample: Served, shoot: Callable[[Page, str], None]) -> None:
    open_table(page, sample)
    shoot(page, "table")


def test_an_empty_board_says_so_instead_of_blaming_a_filter(page: Page, serve: Serve, tmp_path: Path) -> None:
    page.goto(serve(tmp_path).url)
    expect(page.locator(".lt-empty")).to_contain_text("This board has no results yet.")
    expect(page.locator(".lt-empty button")).to_have_count(0)


def test_one_thing_scrolls(page: Page, sample: Served) -> None:
    open_table(page, sample)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
