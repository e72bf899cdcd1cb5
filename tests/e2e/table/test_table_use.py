"""What a reader does with the rows: pins, compares, walks by keys, shares and takes away."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Served
from tests.e2e.table.tables import COUNT, SEARCH, asked, choose, names, open_table, until

pytestmark = pytest.mark.browser


# ── pins, comparison, keys ──


def test_two_precisions_of_one_model_are_pinned_apart(page: Page, small: Served) -> None:
    open_table(page, small, "?q=anvil-8b @org:acme&sort=precision")
    both = [at for at, name in enumerate(names(page)) if name == "acme/anvil-8b"]
    page.focus(".lt-grid")
    page.keyboard.press("Home")
    for _ in range(both[-1]):
        page.keyboard.press("j")
    page.keyboard.press("p")
    assert asked(page)["pinned"] == "acme/anvil-8b~float16"
    assert names(page)[0] == "acme/anvil-8b"
    assert page.locator(".lt-pins .lt-run").inner_text() == "fp16"
    open_table(page, small, "?pinned=acme/anvil-8b")
    assert sorted(page.locator(".lt-pins .lt-run").all_inner_texts()) == ["bf16", "fp16"]


def test_the_cursor_stays_on_the_row_that_is_pinned(page: Page, sample: Served) -> None:
    open_table(page, sample)
    for key in "jjjj":
        page.keyboard.press(key)
    active = page.locator("tr.active")
    fourth = names(page)[3]
    for place in ("2", "5"):  # pinned, and no longer; the header is the first
        page.keyboard.press("p")
        expect(active.locator(".lt-name")).to_have_text(fourth)
        expect(active.locator(".lt-acts")).to_be_visible()
        assert page.get_attribute(".lt-grid", "aria-activedescendant") == active.get_attribute("id")
        assert active.get_attribute("aria-rowindex") == place
    page.click(".lt-sizes .lt-chip")
    expect(active).to_have_count(0)
    assert page.get_attribute(".lt-grid", "aria-activedescendant") is None


def test_the_keyboard_leads_from_search_to_row_to_model_and_back(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.keyboard.press("/")
    page.keyboard.type("bracken")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("j")
    wanted = page.locator("tr.active .lt-name").text_content()
    assert page.get_attribute(".lt-grid", "aria-activedescendant") == page.locator("tr.active").get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/model/"))
    assert wanted
    assert wanted in page.url
    page.go_back()
    page.wait_for_selector("tr.active")
    assert page.locator("tr.active .lt-name").text_content() == wanted
    assert page.input_value(SEARCH) == "bracken"


def test_rows_are_chosen_for_comparison_and_the_choice_is_kept(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.evaluate("addEventListener('lb:compare', event => { window.chosen = event.detail; })")
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.keyboard.press("j")
    page.keyboard.press("c")
    compare = page.locator(".lt-compare")
    expect(compare).to_have_text("Compare 2")
    assert page.evaluate("window.chosen").__len__() == 2
    assert page.locator("tr[aria-selected=true]").count() == 2
    open_table(page, sample, "?types=merge")
    expect(compare).to_have_text("Compare 2")


def test_the_keys_are_listed_and_typing_in_the_search_triggers_none(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.keyboard.press("?")
    expect(page.locator(".lt-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".lt-keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("jpc?")
    assert page.input_value(SEARCH) == "jpc?"
    assert "pinned" not in asked(page)


def test_a_row_offers_its_actions_to_the_pointer(page: Page, sample: Served) -> None:
    open_table(page, sample)
    first = names(page)[0]
    page.hover(".lt-rows tr[aria-rowindex='2'] .lt-name")
    page.get_by_role("button", name="Copy the name").click()
    assert page.evaluate("navigator.clipboard.readText()") == first
    page.get_by_role("button", name="Pin (p)").click()
    assert page.locator(".lt-pins .lt-name").text_content() == first


@pytest.mark.parametrize("changed", ["sorted", "searched"])
def test_a_rows_actions_are_those_of_the_model_in_sight(page: Page, sample: Served, changed: str) -> None:
    open_table(page, sample)
    row = page.locator(".lt-rows tr:has(.lt-acts)")
    page.hover(".lt-rows tr[aria-rowindex='2'] .lt-name")
    before = row.locator(".lt-name").text_content()
    if changed == "sorted":
        page.evaluate("document.querySelector('th.lt-c-model button').click()")  # the mouse stays where it is
    else:
        page.keyboard.press("/")
        page.keyboard.type("bracken")
    page.wait_for_timeout(300)  # the browser may find another row under the mouse, now that they have moved
    now = row.locator(".lt-name").text_content()
    assert now != before
    page.evaluate("document.querySelector('.lt-acts [title=\"Copy the name\"]').click()")
    expect(page.locator(".lt-notice")).to_have_text("Name copied")
    assert page.evaluate("navigator.clipboard.readText()") == now
    page.evaluate("document.querySelector('.lt-acts button').click()")
    expect(page.locator(".lt-pins .lt-name")).to_have_text(now or "")


def test_a_row_scrolled_away_takes_its_actions_along(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.keyboard.press("j")
    expect(page.locator("tr.active .lt-acts")).to_be_visible()
    page.evaluate("document.querySelector('.lt-scroll').scrollTop = 36 * 90")
    expect(page.locator("tr.active")).to_have_count(0)
    expect(page.locator(".lt-acts")).to_have_count(0)


# ── rows and their models ──


def test_a_row_of_another_suite_opens_its_page_there(page: Page, sample: Served) -> None:
    open_table(page, sample, "?suite=open-llm-v1")
    first = page.locator(".lt-rows tr[aria-rowindex='2']")
    name = first.locator(".lt-name").text_content()
    average = first.locator("td.lt-c-average").evaluate("cell => cell.firstChild.data")
    first.locator("td.lt-c-average").click()
    page.wait_for_url(re.compile("/model/.*suite=open-llm-v1"))
    expect(page.get_by_role("heading", level=1)).to_have_text(name or "")
    expect(page.locator("tr[data-key=arc]")).to_be_visible()
    expect(page.locator("tr[data-key=average] .lb-value")).to_contain_text(average)


def test_each_revision_of_a_model_opens_its_own_run(page: Page, sample: Served) -> None:
    averages = []
    for at in range(2):
        open_table(page, sample, "?q=Lantern-2-8.03B-Instruct&precision=bfloat16&sort=average")
        row = page.locator(f".lt-rows tr[aria-rowindex='{at + 2}']")
        average = row.locator("td.lt-c-average").evaluate("cell => cell.firstChild.data")
        row.locator(".lt-name").click()
        page.wait_for_url(re.compile("/model/"))
        expect(page.locator("tr[data-key=average] .lb-value")).to_contain_text(average)
        averages.append(average)
    assert averages == ["33.83", "37.51"]


def test_rows_of_another_suite_are_compared_there(page: Page, sample: Served) -> None:
    open_table(page, sample, "?suite=open-llm-v1")
    for key in "jcjc":
        page.keyboard.press(key)
    page.click(".lt-compare")
    page.wait_for_url("**/compare?models=*")
    expect(page.locator(".lb-contrasts thead th")).to_have_count(3)
    expect(page.locator(".lb-contrasts")).to_contain_text("HellaSwag")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Compare (2)").click()
    expect(page.locator(".lb-contrasts")).to_contain_text("HellaSwag")
    open_table(page, sample)  # another board, another choice
    expect(page.locator(".lt-compare")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Compare")).to_have_text("Compare")


# ── addresses ──


def test_back_and_forward_walk_through_the_views(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.locator(".lt-sizes .lt-chip").first.click()
    page.click("th.lt-c-bbh button")
    filtered = names(page)
    page.go_back()
    until(page, "location.search === '?size=0-3'")
    assert page.get_attribute("th.lt-c-average", "aria-sort") == "descending"
    page.go_back()
    expect(page.locator(COUNT)).to_have_text("126 runs")
    page.go_forward()
    page.go_forward()
    until(page, "location.search === '?size=0-3&sort=-bbh'")
    assert names(page) == filtered


def test_back_takes_chosen_columns_away(page: Page, sample: Served) -> None:
    open_table(page, sample)
    choose(page, "columns", "Base model")
    expect(page.locator("th.lt-c-base-model")).to_be_visible()
    page.go_back()
    expect(page.locator("th.lt-c-base-model")).to_be_hidden()
    assert asked(page) == {}
    page.go_forward()
    expect(page.locator("th.lt-c-base-model")).to_be_visible()


def test_a_shared_link_opens_exactly_what_was_seen_in_a_fresh_browser(
    page: Page, sample: Served, browser: Browser
) -> None:
    open_table(
        page, sample, "?q=a&types=chat,merge&sort=-math,params_b&rank=shown&columns=average,math,license,params_b"
    )
    page.click("button:has-text('Share')")
    page.click("text=Copy link")
    expect(page.locator(".lt-notice")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    seen = page.evaluate("document.querySelector('.lt-grid').innerText")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    other = context.new_page()
    other.goto(link)
    other.wait_for_selector(".lt:not([aria-busy])")
    other.wait_for_timeout(300)
    page.wait_for_timeout(300)
    assert other.evaluate("document.querySelector('.lt-grid').innerText") == seen
    context.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("?search=bracken&rankingMode=dynamic", {"q": "bracken", "rank": "shown"}),
        ("?query=bracken&types=fine-tuned,chat", {"q": "bracken", "types": "finetuned,chat"}),
        ("?params=7,65&filters=is_merged&official=true", {"params": "7,65", "hide": "merged", "official": "1"}),
    ],
)
def test_links_to_the_original_board_still_work(page: Page, sample: Served, old: str, new: dict[str, str]) -> None:
    open_table(page, sample, old)
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 12[67] runs$"))
    page.click("button:has-text('Share')")
    page.click("text=Copy link")
    assert asked(page) == new


def test_the_other_suite_has_its_own_table(page: Page, sample: Served) -> None:
    open_table(page, sample, "?suite=open-llm-v1")
    expect(page.locator(COUNT)).to_have_text("40 runs")
    expect(page.locator("th.lt-c-hellaswag")).to_be_visible()


# ── out of the table ──


def test_what_is_shown_downloads_as_csv_and_parquet(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=merge&sort=-bbh&columns=average,bbh,license")
    shown = names(page)
    for kind, read in (("CSV", pd.read_csv), ("Parquet", pd.read_parquet)):
        page.click("button:has-text('Share')")
        with page.expect_download() as download:
            page.click(f"text=Download {kind}")
        with open(download.value.path(), "rb") as file:
            table = read(io.BytesIO(file.read()))
        assert list(table.columns) == ["Rank", "Model", "Precision", "Average", "Average ±", "BBH", "BBH ±", "Licence"]
        assert table["Model"].tolist()[: len(shown)] == shown


def test_what_is_shown_copies_as_markdown(page: Page, small: Served) -> None:
    open_table(page, small, "?q=nut&columns=average,license")
    page.click("button:has-text('Share')")
    page.click("text=Copy as Markdown")
    expect(page.locator(".lt-notice")).to_have_text("Markdown copied")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[:2] == ["| Rank | Model | Average | Licence |", "| ---: | :--- | ---: | :--- |"]
    assert "| bolt/nut-1b | 5.33" in copied[2]
