"""The page in a real browser, at the end of a slow line, and its peers."""

from __future__ import annotations

import multiprocessing
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.boards.made_up import frame

LINE = {"offline": False, "latency": 40, "downloadThroughput": 2_500_000, "uploadThroughput": 2_500_000}

# the moment after the frame in which `done` first holds; a message is delivered when the frame has been painted
PAINTED = """
(done) => new Promise((resolve) => {
  const look = () => done() ? requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(performance.now());
    port2.postMessage(null);
  }) : requestAnimationFrame(look);
  look();
})
"""
FIRST_ROW = f"""window.firstRow = ({PAINTED})(() => document.querySelector(SELECTOR)?.textContent);
window.shifts = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => {{ window.shifts += entry.value; }}))
  .observe({{ type: 'layout-shift', buffered: true }});"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Return the machine's own Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise SystemExit("This measures a real browser: `apt-get install chromium`.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-quic"])
        yield chromium
        chromium.close()


@contextmanager
def opened(chromium: Browser, url: str, selector: str | None) -> Iterator[Page]:
    """Return a page in a fresh profile, at the end of the slow line, when what `selector` names has been painted."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    if selector:
        page.add_init_script(f"const SELECTOR = {selector!r}; {FIRST_ROW}")
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", LINE)
        page.goto(url, wait_until="commit")
        page.evaluate("async () => { window.firstRow = await window.firstRow; }")
    yield page
    context.close()


@contextmanager
def served(what: str, argument: str) -> Iterator[str]:
    """Serve a page in a separate process: "board" of a store, "empty", or "dataframe" of `argument` rows."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(what, argument, port), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{port}"
    pids[url] = process.pid or 0
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        time.sleep(1)
        yield url
    finally:
        process.kill()
        process.join()


pids: dict[str, int] = {}
"""The processes that serve."""


def serve(what: str, argument: str, port: int) -> None:
    """Run in its own process until killed."""
    import gradio as gr

    plain: dict[str, Any] = {"server_port": port, "ssr_mode": False, "quiet": True, "run_history": False}
    if what == "board":
        from src.board.live.opening import open_board
        from src.settings import Settings
        from src.ui.app import build_app, launch

        settings = Settings(store=argument, port=port)
        board = open_board(settings)
        board.start()
        launch(build_app(board, settings), board, settings).wait()
    with gr.Blocks(analytics_enabled=False) as demo:
        if what == "empty":
            gr.HTML("<p id='nothing'>nothing</p>")
        else:
            shown = frame(int(argument)).sort_values("average", ascending=False)
            scores = [name for name in shown if name.endswith(".score")]
            shown = shown[["model", "model_type", "average", *scores, "params_b", "co2_kg", "precision", "license"]]
            gr.Dataframe(shown, show_search="search", interactive=False, max_height=700)
    demo.launch(**plain)


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]
