"""The Explore page draws the rows that the table shows, says what it shows, and leads to models."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Served


def drawn(page: Page) -> None:
    expect(page.locator(".lb-plot .main-svg").first).to_be_visible()


def test_a_chart_stands_under_a_sentence_that_says_what_it_shows(sample: Served, page: Page, shoot, faults) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    expect(page).to_have_title("Explore · Open LLM Leaderboard")
    expect(page.locator("#lb-chart-words")).to_contain_text("models are on the front")
    assert not faults(page)
    shoot(page, "explore")


def test_a_control_redraws_the_chart_and_stands_in_the_address(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    page.locator("select[name=x]").select_option("co2_kg")
    expect(page.locator("#lb-chart-title")).to_have_text("Score against CO₂ of the evaluation")
    assert "x=co2_kg" in page.url
    page.reload()
    expect(page.locator("select[name=x]")).to_have_value("co2_kg")


def test_every_chart_draws_something(sample: Served, page: Page, shoot) -> None:
    for key in ("time", "spread", "correlations", "health", "scaling"):
        page.goto(f"{sample.url}/explore?chart={key}")
        drawn(page)
        expect(page.locator("#lb-chart-words")).not_to_contain_text("Too few")
        shoot(page, f"explore-{key}")


def test_the_filters_of_the_table_carry_over(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?chart=spread&types=merge&hide=flagged")
    drawn(page)
    expect(page.get_by_label("Filters of the table")).to_contain_text("type: merge")
    expect(page.locator("#lb-chart-words")).to_have_text(re.compile(r"^Median average by type: merge [\d.]+\.$"))


def test_a_filter_that_leaves_nothing_says_what_to_do(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?q=no-such-model")
    expect(page.locator("#lb-chart-words")).to_contain_text("Relax a filter")


def test_a_point_opens_its_model(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?q=Estuary-7.62B-Instruct")
    drawn(page)
    # the pointer's own way is pixels; the event it raises is what the page answers to
    page.evaluate("document.querySelector('.lb-plot').emit('plotly_click', {points: [{customdata: 'a/b~8bit@abc'}]})")
    page.wait_for_url("**/model/a/b?precision=8bit&revision=abc")


def test_the_numbers_can_be_had_as_csv_and_read_without_seeing_the_chart(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?chart=health")
    drawn(page)
    page.get_by_text("The numbers").click()
    expect(page.locator(".lb-numbers th").first).to_have_text("benchmark")
    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    assert download.value.path().read_text("utf-8-sig").startswith("benchmark,")


def test_the_picture_can_be_had(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    assert download.value.path().read_text().startswith("<svg")


def test_the_chart_follows_the_theme_without_a_new_answer(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    colour = "document.querySelector('.lb-plot .ytick text').style.fill"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function(f"{colour} !== '{light}'")
