"""The board behind a real nginx that speaks TLS, as operators run it: at any path, the prefix kept or taken off."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from src.settings import Settings
from src.ui.app import build_app, launch
from tests.boards.small_board import board
from tests.e2e.conftest import PATIENCE, free_port
from tests.e2e.proxy import certificate

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="no nginx on this machine: `apt-get install nginx-light`"),
]

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location {location} {{
{directives}
        }}
    }}
}}
"""

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "run-a-board.md"


def directives(prefix: str, is_kept: bool, target: str) -> str:
    """The lines of the documentation's nginx block: what operators copy is what is tested."""
    block = re.search(
        r"```nginx\nlocation /board/ \{\n(.*?)\n\}\n```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL
    )
    assert block
    if is_kept:
        return block[1].replace("http://127.0.0.1:7860", target)
    lines = block[1].replace("http://127.0.0.1:7860", f"{target}/")
    return f"{lines}\n    proxy_set_header X-Forwarded-Prefix {prefix or '/'};"


@contextmanager
def nginx(folder: Path, prefix: str, is_kept: bool, target: str) -> Iterator[str]:
    certificate(folder)
    port = free_port()
    text = CONFIGURATION.format(
        folder=folder, port=port, location=f"{prefix}/", directives=directives(prefix, is_kept, target)
    )
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE
    )
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        yield f"https://127.0.0.1:{port}{prefix}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(
    scope="module",
    params=[(prefix, is_kept) for prefix in ("", "/lb", "/board", "/api") for is_kept in (True, False)],
    ids=lambda each: f"{each[0] or '/'}-{'kept' if each[1] else 'stripped'}",
)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    (prefix, is_kept), folder = request.param, tmp_path_factory.mktemp("nginx")
    settings = Settings(root_path=prefix, trusted_proxies=("127.0.0.1",), per_minute=100_000)
    shown = board(folder / "store")
    running = launch(build_app(shown, settings), shown, settings)
    try:
        with nginx(folder, prefix, is_kept, running.url.rstrip("/")) as outside:
            yield outside
    finally:
        running.close()


PAGES = ("/", "/explore", "/compare", "/queue", "/submit", "/about", "/model/org/first")
PROGRAMS = (
    "/status.json", "/health", "/robots.txt", "/board/leaderboard.csv", "/board/leaderboard.parquet", "/api/",
    "/api/openapi.json", "/api/v1/models", "/api/v1/models.csv", "/api/v1/models/org/first", "/api/v1/suites",
    "/api/v1/queue", "/api/leaderboard", "/config", "/gradio_api/info", "/gradio_api/mcp/schema",
)  # fmt: skip
LINKED = re.compile(r"""(?:href|src)="(?!https?:|data:|mailto:|#)([^"]+)\"""")


def test_everything_answers_below_its_path_over_tls(site: str) -> None:
    with httpx.Client(verify=False, timeout=60, follow_redirects=True) as client:
        linked = set()
        for path in PAGES:
            page = client.get(site + path)
            assert page.status_code == 200, path
            before, href, after = re.split(r'<base href="([^"]*)"', page.text)
            base = urljoin(str(page.url), href)
            named = LINKED.findall(before) + LINKED.findall(after)
            linked |= {urljoin(base, unescape(link)).partition("#")[0] for link in named}
        for path in PROGRAMS:
            answer = client.get(site + path)
            assert answer.status_code == 200, (path, answer.text)
        assert all(link.startswith(f"{site}/") for link in linked), linked
        # scripts, styles, rows, feeds and pages: whatever a page names is there
        for link in sorted(linked):
            assert client.get(link).status_code == 200, link
        assert client.get(f"{site}/nowhere").status_code == 404


def test_the_rows_of_the_table_and_the_code_that_shows_them_come_through(site: str) -> None:
    with httpx.Client(verify=False, timeout=60) as client:
        text = client.get(f"{site}/").text
        (core,) = re.findall(r'rel="preload" as="fetch"[^>]* href="([^"]+)"', text)
        assert client.get(f"{site}/{core}").json()["n"] == 4
        (code,) = re.findall(r'src="(board/table/[^"]+)"', text)
        assert client.get(f"{site}/{code}").headers["content-type"].startswith("text/javascript")


def test_addresses_that_answers_name_are_those_of_the_outside(site: str) -> None:
    with httpx.Client(verify=False, timeout=60) as client:
        servers = client.get(f"{site}/api/openapi.json").json()["servers"]
        assert urljoin(site, servers[0]["url"]) == f"{site}/api"
        assert client.get(f"{site}/config").json()["root"] == site


def test_the_table_fills_sorts_and_leads_to_a_model_in_a_browser(site: str, browser: Browser) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{site}/")
    page.wait_for_selector(".lt:not([aria-busy])")
    page.get_by_role("searchbox").fill("second")
    expect(page.locator(".lt-rows tr:visible")).to_have_count(1)
    page.locator(".lt-rows tr:visible a").first.click()
    expect(page).to_have_url(re.compile(f"^{re.escape(site)}/model/org/second"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("second")
    assert not refused
    context.close()


def test_a_tool_runs_through_the_proxy(site: str) -> None:
    client = Client(f"{site}/", ssl_verify=False, verbose=False)
    try:
        assert "org/first" in str(client.predict(api_name="/find_models"))
    finally:
        client.close()
