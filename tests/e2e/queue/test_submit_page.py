"""The Submit page in a real browser: each field answers when it is left, and nothing counts before it is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from playwright.sync_api import Page, expect

from evaluator.box.tiny_model import TEMPLATE, make_llama
from src.core.queue import Queue
from src.core.store import LocalStore
from src.settings import Settings
from tests.e2e.boards import small_store
from tests.e2e.conftest import NARROW, Serve, Served
from tools.hub import Hub, serving

pytestmark = pytest.mark.browser

MODEL = "alice/tiny-llama"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A stand-in Hub with a good model and some that are none; this process's Hub client speaks to it."""
    hub = Hub()
    good = {path.name: path.read_bytes() for path in make_llama(tmp_path_factory.mktemp("model") / "m").iterdir()}
    hub.seed("models", MODEL, good)
    hub.seed("models", "alice/another", good)
    config = json.loads(good["config.json"]) | {"auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"}}
    evil = good | {"config.json": json.dumps(config).encode(), "modeling_evil.py": b"import os"}
    hub.seed("models", "mallory/evil", evil)
    hub.seed("models", "mallory/bare", {name: data for name, data in good.items() if name != "README.md"})
    script = "{{ '<script>window.fired=1</script>' }}"
    settings = json.loads(good["tokenizer_config.json"]) | {"chat_template": script}
    hub.seed("models", "mallory/template", good | {"tokenizer_config.json": json.dumps(settings).encode()})
    with serving(hub) as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", endpoint)  # read when the library is imported
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
        yield hub


@pytest.fixture
def board(hub: Hub, serve: Serve, tmp_path: Path) -> Served:
    """A board of two suites, for alice alone."""
    return serve(Settings(store=str(small_store(tmp_path / "board")), user="alice", per_user=2))


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).blur()


