"""A running board and a real browser for every test here; a test fails on any script error or refused resource.

`serve(store)` answers on a free port; `page` is a fresh Chromium page; `shoot(page, "name")` takes the four screenshots
(1440 and 390 wide, light and dark) into the folder that SCREENSHOTS names; `faults(page)` is what axe finds.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from src.board.live.opening import SAMPLE, open_board
from src.board.live.snapshot import Board
from src.settings import Settings
from tests.e2e.boards import small_store

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


EXPECTED = ("Failed to load resource: the server responded",)  # `check` tells them apart


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a browser; retry what fails once, since a browser shares the machine with everything else."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))
            if "browser" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Served:
    """A board that is being served at `url` (no slash at its end)."""

    url: str
    board: Board
    settings: Settings


Serve = Callable[..., Served]

PATIENCE = 60_000  # milliseconds: how fast the machine is decides when a page is there, never whether a test passes
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """`serve(settings or folder, board=None)` → a running board; all are stopped at the end of the module."""
    from src.ui.app import build_app, launch

    running = []

    def start(what: Settings | Path, board: Board | None = None) -> Served:
        settings = Settings(store=str(what)) if isinstance(what, Path) else what
        settings = settings.model_copy(update={"port": settings.port or free_port()})
        board = board or open_board(settings)
        board.start()
        running.append((launch(build_app(board, settings), board, settings), board))
        return Served(f"http://{settings.host}:{settings.port}", board, settings)

    yield start
    for server, board in running:
        board.stop()
        server.close()


@pytest.fixture(scope="module")
def small(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A running board of the few models in `tests/e2e/boards.py`."""
    return serve(small_store(tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="module")
def sample(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The made-up board that comes with the code, served from a copy."""
    folder = tmp_path_factory.mktemp("boards") / "sample"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns(".board"))
    return serve(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium; for a module, since as long as it is driven an event loop runs in this thread."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh profile, 1440 × 900; the test fails on script errors and on what the policy refused."""
    context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce")  # type: ignore[arg-type]
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in EXPECTED):
            errors.append(message.text)

    def check(response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            errors.append(f"{response.status} for {response.url}")

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", listen)
    page.on("response", check)
    yield page
    context.close()
    assert not errors, errors


@pytest.fixture(scope="session")
def shoot() -> Callable[[Page, str], None]:
    """`shoot(page, "model")` → model-1440-light.png … where SCREENSHOTS names a folder; else nothing."""
    folder = os.environ.get("SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if not folder:
            return
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.wait_for_timeout(250)
                page.screenshot(path=f"{folder}/{name}-{size['width']}-{scheme}.png")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")

    return take


@pytest.fixture(scope="session")
def faults() -> Callable[[Page], list[str]]:
    """`faults(page)` → what axe-core finds wrong, one sentence each."""
    from axe_playwright_python.sync_playwright import Axe

    def look(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{each['id']}: {each['help']} ({', '.join(str(n['target']) for n in each['nodes'])})" for each in found
        ]

    return look


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
