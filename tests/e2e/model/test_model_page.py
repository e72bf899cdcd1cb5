"""A model's page in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Dialog, Page, expect

from src.board.cards import card_block
from src.core.store import LocalStore
from src.settings import Settings
from tests.e2e.boards import HOSTILE, small_store
from tests.e2e.conftest import NARROW, Serve, Served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def with_result(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The small board, whose store keeps one result file: two tasks, one of them with hostile settings."""
    folder = small_store(tmp_path_factory.mktemp("kept"))
    dump = {
        "results": {
            "leaderboard_ifeval": {"prompt_level_strict_acc,none": 0.7, "inst_level_strict_acc,none": 0.72},
            "leaderboard_bbh_boolean_expressions": {"acc_norm,none": 0.75, "acc_norm_stderr,none": 0.0274},
        },
        "n-shot": {"leaderboard_ifeval": 0, "leaderboard_bbh_boolean_expressions": 3},
        "n-samples": {"leaderboard_bbh_boolean_expressions": {"original": 250, "effective": 250}},
        "config": {
            "model_args": "pretrained=acme/anvil-8b-chat",
            "model_dtype": "torch.bfloat16",
            "model_sha": "c" * 40,
            "batch_size": "<img src=x onerror=alert(1)>${alert(2)}",
        },
        "model_name": "acme/anvil-8b-chat",
        "chat_template": "{{ messages }}\n<script>alert(3)</script>",
        "total_evaluation_time_seconds": "5400.0",
        "date": 1736000000.0,
    }
    path = "results/acme/anvil-8b-chat/results_2025-01-05T10-00-00.000000.json"
    LocalStore(folder).append({path: json.dumps(dump).encode()})
    return serve(folder)


def test_the_page_tells_who_the_model_is_and_how_it_did(
    small: Served, page: Page, shoot: Callable[[Page, str], None]
) -> None:
    page.goto(small.url + "/model/acme/anvil-8b-chat")
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b-chat")
    facts = page.locator(".lb-facts")
    for fact in ("chat", "8.0 B parameters", "bfloat16", "LlamaForCausalLM", "apache-2.0", "2024-12-24"):
        expect(facts).to_contain_text(fact)
    row = page.locator("tr[data-key=ifeval]")
    expect(row.locator(".lb-value")).to_contain_text("71.00")
    expect(row.locator(".lb-raw")).to_have_text("0.710")
    expect(row.locator(".lb-gain")).to_contain_text("+31.00")
    expect(page.get_by_role("link", name="Model on the Hub")).to_have_attribute(
        "href", "https://huggingface.co/acme/anvil-8b-chat"
    )
    shoot(page, "model")


