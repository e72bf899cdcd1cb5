"""The Compare page: differences with intervals, unlike settings called out, and the questions two models part on."""

from __future__ import annotations

import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Served

CHAT, BASE = "tidewater-ml/Estuary-7.62B-Instruct~bfloat16", "tidewater-ml/Estuary-7.62B~bfloat16"
BOTH = quote(f"{CHAT},{BASE}")


def test_two_models_stand_side_by_side_with_their_difference(sample: Served, page: Page, shoot, faults) -> None:
    page.goto(f"{sample.url}/compare?models={BOTH}")
    average = page.locator(".lb-average")
    expect(average.locator(".lb-difference")).to_contain_text("to")
    expect(page.locator(".lb-contrasts thead th")).to_have_count(3)
    assert not faults(page)
    shoot(page, "compare")


def test_answers_to_the_same_questions_are_paired(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/compare?models={BOTH}")
    page.locator(".lb-questions summary").first.click()
    shown = page.locator(".lb-disagreements > li")
    expect(shown.first).to_be_visible()
    first = shown.first.locator("dd small")
    assert sorted(first.all_text_contents()) == ["right", "wrong"]


def test_questions_of_a_gated_benchmark_are_never_shown(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/compare?models={BOTH}")
    page.locator(".lb-questions summary", has_text="Diamond").click()
    question = page.locator(".lb-disagreements .lb-question").first
    expect(question).to_contain_text("not shown: this benchmark is never shown in plain text")


def test_settings_that_were_not_alike_are_called_out(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/compare?models={BOTH}")
    expect(page.get_by_role("heading", name="Settings that differ")).to_be_visible()
    expect(page.locator(".lb-unlike tbody th").first).to_contain_text("Chat template")


def test_a_model_is_added_by_name_taken_out_and_put_first(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/compare?models={quote(CHAT)}")
    expect(page.locator(".lb-intro")).to_contain_text("Choose two to six")
    page.get_by_label("Add a model").press_sequentially("estuary-7.62b")
    expect(page.locator("#lb-names option").first).to_be_attached()
    page.get_by_label("Add a model").fill(BASE)
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".lb-contrasts thead th").nth(1)).to_contain_text("Instruct")
    page.get_by_role("link", name=re.compile("^Put .* first$")).click()
    expect(page.locator(".lb-contrasts thead th").nth(2)).to_contain_text("Instruct")
    page.get_by_role("link", name="Remove tidewater-ml/Estuary-7.62B-Instruct").click()
    expect(page.locator(".lb-picked li")).to_have_count(1)


def test_a_reader_who_chose_nothing_is_offered_comparisons(sample: Served, page: Page, faults) -> None:
    page.goto(f"{sample.url}/compare")
    assert not faults(page)
    page.get_by_role("link", name="The best of each size").click()
    expect(page.locator(".lb-contrasts thead th")).to_have_count(7)


def test_models_chosen_on_the_table_are_compared_without_an_address(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/about")
    page.evaluate(f"localStorage.setItem('lb.compare', JSON.stringify(['{CHAT}', '{BASE}']))")
    page.goto(f"{sample.url}/compare")
    expect(page.locator(".lb-contrasts thead th")).to_have_count(3)


def test_a_link_to_a_row_that_is_gone_says_so(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/compare?models={BOTH},nobody/nothing")
    expect(page.get_by_role("alert")).to_contain_text("No model of this board is called “nobody/nothing”")
