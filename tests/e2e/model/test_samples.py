"""The samples browser on a model's page: every answer, filtered, searched, opened, linked to."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Served

MODEL = "model/tidewater-ml/Estuary-7.62B-Instruct"


def opened(page: Page, served: Served, query: str = "") -> None:
    page.goto(f"{served.url}/{MODEL}{query}")
    page.get_by_role("tab", name="Samples").click()
    expect(page.locator(".lb-answers > li").first).to_be_visible()


def test_answers_are_listed_when_the_tab_is_opened_and_not_before(sample: Served, page: Page, shoot, faults) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/samples/" in request.url else None)
    page.goto(f"{sample.url}/{MODEL}")
    page.get_by_role("tab", name="Samples").wait_for()
    assert not [url for url in asked if "samples/list" in url]
    opened(page, sample)
    expect(page.locator(".lb-answers > li")).to_have_count(20)
    assert not faults(page)
    shoot(page, "samples")


def test_wrong_answers_can_be_picked_out(sample: Served, page: Page) -> None:
    opened(page, sample)
    page.get_by_role("link", name="Wrong").click()
    expect(page.locator(".lb-samples [role=status]")).to_contain_text("wrong answers of 250")
    assert set(page.locator(".lb-grade").all_text_contents()) == {"wrong"}
    assert "outcome=wrong" in page.url


def test_what_changed_against_the_base_is_found(sample: Served, page: Page) -> None:
    opened(page, sample)
    page.get_by_role("link", name="Changed against the base").click()
    expect(page.locator(".lb-samples [role=status]")).to_contain_text("changed answers of 250")


def test_the_text_is_searched(sample: Served, page: Page) -> None:
    opened(page, sample)
    page.get_by_label("Search questions and answers").fill("item 8)")
    page.keyboard.press("Enter")
    expect(page.locator(".lb-answers > li")).to_have_count(1)
    page.get_by_label("Search questions and answers").fill("nowhere to be found")
    page.keyboard.press("Enter")
    expect(page.get_by_text("None. Relax the filter:")).to_be_visible()


def test_an_answer_opens_whole_and_its_link_finds_it_again(sample: Served, page: Page) -> None:
    opened(page, sample)
    page.locator(".lb-answers summary").nth(3).click()
    whole = page.locator(".lb-answers details[open]")
    expect(whole.get_by_text("Log-likelihood")).to_be_visible()
    question = whole.locator(".lb-question").inner_text()
    page.goto(f"{sample.url}/{whole.get_by_role('link', name='Link to this answer').get_attribute('href')}")
    expect(page.locator(".lb-answers > li")).to_have_count(1)
    expect(page.locator(".lb-question").first).to_have_text(question)


def test_of_a_gated_benchmark_no_question_leaves_the_server(sample: Served, page: Page) -> None:
    opened(page, sample, "?task=leaderboard_gpqa_diamond")
    expect(page.locator(".lb-question").first).to_contain_text("Question ")
    page.locator(".lb-answers summary").first.click()
    expect(page.get_by_text("never be shown in plain text")).to_be_visible()


def test_a_model_without_published_answers_says_so(sample: Served, page: Page) -> None:
    page.goto(f"{sample.url}/model/tidewater-ml/Estuary-72.7B")
    page.get_by_role("tab", name="Samples").click()
    expect(page.get_by_text("No answers were published with this run")).to_be_visible()
