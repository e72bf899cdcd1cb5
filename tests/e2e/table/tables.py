"""The table as a reader has it before them: what is in sight, and what the address says."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page

from tests.e2e.conftest import Served

COUNT = ".lt-count"
SEARCH = ".lt-search input"


def open_table(page: Page, served: Served, view: str = "") -> None:
    """The front page at a view, with all rows at hand."""
    page.goto(f"{served.url}/{view}")
    page.wait_for_selector(".lt:not([aria-busy])")


def names(page: Page) -> list[str]:
    """The models in sight, from the top, pinned ones first."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.lt-pins tr, .lt-rows tr:not([hidden])')]
            .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(row => row.querySelector('.lt-name').textContent)"""
    )


def column(page: Page, key: str) -> list[str]:
    """The texts of one column in sight, from the top."""
    return page.evaluate(
        """key => [...document.querySelectorAll('.lt-rows tr:not([hidden])')]
            .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
            .map(row => row.querySelector('td.lt-c-' + key).firstChild.textContent)""",
        key,
    )


def title_of(page: Page, cell: str) -> str:
    """What a cell of the eighth row, or of the last before it, says when it is pointed at."""
    target = page.locator(f".lt-rows tr:not([hidden]) {cell}")
    target = target.nth(min(7, target.count() - 1))
    target.hover()
    return target.get_attribute("title") or ""


def asked(page: Page) -> dict[str, str]:
    """The parameters in the address."""
    painted = "() => new Promise(done => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))"
    page.evaluate(painted)  # the address follows the rows
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()}


def choose(page: Page, part: str, text: str) -> None:
    """Open a menu of filters and click a choice."""
    page.click(f"[data-part={part}]")
    page.locator(".lt-pop .lt-choice", has_text=text).first.click()
    page.keyboard.press("Escape")


def opened(page: Page, title: str) -> Locator:
    """The fold of that title in the menu of filters, opened."""
    page.click("[data-part=filters]")
    fold = page.locator(".lt-folds details", has=page.locator("summary", has_text=title)).first
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()
    return fold


def until(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until an expression or function holds on the page: Playwright's own wait needs `unsafe-eval` there."""
    end = time.monotonic() + 15
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(30)