def test_the_other_runs_and_the_base_are_one_click_away(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/acme/anvil-8b-chat")
    page.locator(".lb-runs a", has_text="bbbbbbb").click()
    expect(page.locator("tr[data-key=ifeval] .lb-value")).to_contain_text("70.00")
    assert "revision=bbbbbbb" in page.url
    page.locator(".lb-runs a", has_text="acme/anvil-8b").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b")


def test_the_command_is_copied(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/acme/anvil-8b-chat")
    page.get_by_role("button", name="Copy command").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("lm_eval --model hf --model_args pretrained=acme/anvil-8b-chat,revision=cccccccc")
    assert "--apply_chat_template" in copied


def test_what_others_need_to_quote_it_is_copied(small: Served, page: Page, faults: Callable[[Page], list[str]]) -> None:
    page.goto(small.url + "/model/acme/anvil-8b-chat")
    page.get_by_role("tab", name="Cite").click()
    page.get_by_role("button", name="Copy Card block").click()
    frame = small.board.snapshot().frame
    row = frame[frame["revision"] == "c" * 40].iloc[0]
    assert page.evaluate("navigator.clipboard.readText()") == card_block(row.to_dict(), "open-llm-v2").text
    page.get_by_role("button", name="Copy .eval_results/open-llm-v2-ifeval.yaml").click()
    assert "google/IFEval" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Copy BibTeX").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("@misc{open-llm-leaderboard-v2,")
    assert not faults(page)


def test_a_model_can_be_chosen_for_comparison_and_the_bar_counts_it(small: Served, page: Page) -> None:
    bar = page.get_by_role("navigation", name="Pages")
    for n, name in enumerate(("acme/anvil-8b-chat", "acme/anvil-70b"), 1):
        page.goto(f"{small.url}/model/{name}")
        page.get_by_role("button", name="Add to compare").click()
        expect(page.get_by_role("button", name="Chosen to compare")).to_have_attribute("aria-pressed", "true")
        expect(bar.get_by_role("link", name=f"Compare ({n})")).to_be_visible()
    page.get_by_role("button", name="Chosen to compare").click()
    expect(bar.get_by_role("link", name="Compare (1)")).to_be_visible()


def test_subtasks_and_settings_come_from_the_result_file_when_opened(
    with_result: Served, page: Page, shoot: Callable[[Page, str], None]
) -> None:
    dialogs = dialogs_of(page)
    page.goto(with_result.url + "/model/acme/anvil-8b-chat")
    table = page.get_by_role("region", name="Subtasks")
    row = table.get_by_role("row", name="Boolean expressions")
    expect(row).to_contain_text("0.7500")
    expect(row).to_contain_text("0.0274")
    expect(row).to_contain_text("50.00")
    expect(table.get_by_role("row", name="BBH")).to_contain_text("incomplete")
    shoot(page, "subtasks")
    page.get_by_role("tab", name="Settings of the run").click()
    settings = page.locator(".lb-settings")
    expect(settings).to_contain_text("1.5 h")
    expect(settings).to_contain_text("<img src=x onerror=alert(1)>${alert(2)}")
    page.locator(".lb-settings summary").last.click()
    expect(settings).to_contain_text("<script>alert(3)</script>")
    shoot(page, "settings")
    assert dialogs == []


def test_a_run_without_a_file_says_that_only_its_scores_are_known(with_result: Served, page: Page) -> None:
    page.goto(with_result.url + "/model/acme/anvil-70b")
    expect(page.get_by_text("keeps no result file of acme/anvil-70b in bfloat16")).to_be_visible()


def test_a_partial_run_says_what_was_not_run(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/bolt/partial-7b")
    expect(page.get_by_text("No average and no rank: MATH Lvl 5 not run.")).to_be_visible()
    expect(page.locator("tr[data-key=math] .lb-value")).to_contain_text("not run")


def test_a_missing_model_offers_its_neighbours(small: Served, page: Page, shoot: Callable[[Page, str], None]) -> None:
    answer = page.goto(small.url + "/model/acme/anvil-8b-caht")
    assert answer is not None
    assert answer.status == 404
    shoot(page, "missing")
    page.get_by_role("link", name="acme/anvil-8b-chat").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b-chat")


@pytest.mark.parametrize(
    "name", [HOSTILE, "a/<script>alert(1)</script>", "javascript:alert(1)/x", "x/\u202egnp.exe", "a/" + "b" * 3000]
)
def test_a_hostile_name_is_text(small: Served, page: Page, name: str) -> None:
    dialogs = dialogs_of(page)
    page.goto(small.url + "/model/" + quote(name))
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.wait_for_timeout(1500)
    assert dialogs == []
    assert page.evaluate("document.querySelectorAll('.lb-content img, .lb-content script').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_a_model_of_the_other_suite_has_its_page_there(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/acme/anvil-7b-v1?suite=open-llm-v1")
    expect(page.locator("tr[data-key=arc] .lb-value")).to_contain_text("60.00")
    expect(page.locator("pre.lb-code")).to_contain_text("--tasks arc_challenge --num_fewshot 25")


def test_a_model_missing_on_the_other_suite_leads_to_its_neighbours_there(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/acme/anvil-7b?suite=open-llm-v1")
    search = page.get_by_role("link", name="Search the board for acme/anvil-7b")
    assert search.get_attribute("href") == "./?q=acme%2Fanvil-7b&suite=open-llm-v1"
    page.get_by_role("link", name="acme/anvil-7b-v1").click()
    expect(page.locator("tr[data-key=arc] .lb-value")).to_contain_text("60.00")


def test_on_a_phone_scores_stand_below_each_other_and_the_open_tab_is_in_view(small: Served, page: Page) -> None:
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.goto(small.url + "/model/acme/anvil-8b-chat?tab=cite")
    expect(page.get_by_role("heading", name="BibTeX")).to_be_visible()
    right = "each => each.map(one => one.getBoundingClientRect().right)"
    assert len({round(x) for x in page.locator(".lb-scores .lb-value").evaluate_all(right)}) == 1
    assert page.get_by_role("tab", name="Cite").evaluate("one => one.getBoundingClientRect().right") <= NARROW["width"]


def test_the_tabs_begin_where_the_scores_begin(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/acme/anvil-8b-chat")
    left = "one => one.getBoundingClientRect().left"
    assert page.get_by_role("tablist").evaluate(left) == page.locator(".lb-scores").evaluate(left)


def test_the_board_works_below_a_path_of_a_proxy(serve: Serve, page: Page, tmp_path: Path) -> None:
    from tests.e2e.proxy import proxied

    served = serve(Settings(store=str(small_store(tmp_path / "store")), root_path="/somewhere/board"))
    with proxied(served.url, "/somewhere/board") as url:
        page.goto(url + "/model/acme/anvil-8b-chat")
        expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b-chat")
        expect(page.get_by_text("keeps no result file of acme/anvil-8b-chat")).to_be_visible()  # an event's answer
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="About").click()
        expect(page).to_have_url(url + "/about")


def dialogs_of(page: Page) -> list[str]:
    """What scripts would have written that must not run."""
    output: list[str] = []

    def hear(dialog: Dialog) -> None:
        output.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    return output
