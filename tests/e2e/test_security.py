"""What strangers write never runs: not from names, files or addresses, in a real browser; nor does a forged sign-in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import itsdangerous
import pytest
from playwright.sync_api import Browser, Dialog, Page

from src.ui.app import PAGES
from tests.e2e.conftest import Serve, Served
from tests.e2e.hostile import MODEL, NAMES, PAYLOADS, PLANTED, hostile_store, packed

pytestmark = pytest.mark.browser

LISTEN = """
  window.firings = [];
  window.fired = (n) => { window.firings.push(n); };
  window.refusals = [];
  document.addEventListener("securitypolicyviolation", (e) => {
    window.refusals.push(`${e.effectiveDirective} ${e.sample}`);
  });
"""
"""Before anything of the page: who runs is counted, and so is what only the policy stopped."""


@pytest.fixture(scope="module")
def hostile(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("hostile")
    hostile_store(folder)
    return serve(folder)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Page]:
    """A page in which every payload that runs, every dialog and every script the policy stopped is counted."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(LISTEN)
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


def look(page: Page, address: str, settle: int = 400) -> None:
    """Visit, wait, move over and focus what is there; then nothing has run and nothing was planted."""
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(settle)
    nothing_ran(page, address)
    assert not dialogs


def nothing_ran(page: Page, address: str) -> None:
    assert page.evaluate("window.firings") == [], address
    # the policy is the second wall: where it had to stop a script, the first one has a hole
    assert [each for each in page.evaluate("window.refusals") if each.startswith("script")] == [], address
    assert page.locator(PLANTED).count() == 0, f"{address}: {page.locator(PLANTED).first.evaluate('e => e.outerHTML')}"


def test_there_are_enough_payloads_and_they_run_where_nothing_guards(watched: Page) -> None:
    assert len(PAYLOADS) >= 30
    ran = 0
    for payload in PAYLOADS[:26]:  # those that need no parser of a template's or a text's own
        watched.goto(f"data:text/html,{quote(f'<body>{payload}')}")
        watched.wait_for_timeout(60)
        ran += len(watched.evaluate("window.firings")) > 0
    assert ran >= 15
    assert watched.locator(PLANTED).count() > 0


def test_every_column_of_the_table_shows_hostile_texts_as_texts(hostile: Served, watched: Page) -> None:
    columns = (
        "average,precision,architecture,family,license,base_model,weight_type,revision,upload_date,submission_date"
    )
    look(watched, f"{hostile.url}/?columns={columns}", settle=1500)
    cells = watched.locator("[data-leaderboard] [role=row], [data-leaderboard] tr")
    assert cells.count() > len(NAMES) // 2
    assert "<script>" in watched.locator("[data-leaderboard]").inner_text()
    for at in range(0, 6):
        cells.nth(at).hover()
    watched.keyboard.press("/")
    watched.keyboard.type("<img src=x onerror=fired(1)>")
    watched.wait_for_timeout(500)
    nothing_ran(watched, "the search box")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name_has_a_page_like_any_other(hostile: Served, watched: Page, name: str) -> None:
    look(watched, f"{hostile.url}/model/{quote(name, safe='')}", settle=150)
    assert name[5:40] in watched.locator("body").inner_text()


@pytest.mark.slow
def test_hostile_results_samples_and_settings_stay_texts_in_every_tab(hostile: Served, watched: Page) -> None:
    look(watched, f"{hostile.url}/model/{MODEL}", settle=2000)
    tabs = watched.locator("#lb-sections [role=tab]")
    shown = 0
    for at in range(tabs.count()):
        tabs.nth(at).click()
        watched.wait_for_timeout(1200)
        nothing_ran(watched, f"tab {at}")
        shown += "fired(" in (watched.locator("#lb-sections").text_content() or "")
    assert shown >= 2  # samples and settings, as texts
    for item in watched.locator("[data-samples] summary, [data-samples] a").all()[:4]:
        if item.is_visible():
            item.click()
            watched.wait_for_timeout(400)
            nothing_ran(watched, "a sample")


