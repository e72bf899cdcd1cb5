"""The Explore page draws the rows that the table shows, says what it shows, and leads to models."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Served


def drawn(page: Page) -> None:
    expect(page.locator(".lb-plot > svg")).to_be_visible()


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


def test_a_filter_that_leaves_nothing_draws_nothing(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?q=no-such-model", wait_until="networkidle")
    expect(page.locator(".lb-plot")).to_be_hidden()
    expect(page.locator(".lb-downloads")).to_be_hidden()


def test_a_point_opens_its_model_by_pointer_and_by_keyboard(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?q=Estuary-7.62B-Instruct")
    drawn(page)
    page.locator(".lb-plot").focus()
    page.keyboard.press("ArrowRight")  # the last series is the front
    note = page.locator(".lb-note")
    expect(note).to_contain_text("tidewater-ml/Estuary-7.62B-Instruct · Average: ")
    ring = page.locator(".lb-current").bounding_box()
    assert ring
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    page.mouse.move(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    expect(note).to_contain_text("tidewater-ml/Estuary-7.62B-Instruct")
    page.mouse.click(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    page.wait_for_url("**/model/tidewater-ml/Estuary-7.62B-Instruct?*")
    page.go_back()
    drawn(page)
    page.locator(".lb-plot").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url("**/model/tidewater-ml/Estuary-7.62B-Instruct?*")


def test_arrow_keys_walk_along_the_front(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    page.locator(".lb-plot").focus()
    page.keyboard.press("End")
    notes = [page.locator(".lb-note").text_content()]
    for key in ("ArrowLeft", "Home"):
        page.keyboard.press(key)
        notes.append(page.locator(".lb-note").text_content())
    assert len(set(notes)) == 3


def test_arrow_keys_go_to_the_other_series(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore?chart=time")
    drawn(page)
    page.locator(".lb-plot").focus()
    page.keyboard.press("End")  # the largest models'
    largest = page.locator(".lb-note").text_content()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".lb-note")).not_to_have_text(largest)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    expect(page.locator(".lb-note")).to_have_text(largest)


def test_a_highlighted_model_is_named_in_the_sentence_and_ringed(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    field = page.get_by_label("Highlight")
    field.fill("estuary-7.62b-in")
    suggested = page.locator("datalist option").first
    expect(suggested).to_have_attribute("value", "tidewater-ml/Estuary-7.62B-Instruct")
    field.fill("tidewater-ml/Estuary-7.62B-Instruct")
    field.press("Enter")
    expect(page.locator("#lb-chart-words")).to_contain_text("tidewater-ml/Estuary-7.62B-Instruct has ")
    expect(page.locator(".lb-ring")).to_be_visible()
    assert "mark=tidewater-ml%2FEstuary-7.62B-Instruct" in page.url


def test_two_scores_can_be_drawn_against_one_another(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    page.get_by_label("Up").select_option(label="BBH")
    page.get_by_label("Across").select_option(label="IFEval")
    expect(page.locator("#lb-chart-title")).to_have_text("BBH against IFEval")
    expect(page.locator("#lb-chart-words")).to_contain_text("rank correlation is")


def test_names_stand_beside_the_front_and_do_not_cover_one_another(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    boxes = page.locator(".lb-label").evaluate_all("them => them.map(it => it.getBoundingClientRect().toJSON())")
    assert boxes
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            assert (
                one["right"] <= other["left"]
                or other["right"] <= one["left"]
                or (one["bottom"] <= other["top"] + 3 or other["bottom"] <= one["top"] + 3)
            )


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
    drawing = download.value.path().read_text()
    assert drawing.startswith("<svg")
    assert "var(" not in drawing  # a file has its colours in itself
    assert "Score against parameters" in drawing
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_chart_follows_the_theme_without_a_new_answer(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/explore")
    drawn(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    colour = "getComputedStyle(document.querySelector('.lb-plot .lb-dots')).fill"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function(f"{colour} !== '{light}'")
    assert not asked
