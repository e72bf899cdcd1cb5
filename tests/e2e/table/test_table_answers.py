"""What the table answers, in a real browser: search, filters, order, ranks and columns."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Served
from tests.e2e.table.tables import COUNT, SEARCH, asked, choose, column, names, open_table, opened, title_of, until

pytestmark = pytest.mark.browser


# ── search ──


def test_a_search_narrows_as_it_is_typed_and_marks_what_it_found(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.keyboard.press("/")
    page.keyboard.type("bracken instruct")
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 126 runs$"))
    assert names(page)
    assert all("bracken" in name.lower() and "instruct" in name.lower() for name in names(page))
    marked = page.evaluate("() => [...CSS.highlights.get('lt-hit')].map(range => range.toString().toLowerCase())")
    assert set(marked) == {"bracken", "instruct"}
    until(page, "location.search === '?q=bracken+instruct'")


def test_deleting_the_search_with_the_keyboard_brings_all_rows_back(page: Page, sample: Served) -> None:
    open_table(page, sample, "?q=zz")
    for key in ("/", "Backspace", "Backspace"):
        page.keyboard.press(key)
    expect(page.locator(COUNT)).to_have_text("126 runs")
    until(page, "location.search === ''")


def test_a_pattern_that_cannot_be_read_says_so_and_keeps_the_rows(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.fill(SEARCH, "/^tide/")
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 126 runs$"))
    before = names(page)
    page.fill(SEARCH, "/^tide(/")
    expect(page.locator(COUNT)).to_contain_text("cannot be read")
    expect(page.locator(SEARCH)).to_have_attribute("aria-invalid", "true")
    assert names(page) == before


def test_a_hostile_pattern_in_a_link_does_not_hold_the_page(page: Page, sample: Served) -> None:
    open_table(page, sample, "?q=/(a*)*(a|a)*(a|a)*!/")
    expect(page.locator(COUNT)).to_have_text("0 of 126 runs")


# ── filters ──


def test_choices_have_counts_that_follow_the_other_filters(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.click("[data-part=types]")
    merges = page.locator(".lt-pop .lt-choice", has_text="merge").first
    n = int(merges.locator(".lt-n").inner_text())
    merges.click()
    expect(page.locator(COUNT)).to_have_text(f"{n} of 126 runs")
    page.keyboard.press("Escape")
    edge = page.locator(".lt-sizes .lt-chip").first
    smaller = int(edge.locator(".lt-n").inner_text())
    assert 0 < smaller < n
    edge.click()
    expect(page.locator(COUNT)).to_have_text(f"{smaller} of 126 runs")
    assert asked(page) == {"types": "merge", "size": "0-3"}


def test_chips_take_filters_away_one_by_one_and_reset_takes_all(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=chat,merge&hide=flagged&params=1,20")
    chips = page.locator(".lt-chips button")
    assert chips.all_inner_texts() == ["chat", "merge", "1–20 B"]
    page.get_by_role("button", name="Remove merge").click()
    assert asked(page) == {"types": "chat", "params": "1,20"}
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(COUNT)).to_have_text("126 runs")
    assert asked(page) == {}
    expect(page.get_by_role("button", name="Reset")).to_be_hidden()


@pytest.mark.parametrize(
    ("part", "choice", "params"),
    [
        ("Family", "Qwen", {"family"}),
        ("Precision", "float16", {"precision"}),
        ("Licence", "apache-2.0", {"license"}),
        ("Hide", "Merges", {"hide"}),
        ("Hide", "Official only", {"official"}),
    ],
)
def test_each_filter_narrows_and_stands_in_the_address(
    page: Page, sample: Served, part: str, choice: str, params: set[str]
) -> None:
    open_table(page, sample)
    fold = opened(page, part)
    (
        fold.locator(".lt-choice").first if part == "Family" else fold.locator(".lt-choice", has_text=choice).first
    ).click()
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 126 runs$"))
    assert set(asked(page)) == params


def test_a_filter_button_closes_its_own_menu_and_yields_to_the_next(page: Page, sample: Served) -> None:
    open_table(page, sample)
    menu = page.locator(".lt-pop")
    types, fits = page.locator("[data-part=types]"), page.locator("[data-part=fits]")
    types.click()
    expect(menu).to_be_visible()
    types.click()
    expect(menu).to_be_hidden()
    expect(types).to_have_attribute("aria-expanded", "false")
    types.click()
    expect(menu).to_be_visible()
    fits.click()
    expect(page.locator(".lt-pop-fits")).to_be_visible()
    expect(types).to_have_attribute("aria-expanded", "false")
    expect(fits).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    fits.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()


def test_the_size_range_and_the_dates_filter(page: Page, sample: Served) -> None:
    open_table(page, sample)
    opened(page, "Size")
    page.get_by_label("Size from, billions of parameters").fill("7")
    page.get_by_label("Size up to, billions of parameters").fill("14")
    page.keyboard.press("Tab")
    until(page, "location.search === '?params=7,14'")
    page.keyboard.press("Escape")
    sizes = [float(size) for size in column(page, "params-b")]
    assert sizes
    assert all(7 <= size < 14 for size in sizes)
    opened(page, "Dates")
    page.get_by_label("Submitted to the board, from").fill("2025-01-01")
    until(page, "location.search.includes('submitted=2025-01-01')")


def test_an_empty_table_offers_the_filters_to_drop(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=pretrained&q=instruct")
    expect(page.locator(".lt-empty strong")).to_have_text("No model matches.")
    ways = page.locator(".lt-ways button")
    drop = ways.filter(has_text="Drop type")
    wanted = re.search(r"(\d+) runs?$", drop.inner_text())
    assert wanted
    drop.click()
    expect(page.locator(".lt-empty")).to_be_hidden()
    expect(page.locator(COUNT)).to_have_text(f"{wanted[1]} of 126 runs")


# ── sorting, ranks, columns ──


def test_a_header_sorts_shift_adds_a_second_and_missing_scores_stay_last(page: Page, small: Served) -> None:
    open_table(page, small)
    page.click("th.lt-c-math button")
    assert asked(page) == {"sort": "-math"}
    assert column(page, "math") == ["21.0", "20.0", "20.0", "11.0", "10.0", "10.0", "1.0", "0.0", "–"]
    page.click("th.lt-c-math button")
    page.click("th.lt-c-params-b button", modifiers=["Shift"])
    assert asked(page) == {"sort": "math,-params_b"}
    assert column(page, "math") == ["0.0", "1.0", "10.0", "10.0", "11.0", "20.0", "20.0", "21.0", "–"]
    assert column(page, "params-b")[5:7] == ["70.6", "8.0"]
    assert page.get_attribute("th.lt-c-math", "aria-sort") == "ascending"
    assert page.get_attribute("th.lt-c-params-b", "aria-sort") == "descending"


def test_a_partial_row_has_no_rank_and_stands_below_every_whole_row(page: Page, small: Served) -> None:
    open_table(page, small)
    assert names(page)[-1] == "bolt/partial-7b"
    assert column(page, "rank")[-1] == "–"
    page.click("th.lt-c-average button")
    assert asked(page) == {"sort": "average"}
    assert names(page)[-1] == "bolt/partial-7b"


def test_ranks_count_the_whole_board_or_what_is_shown(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=merge")
    assert column(page, "rank")[0] != "1"
    choose(page, "ranking", "Among the models shown")
    assert column(page, "rank")[0] == "1"
    assert asked(page) == {"types": "merge", "rank": "shown"}


def test_the_average_follows_the_columns_when_asked_to(page: Page, small: Served) -> None:
    open_table(page, small, "?columns=average,ifeval,bbh&average=shown&q=nut")
    assert column(page, "average") == ["12.50"]
    assert title_of(page, "td.lt-c-average").startswith("12.5")
    assert "between" not in title_of(page, "td.lt-c-average")


def test_raw_scores_replace_the_published_ones(page: Page, sample: Served) -> None:
    open_table(page, sample)
    published = column(page, "gpqa")
    choose(page, "ranking", "Raw")
    until(page, "wanted => document.querySelector('.lt-rows td.lt-c-gpqa').firstChild.data !== wanted", published[0])
    assert float(column(page, "gpqa")[0]) > float(published[0])


def test_chosen_columns_are_fetched_shown_and_remembered(page: Page, sample: Served) -> None:
    open_table(page, sample)
    choose(page, "columns", "Base model")
    expect(page.locator("th.lt-c-base-model")).to_be_visible()
    until(page, "[...document.querySelectorAll('td.lt-c-base-model')].some(td => td.innerText.includes('/'))")
    chosen = asked(page)
    assert "base_model" in chosen["columns"]
    open_table(page, sample)
    expect(page.locator("th.lt-c-base-model")).to_be_visible()
    assert asked(page) == chosen  # a link copied from here shows the same
    page.click("[data-part=columns]")
    page.get_by_role("button", name="Default columns").click()
    expect(page.locator("th.lt-c-base-model")).to_be_hidden()
    open_table(page, sample)
    expect(page.locator("th.lt-c-base-model")).to_be_hidden()


def test_a_link_shows_everybody_its_own_columns_whatever_was_chosen_before(page: Page, sample: Served) -> None:
    open_table(page, sample, "?suite=open-llm-v1")
    choose(page, "columns", "HellaSwag")
    expect(page.locator("th.lt-c-hellaswag")).to_be_hidden()
    open_table(page, sample, "?suite=open-llm-v1&average=shown")
    expect(page.locator("th.lt-c-hellaswag")).to_be_visible()
    assert asked(page) == {"suite": "open-llm-v1", "average": "shown"}
    open_table(page, sample, "?suite=open-llm-v1")
    expect(page.locator("th.lt-c-hellaswag")).to_be_hidden()


def test_intervals_stand_behind_the_numbers_and_in_words(page: Page, sample: Served) -> None:
    open_table(page, sample)
    assert re.fullmatch(r"±\d+\.\d", page.locator(".lt-rows td.lt-c-average .lt-aside").first.inner_text())
    page.wait_for_selector(".lt-rows td.lt-c-bbh[class*=lt-x]")
    assert re.search(r"between [\d.]+ and [\d.]+ with 95 % confidence", title_of(page, "td.lt-c-bbh"))
    assert re.search(r"between \d+ and \d+ with 95 % confidence", title_of(page, "td.lt-c-rank"))


def test_a_misspelled_name_is_found_in_one_more_click(page: Page, small: Served, faults) -> None:
    open_table(page, small)
    page.fill(SEARCH, "anvli")
    page.get_by_role("button", name="anvil: 5 runs").click()
    expect(page.locator(".lt-empty")).to_be_hidden()
    assert all("anvil" in name for name in names(page))
    assert page.input_value(SEARCH) == "anvil"
    assert not faults(page)


def test_a_whole_name_can_be_found_and_copied(page: Page, sample: Served) -> None:
    open_table(page, sample)
    name = names(page)[5]
    assert page.evaluate("name => window.find(name)", name)
    assert page.evaluate("getSelection().toString()") == name
    assert page.evaluate("getSelection().anchorNode.data") == name  # one text node
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("getSelection().removeAllRanges()")
    assert page.evaluate("name => window.find(name)", name)