def test_comparing_and_charting_hostile_names_runs_nothing(hostile: Served, watched: Page) -> None:
    ids = ",".join(quote(f"{name}~bfloat16", safe="") for name in NAMES[::2][:3])
    look(watched, f"{hostile.url}/compare?models={ids}", settle=1000)
    for chart in ("cost", "spread", "time", "correlations", "scaling"):
        look(watched, f"{hostile.url}/explore?chart={chart}", settle=700)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "{" not in page.route], ids=lambda page: page.name or "front"
)
def test_no_parameter_of_an_address_runs(hostile: Served, watched: Page, page) -> None:
    for text in packed(500):
        given = "&".join(
            f"{name}={quote(text)}"
            for name in (
                "q",
                "search",
                "models",
                "pinned",
                "suite",
                "chart",
                "y",
                "x",
                "types",
                "license",
                "sort",
                "columns",
            )
        )
        look(watched, f"{hostile.url}{page.route}?{given}", settle=250)
    look(watched, f"{hostile.url}{page.route}#{quote(PAYLOADS[0])}", settle=100)


def test_addresses_that_are_none_and_embeds_run_nothing(hostile: Served, watched: Page) -> None:
    for text in packed(400):
        look(watched, f"{hostile.url}/no/{quote(text, safe='')}", settle=50)
    look(watched, f"{hostile.url}/?embed=1&top=50", settle=200)
    for name in NAMES[:4]:
        look(watched, f"{hostile.url}/model/{quote(name, safe='')}?embed=1", settle=50)


def test_files_and_answers_of_the_api_are_no_documents(hostile: Served, watched: Page) -> None:
    """Opened in a browser they are text, XML without a script, or a download."""
    for path in (
        "v1/models",
        "leaderboard",
        "leaderboard/formatted",
        "v1/queue",
        "feeds/results.atom",
        "v1/suites",
        "",
    ):
        answer = httpx.get(f"{hostile.url}/api/{path}", timeout=300)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src" in answer.headers["content-security-policy"]
        look(watched, f"{hostile.url}/api/{path}", settle=50)
    for form in ("csv", "md", "tex", "bib", "jsonl"):
        answer = httpx.get(f"{hostile.url}/api/v1/models.{form}")
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "path", ["/", "/about", "/explore", "/model/org/x", "/nowhere", "/?embed=1", "/api/", "/api/v1/models"]
)
def test_every_answer_has_a_policy_without_inline_scripts(hostile: Served, path: str) -> None:
    answer = httpx.get(hostile.url + path, headers={"Accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    scripts = rules.get("script-src", rules["default-src"])
    if not path.startswith("/api"):
        assert all(source == "'self'" or source.startswith("'sha256-") for source in scripts.split())
    assert "unsafe" not in scripts
    assert "http:" not in scripts
    assert "https:" not in scripts
    assert " *" not in f" {scripts}"
    assert rules.get("object-src", rules["default-src"]) == "'none'"
    assert rules["base-uri"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def forged_session(secret: str) -> str:
    """A session cookie as the sign-in makes it, signed with a key that everybody can know."""
    who = {"sub": "1", "name": "Mallory Forged", "preferred_username": "mallory-forged", "isPro": False}
    session = {"oauth_info": {"access_token": "hf_forged", "userinfo": who, "expires_at": 4102444800}}
    data = base64.b64encode(json.dumps(session).encode())
    return itsdangerous.TimestampSigner(secret).sign(data).decode()


@pytest.mark.parametrize("secret", [hashlib.sha256(b"-v1").hexdigest(), "", "secret", hashlib.sha256(b"").hexdigest()])
def test_a_forged_session_cookie_makes_nobody_of_anybody(hostile: Served, secret: str) -> None:
    cookies = {"session": forged_session(secret or "x"), "access-token": "forged", "access-token-unsecure": "forged"}
    for page in PAGES:
        path = page.route.partition("{")[0]
        answer = httpx.get(f"{hostile.url}{path}", cookies=cookies)
        assert "mallory-forged" not in answer.text
        assert "Mallory Forged" not in answer.text
        assert "hf_forged" not in answer.text
    config = httpx.get(f"{hostile.url}/config", cookies=cookies)
    assert "mallory-forged" not in config.text
