"""A board in a Space: people sign in with the Hub, submit and vote under their own names, and sign out.

As in a Space, the board is a process of its own behind a proxy that speaks TLS; the Hub is the stand-in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from evaluator.box.tiny_model import make_llama
from src.core.queue import Queue, QueueState
from src.core.store.hub import HubStore
from src.settings import ROOT
from tests.e2e.conftest import free_port
from tests.e2e.proxy import proxied
from tests.e2e.queue.test_submit_to_row import running
from tools.hub import Hub, serving
from tools.hub.oauth import CLIENT, SECRET

pytestmark = [pytest.mark.browser]

MODEL = "alice/tiny-llama"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Hub with one model."""
    hub = Hub()
    files = make_llama(tmp_path_factory.mktemp("model") / "m").iterdir()
    hub.seed("models", MODEL, {path.name: path.read_bytes() for path in files})
    with serving(hub) as address:
        yield address


@pytest.fixture(scope="module")
def space(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a board of `owner` in a Space."""
    folder, inside, outside = tmp_path_factory.mktemp("space"), free_port(), free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environ = inherited | {
        "SYSTEM": "spaces",
        "SPACE_ID": "owner/board",
        "SPACE_HOST": f"127.0.0.1:{outside}",
        "OAUTH_CLIENT_ID": CLIENT,
        "OAUTH_CLIENT_SECRET": SECRET,
        "OAUTH_SCOPES": "openid profile",
        "OPENID_PROVIDER_URL": endpoint,
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": "hf_owner",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(folder / "home"),
        "BOARD_STORE": "hub:owner",
        "BOARD_CACHE": str(folder / "cache"),
        "GRADIO_SERVER_PORT": str(inside),
        "BOARD_TRUSTED_PROXIES": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }
    address = f"http://127.0.0.1:{inside}"
    with (
        running([sys.executable, "app.py"], environ, address + "/status.json"),
        proxied(address, port=outside, tls=folder) as url,
    ):
        yield url


@pytest.fixture
def people(browser: Browser) -> Iterator[tuple[Page, Page]]:
    """Two people's browsers."""
    contexts = [browser.new_context(ignore_https_errors=True) for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.set_default_timeout(20_000)
    yield pages[0], pages[1]
    for context in contexts:
        context.close()


def sign_in(page: Page, name: str) -> None:
    page.locator("main [data-sign-in]").click()
    page.get_by_role("button", name=f"Authorize as {name}").click()


def queue_of(endpoint: str, folder: Path) -> QueueState:
    return Queue(HubStore("owner", token="hf_owner", endpoint=endpoint, cache_dir=folder)).snapshot()


def test_people_sign_in_submit_vote_cancel_and_sign_out(
    space: str, endpoint: str, people: tuple[Page, Page], tmp_path: Path
) -> None:
    bob, carol = people
    bob.goto(f"{space}/submit")
    expect(bob.get_by_label("Model", exact=True)).to_be_disabled()
    sign_in(bob, "bob")
    expect(bob).to_have_url(f"{space}/submit")
    expect(bob.locator(".lb-person")).to_contain_text("You are bob.")
    bob.get_by_label("Model", exact=True).fill(MODEL)
    bob.get_by_label("Model", exact=True).blur()
    expect(bob.locator("[data-checks]")).to_contain_text("Ready")
    bob.get_by_role("button", name="Submit", exact=True).click()
    expect(bob.locator("[data-receipt]")).to_contain_text(f"{MODEL} is in the queue at place 1.")
    (waiting,) = queue_of(endpoint, tmp_path).waiting
    assert (waiting.request.model, waiting.request.sender) == (MODEL, "bob")

    carol.goto(f"{space}/queue")
    expect(carol.get_by_role("button", name="Cancel")).to_have_count(0)
    sign_in(carol, "carol")
    expect(carol).to_have_url(f"{space}/queue")
    carol.get_by_role("button", name="Vote").click()
    expect(carol.get_by_role("button", name="Voted")).to_be_visible()
    expect(carol.get_by_role("button", name="Cancel")).to_have_count(0)  # it is bob's
    (waiting,) = queue_of(endpoint, tmp_path).waiting
    assert waiting.votes == 1

    bob.get_by_role("link", name="Sign out").first.click()
    bob.goto(f"{space}/submit")
    expect(bob.get_by_label("Model", exact=True)).to_be_disabled()
    expect(bob.locator("main [data-sign-in]")).to_be_visible()


def test_who_changes_their_mind_at_the_hub_is_a_reader_again(space: str, people: tuple[Page, Page]) -> None:
    page, _ = people
    page.goto(f"{space}/submit")
    page.locator("main [data-sign-in]").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page).to_have_url(f"{space}/submit")
    expect(page.locator("main [data-sign-in]")).to_be_visible()