def submit_button(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("button", name="Submit", exact=True)


def queued(board: Served) -> list[str]:
    return [one.request.model for one in Queue(LocalStore(board.settings.store or "")).snapshot().waiting]


def test_a_model_is_checked_submitted_and_watched(board: Served, page: Page, hub: Hub, shoot: Callable, faults) -> None:
    page.goto(f"{board.url}/submit")
    expect(page).to_have_title("Submit · Open LLM Leaderboard")
    expect(submit_button(page)).to_be_disabled()
    assert not faults(page)
    page.get_by_label("Precision").select_option("float32")
    fill(page, "Model", MODEL)
    sha = hub.repo("models", MODEL).at("main").oid
    checks = page.locator("[data-checks]")
    expect(checks).to_contain_text(f"Ready: commit {sha[:12]}, chat template found, used.")
    expect(checks).to_contain_text("No requests before it; its start is not known yet.")
    expect(page.locator("[data-field=revision]")).to_contain_text(f"now commit {sha[:12]}")
    for title in ("safetensors", "Licence", "Model card", "Code", "Size", "Tokenizer"):
        expect(checks.locator("li", has_text=title).first).to_have_attribute("data-state", "passed")
    checks.get_by_text("The chat template in tokenizer_config.json; it is used").click()
    expect(checks.locator("pre")).to_have_text(TEMPLATE)
    assert not faults(page)
    shoot(page, "submit-ready")
    assert queued(board) == []
    submit_button(page).click()
    expect(page.locator("[data-receipt]")).to_contain_text(f"{MODEL} is in the queue at place 1.")
    assert queued(board) == [MODEL]
    request = Queue(LocalStore(board.settings.store or "")).snapshot().waiting[0].request
    assert (request.revision, request.precision, request.sender, request.suite) == (
        sha, "float32", "alice", "open-llm-v2",
    )  # fmt: skip
    assert not faults(page)
    shoot(page, "submit-receipt")
    page.get_by_role("link", name="Watch it in the queue").click()
    expect(page.get_by_role("region", name="The request you came for")).to_contain_text("tiny-llama")


def test_each_field_says_what_is_wrong_when_it_is_left(board: Served, page: Page, shoot: Callable, faults) -> None:
    page.goto(f"{board.url}/submit")
    model, output = page.get_by_label("Model", exact=True), page.locator("#lb-model-answer")
    model.focus()
    page.keyboard.press("Tab")
    expect(output).to_have_text("Name the model as `organisation/name`.")
    fill(page, "Model", "../../etc/passwd")
    expect(output).to_contain_text("cannot be a model's name")
    fill(page, "Model", "alice/no-such-model")
    expect(output).to_have_text("There is no public model `alice/no-such-model` on the Hub. Check the spelling.")
    expect(model).to_have_attribute("aria-invalid", "true")
    fill(page, "Model", MODEL)
    expect(model).not_to_have_attribute("aria-invalid", "true")
    fill(page, "Revision", "no-such-branch")
    expect(page.locator("#lb-revision-answer")).to_contain_text("has no such branch, tag or commit.")
    fill(page, "Revision", "")
    page.get_by_label("Weights").select_option("Adapter")
    fill(page, "Base model", "alice/")
    expect(page.locator("#lb-base_model-answer")).to_contain_text("cannot be a model's name")
    expect(submit_button(page)).to_be_disabled()
    assert not faults(page)
    shoot(page, "submit-fields")


def test_what_is_refused_says_what_to_fix(board: Served, page: Page, shoot: Callable, faults: Callable) -> None:
    page.goto(f"{board.url}/submit")
    fill(page, "Model", "mallory/evil")
    checks = page.locator("[data-checks]")
    expect(checks.locator("[data-state=refused]").first).to_contain_text("has the key auto_map, which loads code")
    expect(checks).to_contain_text("One problem must be fixed first.")
    expect(submit_button(page)).to_be_disabled()
    assert not faults(page)
    shoot(page, "submit-refused")
    fill(page, "Model", "mallory/bare")
    expect(checks.locator("[data-state=refused]")).to_contain_text(["The model card names no licence", "no model card"])


def test_a_hostile_chat_template_is_shown_and_does_not_run(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/submit?model=mallory/template")
    page.locator(".lb-template summary").click()
    expect(page.locator(".lb-template pre")).to_contain_text("<script>window.fired=1</script>")
    assert page.evaluate("window.fired") is None


def test_the_same_again_leads_to_the_one_that_waits_and_limits_are_told(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/submit?model={MODEL}")
    checks = page.locator("[data-checks]")
    expect(checks).to_contain_text("Ready")
    submit_button(page).click()
    expect(page.locator("[data-receipt]")).to_contain_text("at place 1.")
    page.get_by_label("Type").select_option("chat")
    expect(checks).to_contain_text("The same request is waiting at place 1.")
    expect(checks.get_by_role("link", name="See it in the queue")).to_be_visible()
    page.get_by_label("Precision").select_option("float16")  # another request
    expect(checks).to_contain_text("1 request before it; its start is not known yet.")
    page.locator("#lb-suite").select_option("open-llm-v1")
    page.get_by_label("Chat template").select_option("no")
    expect(checks).to_contain_text("chat template found, not used.")


def test_limits_are_settings_and_an_operator_has_none(hub: Hub, serve: Serve, page: Page, tmp_path: Path) -> None:
    folder = str(small_store(tmp_path / "board"))
    board = serve(Settings(store=folder, user="alice", largest=0.000001))
    page.goto(f"{board.url}/submit?model={MODEL}")
    expect(page.locator("[data-checks]")).to_contain_text(re.compile("this queue takes up to .* GB"))
    expect(page.get_by_text("Up to 1e-06 B parameters")).to_be_visible()


def test_the_keyboard_alone_submits(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/submit")
    page.get_by_label("Model", exact=True).focus()
    page.keyboard.type(MODEL)
    page.keyboard.press("Enter")  # checks
    expect(page.locator("[data-checks]")).to_contain_text("Ready")
    page.keyboard.press("Enter")
    expect(page.locator("[data-receipt]")).to_contain_text("is in the queue")
    expect(page.locator("[data-receipt]")).to_be_focused()


def test_what_could_not_be_stored_is_not_acknowledged(board: Served, page: Page, monkeypatch) -> None:
    from src.core.errors import UnknownOutcomeError

    page.goto(f"{board.url}/submit?model={MODEL}")
    expect(page.locator("[data-checks]")).to_contain_text("Ready")

    def fails(*_: object, **__: object) -> None:
        raise UnknownOutcomeError("The store did not answer; look at the queue before you try again.")

    monkeypatch.setattr(board.board.store, "append", fails)
    submit_button(page).click()
    expect(page.locator("[data-receipt]")).to_have_text(
        "The store did not answer; look at the queue before you try again."
    )
    assert queued(board) == []


def test_a_reader_finds_the_form_shut_and_the_reason(small: Served, page: Page, shoot: Callable, faults) -> None:
    page.goto(f"{small.url}/submit?model={MODEL}")
    expect(page.get_by_text("Nobody can sign in here")).to_be_visible()
    expect(page.get_by_label("Model", exact=True)).to_be_disabled()
    expect(page.locator("[data-checks]")).to_be_empty()
    assert not faults(page)
    shoot(page, "submit-reader")


def test_the_form_fits_a_phone(board: Served, page: Page, faults: Callable) -> None:
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.goto(f"{board.url}/submit?model={MODEL}")
    expect(page.locator("[data-checks]")).to_contain_text("Ready")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert not faults(page)
