"""The rows that come with the page: the same that the script writes, in place before it, and of use without it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import NARROW, WIDE, Served
from tests.e2e.table.tables import COUNT, SEARCH, asked, names, open_table, until

pytestmark = pytest.mark.browser

ROWS = "**/board/rows/*.json"
CODE = "**/board/table/*.js"

CELLS = """() => [...document.querySelectorAll('.lt-grid tr:not([hidden])')].slice(0, 30).map(row => {
    const cells = [...row.cells].map(cell => {
        const copy = cell.cloneNode(true);
        copy.querySelector('.lt-acts')?.remove();
        for (const node of [copy, ...copy.querySelectorAll('*')]) {
            for (const name of ['form', 'name', 'value', 'type', 'title']) node.removeAttribute(name);
            node.className = [...node.classList].filter(name => !/^lt-([wx]\\d+|chance)$/.test(name)).sort().join(' ');
        }
        return copy.outerHTML.replace(' class=""', '');
    });
    return [row.id, row.ariaRowIndex, ...cells];
})"""


def hold(page: Page, address: str) -> Callable[[], None]:
    """Let requests for `address` wait until the function returned is called."""
    held: list[Route] | None = []

    def wait(route: Route) -> None:
        if held is None:
            route.continue_()
        else:
            held.append(route)

    def release() -> None:
        nonlocal held
        waiting, held = held or [], None
        for route in waiting:
            route.continue_()

    page.route(address, wait)
    return release


@pytest.mark.parametrize(
    "view",
    [
        "",
        "?suite=open-llm-v1",
        "?q=bracken+7b&sort=-math,params_b&pinned=tidewater-ml/Estuary-72.7B-Instruct",
        "?columns=average,ifeval,base_model,license,upload_date,flagged,likes,revision&sort=model",
        "?aggregate=win_rate&weights=math:3&rank=shown&types=merge",
        "?score=raw&sort=-gpqa&average=shown&columns=average,gpqa,ifeval",
        "?q=/^tide/&size=edge",
    ],
)
def test_the_script_writes_the_rows_that_the_page_brought_along(page: Page, sample: Served, view: str) -> None:
    release = hold(page, ROWS)
    page.goto(f"{sample.url}/{view}")
    until(page, "window.lbEarlyKeys === null")  # the script is there
    brought = page.evaluate(CELLS)
    count = page.inner_text(COUNT)
    release()
    page.wait_for_selector(".lt:not([aria-busy])")
    until(page, "document.querySelectorAll('.lt-rows.lt-first').length === 0")
    page.wait_for_timeout(150)
    written = page.evaluate(CELLS)
    assert len(brought) > 1
    for before, after in zip(brought, written, strict=False):
        assert after == before
    assert page.inner_text(COUNT) == count


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("view", ["", "?types=merge&q=b&sort=-bbh"])
def test_nothing_moves_when_the_script_takes_over(page: Page, sample: Served, size: dict, view: str) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.add_init_script(
        """window.shifts = 0;
        new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifts += entry.value; }))
            .observe({ type: 'layout-shift', buffered: true });"""
    )
    release_code, release_rows = hold(page, CODE), hold(page, ROWS)
    page.goto(f"{sample.url}/{view}", wait_until="commit")
    page.wait_for_selector(".lt-rows .lt-name")
    page.wait_for_timeout(300)
    release_code()
    page.wait_for_timeout(300)
    release_rows()
    page.wait_for_selector(".lt:not([aria-busy])")
    page.wait_for_timeout(600)
    assert page.evaluate("window.shifts") < 0.002
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_typed_before_the_script_has_come_is_answered_when_it_has(page: Page, sample: Served) -> None:
    release_code, release_rows = hold(page, CODE), hold(page, ROWS)
    page.goto(sample.url, wait_until="commit")
    page.wait_for_selector(".lt-rows .lt-name")
    page.keyboard.press("/")
    page.keyboard.type("brac")
    release_code()
    until(page, "window.lbEarlyKeys === null")
    page.keyboard.type("ken")
    release_rows()
    page.wait_for_selector(".lt:not([aria-busy])")
    assert page.input_value(SEARCH) == "bracken"
    assert page.evaluate("document.activeElement.name") == "q"
    assert names(page)
    assert all("bracken" in name.lower() for name in names(page))
    until(page, "location.search === '?q=bracken'")


@pytest.mark.parametrize("late", [CODE, ROWS], ids=["the script", "the rows"])
def test_keys_and_clicks_before_the_rows_are_not_lost(page: Page, sample: Served, late: str) -> None:
    release = hold(page, late)
    page.goto(sample.url, wait_until="commit")
    page.wait_for_selector(".lt-rows .lt-name")
    if late == ROWS:
        until(page, "window.lbEarlyKeys === null")
    for key in "jjc":
        page.keyboard.press(key)
    page.click("[data-part=types]")
    release()
    page.wait_for_selector(".lt:not([aria-busy])")
    expect(page.locator("tr[aria-selected=true]")).to_have_count(1)
    assert page.get_attribute("tr.active", "aria-rowindex") == "3"
    expect(page.locator(".lt-pop-types")).to_be_visible()


def test_a_filter_chosen_before_the_rows_have_come_holds_when_they_do(page: Page, sample: Served) -> None:
    release = hold(page, ROWS)
    page.goto(sample.url)
    until(page, "window.lbEarlyKeys === null")
    edge = page.locator(".lt-sizes .lt-chip").first
    edge.click()
    expect(edge).to_have_attribute("aria-pressed", "true")
    release()
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 126 runs$"))
    assert asked(page) == {"size": "0-3"}


def test_a_pattern_engine_is_fetched_when_a_pattern_is_typed(page: Page, sample: Served) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "re2js" in request.url else None)
    open_table(page, sample)
    page.fill(SEARCH, "bracken")
    assert fetched == []
    before = names(page)
    page.fill(SEARCH, "/^tide.*(7|3)\\d?(\\.\\d+)?b/")
    until(page, "before => document.querySelector('.lt-name').textContent !== before", before[0])
    assert len(fetched) == 1
    assert all(name.startswith("tide") for name in names(page))


# ── without JavaScript ──


@pytest.fixture
def plain(browser: Browser) -> Page:
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    yield page
    context.close()


def test_rows_can_be_read_searched_and_sorted_without_a_script(plain: Page, sample: Served) -> None:
    plain.goto(f"{sample.url}/?types=merge,chat")
    rows = plain.locator(".lt-rows tr")
    expect(rows).to_have_count(40)
    expect(plain.locator(".lt-noscript")).to_contain_text("first 40 rows")
    expect(plain.locator("[data-part=types]")).to_be_hidden()
    plain.fill(SEARCH, "bracken")
    plain.keyboard.press("Enter")
    expect(plain.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 126 runs$"))
    assert all("bracken" in name.lower() for name in rows.locator(".lt-name").all_inner_texts())
    plain.click(".lt-sizes .lt-chip >> nth=2")
    plain.click("th.lt-c-bbh button")
    expect(plain.locator("th.lt-c-bbh")).to_have_attribute("aria-sort", "descending")
    scores = [float(text) for text in plain.locator("td.lt-c-bbh").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert {"types=merge%2Cchat", "size=6-10", "q=bracken"} <= set(plain.url.partition("?")[2].split("&"))
    rows.locator(".lt-name").first.click()
    plain.wait_for_url("**/model/**")


def test_the_rows_left_out_are_offered_as_a_file(plain: Page, sample: Served) -> None:
    plain.goto(f"{sample.url}/?types=merge")
    with plain.expect_download() as download:
        plain.click(".lt-noscript a")
    assert download.value.suggested_filename == "open-llm-v2.csv"
