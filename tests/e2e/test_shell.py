"""What every page has around it, in a real browser: addresses, titles, themes, freshness, keyboard, policy."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from src.board.live.snapshot import Board
from src.core.errors import UnknownOutcomeError
from src.core.store import LocalStore
from src.settings import Settings
from tests.e2e.boards import V2, published, small_store, v2_table
from tests.e2e.conftest import Serve, Served

pytestmark = pytest.mark.browser

TABLE = "contents/data/train-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/", "Open LLM Leaderboard"),
        ("/about", "About · Open LLM Leaderboard"),
        ("/model/acme/anvil-8b-chat", "acme/anvil-8b-chat · Open LLM Leaderboard"),
        ("/model/solo", "solo · Open LLM Leaderboard"),
    ],
)
def test_every_page_says_where_it_is_and_keeps_saying_it(small: Served, page: Page, path: str, title: str) -> None:
    page.goto(small.url + path)
    assert page.title() == title
    if "/model/" in path:
        expect(page.get_by_role("tab", name="Subtasks")).to_be_visible()
    assert page.title() == title
    assert page.locator("link[rel=icon]").count() == 1
    assert page.evaluate("document.compatMode") == "CSS1Compat"  # a doctype, read as one


def test_pages_are_real_addresses_and_back_and_forward_work(small: Served, page: Page) -> None:
    page.goto(small.url + "/")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="About").click()
    expect(page).to_have_url(small.url + "/about")
    page.goto(small.url + "/model/acme/anvil-8b")
    page.get_by_role("link", name="acme/anvil-8b-chat").click()
    expect(page).to_have_title("acme/anvil-8b-chat · Open LLM Leaderboard")
    page.go_back()
    expect(page).to_have_url(small.url + "/model/acme/anvil-8b")
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b")
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b-chat")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b-chat")


def test_the_current_page_is_marked_for_everybody(small: Served, page: Page) -> None:
    page.goto(small.url + "/about")
    current = page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")
    expect(current).to_have_text("About")


def test_an_address_that_leads_nowhere_says_so_and_leads_back(small: Served, page: Page) -> None:
    answer = page.goto(small.url + "/nowhere/at/all")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("No such page")
    page.locator(".lb-lost").get_by_role("link", name="Leaderboard").click()
    expect(page).to_have_url(small.url + "/")


def test_a_slash_too_many_leads_to_the_page(small: Served, page: Page) -> None:
    page.goto(small.url + "/model/acme/anvil-8b/")
    expect(page).to_have_url(small.url + "/model/acme/anvil-8b")
    page.goto(small.url + "/about/")
    expect(page).to_have_url(small.url + "/about")


@pytest.mark.parametrize("path", ["/about", "/model/acme/anvil-8b"])
def test_the_theme_follows_the_system_until_chosen_and_is_remembered(small: Served, page: Page, path: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(small.url + path)
    assert is_dark(page)
    page.get_by_role("button", name="Dark theme").click()
    assert not is_dark(page)
    page.reload()
    assert not is_dark(page)
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "false")


def is_dark(page: Page) -> bool:
    colours = page.evaluate("[document.body, document.documentElement].map(n => n.classList.contains('dark'))")
    lightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert colours == [lightness < 128] * 2
    return bool(colours[0])


COMPARED = "/compare?models=acme/anvil-8b,acme/anvil-70b,solo"
EVERY = (
    "/", "/about", "/model/acme/anvil-8b-chat", "/model/nobody/nothing", "/nowhere", "/explore",
    "/explore?chart=correlations", "/explore?chart=scaling", "/compare", COMPARED, "/queue", "/submit",
)  # fmt: skip


@pytest.mark.parametrize("path", EVERY)
def test_axe_finds_no_fault_in_either_theme(
    small: Served, page: Page, faults: Callable[[Page], list[str]], path: str
) -> None:
    page.goto(small.url + path)
    page.wait_for_load_state("networkidle")
    if path.startswith("/model/acme"):
        expect(page.get_by_role("tab", name="Subtasks")).to_be_visible()
    expect(page.locator("h1")).to_have_count(1)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        expect(page.locator("html.dark")).to_have_count(int(scheme == "dark"))
        assert faults(page) == [], scheme


@pytest.mark.parametrize(
    "path", ["/", "/about", "/model/acme/anvil-8b-chat", "/model/" + "long" * 50, "/explore", COMPARED]
)
def test_no_page_is_wider_than_its_window(small: Served, page: Page, path: str) -> None:
    page.goto(small.url + path)
    page.wait_for_load_state("networkidle")
    for width in (320, 390, 768, 1024, 1440, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_the_content_past_the_bar(small: Served, page: Page) -> None:
    page.goto(small.url + "/about?suite=open-llm-v1")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "lb-content"
    expect(page).to_have_url(small.url + "/about?suite=open-llm-v1")


def test_the_suite_can_be_switched_and_the_address_tells_it(small: Served, page: Page) -> None:
    page.goto(small.url + "/about")
    page.get_by_role("navigation", name="Suite").get_by_role("link", name="v1").click()
    expect(page.get_by_role("navigation", name="Suite").locator("[aria-current]")).to_have_text("v1")
    assert "suite=open-llm-v1" in page.url
    page.goto(small.url + "/about?suite=open-llm-v1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Open LLM Leaderboard v1")
    page.goto(small.url + "/about?suite=no-such-suite")
    expect(page.get_by_role("heading", level=1)).to_have_text("Open LLM Leaderboard v2")


def test_answers_carry_the_security_headers_and_inline_scripts_run_by_their_hash_only(small: Served) -> None:
    for path in ("/", "/about", "/model/acme/anvil-8b", "/compare", "/queue", "/submit"):
        with urllib.request.urlopen(small.url + path) as answer:
            headers, document = answer.headers, answer.read().decode()
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "object-src 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        for attributes, text in re.findall(r"<script([^>]*)>(.*?)</script>", document, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            is_data = 'type="application/json"' in attributes
            assert " src=" in attributes or is_data or f"'sha256-{digest}'" in policy
        assert document.count("<title>") == 1


def test_a_document_is_sent_again_only_if_it_has_changed(small: Served) -> None:
    with urllib.request.urlopen(small.url + "/about") as answer:
        tag = answer.headers["ETag"]
    again = urllib.request.Request(small.url + "/about", headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        urllib.request.urlopen(again)
    assert unchanged.value.code == 304


def test_nothing_is_loaded_from_other_hosts(small: Served, page: Page) -> None:
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    for path in ("/", "/about", "/model/acme/anvil-8b"):
        page.goto(small.url + path)
        page.wait_for_load_state("networkidle")
    assert [url for url in elsewhere if not url.startswith((small.url, "data:", "blob:"))] == []


def test_assets_are_kept_for_ever_and_their_address_changes_with_them(small: Served, page: Page) -> None:
    page.goto(small.url + "/about")
    href = page.locator("link[rel=stylesheet]").first.evaluate("link => link.href")
    with urllib.request.urlopen(href) as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    stale = href.replace(href.rpartition("/assets/site/")[2].partition("/")[0], "00000000")
    with urllib.request.urlopen(stale) as answer:
        assert answer.headers["Cache-Control"] == "no-cache"


def test_the_text_of_a_page_stands_before_any_script_has_run(small: Served, browser) -> None:  # type: ignore[no-untyped-def]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(small.url + "/model/acme/anvil-8b-chat")
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/anvil-8b-chat")
    expect(page.locator("tr[data-key=ifeval] .lb-value")).to_contain_text("71.00")
    context.close()


def test_nothing_jumps_while_a_page_loads(small: Served, page: Page) -> None:
    for path in ("/about", "/model/acme/anvil-8b-chat"):
        page.add_init_script(
            "window.shift = 0; new PerformanceObserver(l => l.getEntries().forEach(e => window.shift += e.value))"
            ".observe({type: 'layout-shift', buffered: true})"
        )
        page.goto(small.url + path)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(800)
        assert page.evaluate("window.shift") <= 0.02


# --- whose rows are on screen -----------------------------------------------------------------------------------------


class Unreachable(LocalStore):
    """A Hub owner that cannot be reached until `back`."""

    back = False

    def __init__(self, folder: Path, name: str = "hub:somebody") -> None:
        super().__init__(folder)
        self.name = name

    def head(self, dataset: str) -> str:
        if not self.back:
            raise UnknownOutcomeError(f"{self.name} cannot be reached: no route <b>to</b> host.")
        return super().head(dataset)


def test_the_first_run_shows_the_sample_says_so_and_swaps_the_live_board_in(
    serve: Serve, page: Page, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    store = Unreachable(small_store(tmp_path / "live"))
    sample = LocalStore(tmp_path / "sample")
    sample.append({TABLE: published(v2_table(V2[:2]), "open-llm-v2")})
    board = Board(store, tmp_path / "cache", sample=sample, poll=0.3)
    served = serve(Settings(cache=tmp_path / "cache"), board)
    page.goto(served.url + "/about")
    ribbon = page.locator("#lb-notice")
    expect(ribbon).to_contain_text("made up")
    expect(ribbon.locator("code")).to_have_text("python app.py --store hub:somebody")
    expect(ribbon).to_contain_text("no route <b>to</b> host")  # an error's text is text
    shoot(page, "first-run")
    store.back = True
    expect(page.get_by_text("The board has changed since this page was opened.")).to_be_visible()
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("#lb-fresh")).to_have_attribute("data-source", "live")
    expect(page.locator("#lb-notice")).to_be_empty()


def test_a_board_that_cannot_be_renewed_says_how_old_it_is_and_why(
    serve: Serve, page: Page, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    store = Unreachable(small_store(tmp_path / "live"))
    store.back = True
    yesterday = datetime.now(UTC) - timedelta(hours=26)
    Board(store, tmp_path / "cache", lambda: yesterday).sync()
    store.back = False
    served = serve(Settings(), Board(store, tmp_path / "cache"))
    page.goto(served.url + "/")
    expect(page.locator("#lb-notice")).to_contain_text("These scores are 26 h old.")
    expect(page.locator("#lb-notice")).to_contain_text("cannot be reached")
    expect(page.locator("#lb-fresh")).to_have_text("synced 26 h ago")
    shoot(page, "stale")


def test_a_board_that_was_never_fetched_says_what_it_waits_for(
    serve: Serve, page: Page, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    store = Unreachable(tmp_path / "live")
    served = serve(Settings(), Board(store, tmp_path / "cache"))
    page.goto(served.url + "/about")
    expect(page.locator("#lb-notice")).to_contain_text("cannot be reached")
    expect(page.get_by_role("heading", level=1)).to_have_text("Open LLM Leaderboard v2")
    shoot(page, "never-fetched")


def test_a_page_that_breaks_says_so_and_the_board_goes_on(
    serve: Serve, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shoot: Callable[[Page, str], None]
) -> None:
    from src.ui.pages.about import page as about

    served = serve(small_store(tmp_path / "store"))
    monkeypatch.setattr(about, "_source", lambda snapshot, board: 1 / 0)
    answer = page.goto(served.url + "/about")
    assert answer is not None
    assert answer.status == 500
    expect(page.get_by_role("heading", level=1)).to_have_text("This page could not be made")
    shoot(page, "broken")
    page.locator(".lb-lost").get_by_role("link", name="Leaderboard").click()
    expect(page).to_have_url(served.url + "/")
