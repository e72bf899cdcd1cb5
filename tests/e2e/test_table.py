"""The table in a real browser, on the sample and on a board of few models, one behaviour a test."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.e2e.boards import HOSTILE
from tests.e2e.conftest import NARROW, Serve, Served

pytestmark = pytest.mark.browser

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


def said(page: Page, cell: str) -> str:
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


# ── search ──


def test_a_search_narrows_as_it_is_typed_and_marks_what_it_found(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.keyboard.press("/")
    page.keyboard.type("bracken instruct")
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 127 runs$"))
    assert names(page)
    assert all("bracken" in name.lower() and "instruct" in name.lower() for name in names(page))
    marked = page.evaluate("() => [...CSS.highlights.get('lt-hit')].map(range => range.toString().toLowerCase())")
    assert set(marked) == {"bracken", "instruct"}
    page.wait_for_function("location.search === '?q=bracken+instruct'")


def test_deleting_the_search_with_the_keyboard_brings_all_rows_back(page: Page, sample: Served) -> None:
    open_table(page, sample, "?q=zz")
    page.focus(SEARCH)
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(page.locator(COUNT)).to_have_text("127 runs")
    page.wait_for_function("location.search === ''")


def test_a_pattern_that_cannot_be_read_says_so_and_keeps_the_rows(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.fill(SEARCH, "/^tide/")
    before = names(page)
    page.fill(SEARCH, "/^tide(/")
    expect(page.locator(COUNT)).to_contain_text("cannot be read")
    expect(page.locator(SEARCH)).to_have_attribute("aria-invalid", "true")
    assert names(page) == before


def test_a_hostile_pattern_in_a_link_does_not_hold_the_page(page: Page, sample: Served) -> None:
    open_table(page, sample, "?q=/(a*)*(a|a)*(a|a)*!/")
    expect(page.locator(COUNT)).to_have_text("0 of 127 runs")


# ── filters ──


def test_choices_have_counts_that_follow_the_other_filters(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.click("[data-part=types]")
    merges = page.locator(".lt-pop .lt-choice", has_text="merge").first
    n = int(merges.locator(".lt-n").inner_text())
    merges.click()
    expect(page.locator(COUNT)).to_have_text(f"{n} of 127 runs")
    page.keyboard.press("Escape")
    edge = page.locator(".lt-sizes .lt-chip").first
    smaller = int(edge.locator(".lt-n").inner_text())
    assert 0 < smaller < n
    edge.click()
    expect(page.locator(COUNT)).to_have_text(f"{smaller} of 127 runs")
    assert asked(page) == {"types": "merge", "size": "edge"}


def test_chips_take_filters_away_one_by_one_and_reset_takes_all(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=chat,merge&hide=flagged&params=1,20")
    chips = page.locator(".lt-chips button")
    assert chips.all_inner_texts() == ["chat", "merge", "1–20 B", "no flagged"]
    page.get_by_role("button", name="Remove merge").click()
    assert asked(page) == {"types": "chat", "hide": "flagged", "params": "1,20"}
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(COUNT)).to_have_text("127 runs")
    assert asked(page) == {}
    expect(page.get_by_role("button", name="Reset")).to_be_disabled()


@pytest.mark.parametrize(
    ("part", "choice", "params"),
    [
        ("family", "Qwen", {"family"}),
        ("precision", "float16", {"precision"}),
        ("license", "apache-2.0", {"license"}),
        ("hide", "Flagged", {"hide"}),
        ("hide", "Official only", {"official"}),
    ],
)
def test_each_filter_narrows_and_stands_in_the_address(
    page: Page, sample: Served, part: str, choice: str, params: set[str]
) -> None:
    open_table(page, sample)
    page.click(f"[data-part={part}]")
    row = (
        page.locator(".lt-pop .lt-choice", has_text=choice).first
        if part != "family"
        else page.locator(".lt-choice").first
    )
    row.click()
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 127 runs$"))
    assert set(asked(page)) == params


def test_the_size_range_and_the_dates_filter(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.click("[data-part=size]")
    page.get_by_label("Size from, billions of parameters").fill("7")
    page.get_by_label("Size up to, billions of parameters").fill("14")
    page.keyboard.press("Tab")
    page.wait_for_function("location.search === '?params=7,14'")
    page.keyboard.press("Escape")
    sizes = [float(size) for size in column(page, "params-b")]
    assert sizes
    assert all(7 <= size < 14 for size in sizes)
    page.click("[data-part=dates]")
    page.get_by_label("Submitted to the board, from").fill("2025-01-01")
    page.wait_for_function("location.search.includes('submitted=2025-01-01')")


def test_an_empty_table_offers_the_filters_to_drop(page: Page, sample: Served) -> None:
    open_table(page, sample, "?types=pretrained&q=instruct")
    expect(page.locator(".lt-empty strong")).to_have_text("No model matches.")
    ways = page.locator(".lt-ways button")
    drop = ways.filter(has_text="Drop type")
    wanted = re.search(r"(\d+) runs?$", drop.inner_text())
    assert wanted
    drop.click()
    expect(page.locator(".lt-empty")).to_be_hidden()
    expect(page.locator(COUNT)).to_have_text(f"{wanted[1]} of 127 runs")


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
    choose(page, "display", "Among the models shown")
    assert column(page, "rank")[0] == "1"
    assert asked(page) == {"types": "merge", "rank": "shown"}


def test_the_average_follows_the_columns_when_asked_to(page: Page, small: Served) -> None:
    open_table(page, small, "?columns=average,ifeval,bbh&average=shown&q=nut")
    assert column(page, "average") == ["12.50"]
    assert said(page, "td.lt-c-average").startswith("12.5")
    assert "between" not in said(page, "td.lt-c-average")


def test_raw_scores_replace_the_published_ones(page: Page, sample: Served) -> None:
    open_table(page, sample)
    published = column(page, "gpqa")
    choose(page, "display", "Raw")
    page.wait_for_function(
        "wanted => document.querySelector('.lt-rows td.lt-c-gpqa').firstChild.data !== wanted", arg=published[0]
    )
    assert float(column(page, "gpqa")[0]) > float(published[0])


def test_chosen_columns_are_fetched_shown_and_remembered(page: Page, sample: Served) -> None:
    open_table(page, sample)
    choose(page, "columns", "Base model")
    expect(page.locator("th.lt-c-base-model")).to_be_visible()
    page.wait_for_function(
        "[...document.querySelectorAll('td.lt-c-base-model')].some(td => td.innerText.includes('/'))"
    )
    assert "base_model" in asked(page)["columns"]
    open_table(page, sample)
    expect(page.locator("th.lt-c-base-model")).to_be_visible()
    page.click("[data-part=columns]")
    page.get_by_role("button", name="Default columns").click()
    expect(page.locator("th.lt-c-base-model")).to_be_hidden()
    open_table(page, sample)
    expect(page.locator("th.lt-c-base-model")).to_be_hidden()


def test_intervals_stand_behind_the_numbers_and_in_words(page: Page, sample: Served) -> None:
    open_table(page, sample)
    assert re.fullmatch(r"±\d+\.\d", page.locator(".lt-rows td.lt-c-average .lt-aside").first.inner_text())
    page.wait_for_selector(".lt-rows td.lt-c-bbh[class*=lt-x]")
    assert re.search(r"between [\d.]+ and [\d.]+ with 95 % confidence", said(page, "td.lt-c-bbh"))
    assert re.search(r"between \d+ and \d+ with 95 % confidence", said(page, "td.lt-c-rank"))


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


# ── addresses ──


def test_back_and_forward_walk_through_the_views(page: Page, sample: Served) -> None:
    open_table(page, sample)
    page.locator(".lt-sizes .lt-chip").first.click()
    page.click("th.lt-c-bbh button")
    filtered = names(page)
    page.go_back()
    page.wait_for_function("location.search === '?size=edge'")
    assert page.get_attribute("th.lt-c-average", "aria-sort") == "descending"
    page.go_back()
    expect(page.locator(COUNT)).to_have_text("127 runs")
    page.go_forward()
    page.go_forward()
    page.wait_for_function("location.search === '?size=edge&sort=-bbh'")
    assert names(page) == filtered


def test_a_shared_link_opens_exactly_what_was_seen_in_a_fresh_browser(
    page: Page, sample: Served, browser: Browser
) -> None:
    open_table(
        page, sample, "?q=a&types=chat,merge&sort=-math,params_b&rank=shown&columns=average,math,license,params_b"
    )
    page.click("button:has-text('Share')")
    page.click("text=Copy link")
    expect(page.locator(".lt-said")).to_have_text("Link copied")
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


def test_the_first_screen_of_a_link_is_filtered_by_the_server(page: Page, sample: Served) -> None:
    page.route("**/board/rows/*.json", lambda route: None)  # never answered
    page.goto(f"{sample.url}/?types=merge&q=bracken")
    page.wait_for_selector(".lt-rows tr:not([hidden]) .lt-start:not(:empty)")
    assert all("bracken" in name.lower() for name in names(page))


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
    expect(page.locator(COUNT)).to_have_text(re.compile(r"^\d+ of 127 runs$"))
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
        assert list(table.columns) == ["Rank", "Model", "Precision", "Average", "BBH", "Licence"]
        assert table["Model"].tolist()[: len(shown)] == shown


def test_what_is_shown_copies_as_markdown(page: Page, small: Served) -> None:
    open_table(page, small, "?q=nut&columns=average,license")
    page.click("button:has-text('Share')")
    page.click("text=Copy as Markdown")
    expect(page.locator(".lt-said")).to_have_text("Markdown copied")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[:2] == ["| Rank | Model | Average | Licence |", "| --: | --- | --: | --- |"]
    assert copied[2].endswith("| bolt/nut-1b | 5.33 | mit |")


# ── strangers' names, widths, speed of hand ──


def test_a_hostile_name_is_shown_as_text_and_runs_nothing(page: Page, small: Served) -> None:
    dialogs: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    open_table(page, small, "?columns=license&pinned=%3Cimg%20src%3Dx%20onerror%3Dalert(3)%3E")
    assert HOSTILE in names(page)
    page.click("[data-part=license]")
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
    page.wait_for_selector("tr[aria-rowindex='128']")
    assert page.locator(".lt-rows tr").count() < 60
    assert page.get_attribute(".lt-grid", "aria-rowcount") == "128"


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
    page.click("[data-part=size]")
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
