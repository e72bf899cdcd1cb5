"""What the page and its server cost: `python -m tests.bench.board [--quick] [--only table,server,sync]`.

Every timing of the page is taken beside its peer, turn and turn about: an empty Gradio page, or `gr.Dataframe` holding
the same frame. The line is 20 Mbit/s with 40 ms; each page is opened in a fresh profile. "Painted" is the first moment
after the frame that holds the change.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.bench import report
from tests.board.made_up import frame

ROOT = Path(__file__).parents[2]
ROWS = (4_576, 100_000)
LINE = {"offline": False, "latency": 40, "downloadThroughput": 2_500_000, "uploadThroughput": 2_500_000}
VISITORS = 50

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
FIRST_ROW = f"window.firstRow = ({PAINTED})(() => document.querySelector(SELECTOR)?.textContent);"

# from the hardware's event to the frame that holds the answer: a handler runs in the task of the input or click that
# the event leads to, so the next frame is the one, and a message is delivered when it has been painted
ANSWERS = """
window.answers = [];
let began = 0;
for (const kind of ['keydown', 'pointerup']) addEventListener(kind, (event) => { began = event.timeStamp; }, true);
for (const kind of ['input', 'click']) addEventListener(kind, () => {
  const since = began;
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => window.answers.push(performance.now() - since);
    port2.postMessage(null);
  });
}, true);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4,576 rows and few turns, about a minute")
    parser.add_argument("--only", default="table,server,sync", help="which parts to run")
    args = parser.parse_args()
    parts = args.only.split(",")
    report("load average", os.getloadavg()[0], "processes", "the smaller, the surer the seconds", None)
    with tempfile.TemporaryDirectory() as folder:
        for rows in ROWS[:1] if args.quick else ROWS:
            store = imported(rows, Path(folder) / str(rows))
            if "table" in parts:
                table(rows, store, turns=3 if args.quick else 7)
            if "server" in parts:
                server(rows, store)
            if "sync" in parts:
                sync(rows, store)


# ── the page ──


def table(rows: int, store: Path, turns: int) -> None:
    """First row, keys, clicks, scrolling and heap, beside the peers."""
    with browser() as chromium, served("board", str(store)) as ours, served("empty", "") as empty:
        firsts: dict[str, list[float]] = {"ours": [], "empty": []}
        for _ in range(turns):
            for name, url, selector in (("ours", ours, FIRST_NAME), ("empty", empty, "#nothing")):
                with opened(chromium, url, selector) as page:
                    firsts[name].append(page.evaluate("window.firstRow"))
        first = median(firsts["ours"])
        ratio = median(one / other for one, other in zip(firsts["ours"], firsts["empty"], strict=True))
        peer = f"empty Gradio page: {median(firsts['empty']):.0f} ms"
        goal = "≤ 1.15 × an empty Gradio page"
        report(f"first row painted, {rows:,} rows", round(first), "ms", goal, ratio <= 1.15, peer, round(ratio, 2))
        with opened(chromium, ours, FIRST_NAME) as page:
            page.wait_for_selector(".lt:not([aria-busy])")
            page.wait_for_timeout(1500)
            mine = handled(page, ".lt-search input", ".lt-sizes .lt-chip")
            mine |= {"scroll frame": frames(page, ".lt-scroll"), "heap": [megabytes(page)], "first": [first]}
        # with 100,000 rows as its value, gr.Dataframe does not launch
        theirs = data_frame(chromium, rows) if rows == ROWS[0] else {}
    for what, title, unit, most in GOALS:
        if what not in mine:
            continue
        value = p95(mine[what])
        peer_value = p95(theirs[what]) if theirs.get(what) else None
        report(
            f"{title}, {rows:,} rows",
            round(value, 1),
            unit,
            f"≤ {most} {unit}" if most else "less than gr.Dataframe",
            value <= most if most else value < peer_value if peer_value else None,
            f"gr.Dataframe: {peer_value:.0f} {unit}" if peer_value else None,
            round(value / peer_value, 2) if peer_value else None,
        )
        if what in ("key", "filter click"):
            report(f"{title.replace('p95', 'median')}, {rows:,} rows", round(median(mine[what]), 1), unit, "", None)


FIRST_NAME = ".lt-rows .lt-start"

GOALS: tuple[tuple[str, str, str, float | None], ...] = (
    ("key", "key to painted rows, p95", "ms", 40),
    ("key, main thread", "main thread busy for a key and what follows it, p95", "ms", None),
    ("filter click", "filter click to painted rows, p95", "ms", 40),
    ("filter click, main thread", "main thread busy for a filter click and what follows it, p95", "ms", None),
    ("scroll frame", "frames while scrolling, p95", "ms", 25),
    ("heap", "heap and buffers after use", "MB", 40),
    ("first", "first row against gr.Dataframe", "ms", None),
)
"""What is measured, what it is called, its unit, and the most it may be."""


def data_frame(chromium: Browser, rows: int) -> dict[str, list[float]]:
    """The same measures of `gr.Dataframe` with the columns a newcomer sees."""
    with served("dataframe", str(rows)) as url, opened(chromium, url, ".gradio-container td [role=button], td") as page:
        first = page.evaluate("window.firstRow")
        page.wait_for_timeout(1500)
        found = handled(page, "input.search-input", None)
        scroll = frames(page, ".gradio-container .table-wrap, .gradio-container .virtual-table-viewport, table")
        return {**found, "scroll frame": scroll, "heap": [megabytes(page)], "first": [first]}


def handled(page: Page, search: str, chip: str | None) -> dict[str, list[float]]:
    """How long keys and clicks take to be painted, and how much of the page's main thread: the second holds on a busy
    machine too."""
    page.evaluate(f"() => {{ {ANSWERS} }}")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    found: dict[str, list[float]] = {}

    def each(what: str, acts: list[Callable[[], None]]) -> None:
        spent = []
        page.evaluate("window.answers.length = 0")
        for act in acts:
            before = busy(session)
            act()
            page.wait_for_timeout(90)
            spent.append(1000 * (busy(session) - before))
        page.wait_for_timeout(300)
        found[what] = page.evaluate("window.answers")
        found[f"{what}, main thread"] = spent

    page.click(search)
    page.wait_for_timeout(300)
    words = ("instruct", "estuary 7", "fjord math")
    keys = [key for word in words for key in [*word, *["Backspace"] * len(word)]]
    each("key", [partial(page.keyboard.press, key) for key in keys])
    if chip:
        chips = [page.locator(chip).nth(at) for at in range(4)]
        each("filter click", [partial(one.click) for one in chips * 6])
    return found


def busy(session: CDPSession) -> float:
    """Seconds of processor that the page's main thread has used."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def frames(page: Page, scroller: str) -> list[float]:
    """How far apart the frames are while a reader scrolls."""
    box = page.locator(scroller).first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + min(box["height"], 600) / 2)
    page.evaluate(
        """() => {
          window.gaps = []; window.watching = true; let last = performance.now();
          const next = (now) => {
            window.gaps.push(now - last); last = now;
            if (window.watching) requestAnimationFrame(next);
          };
          requestAnimationFrame(next);
        }"""
    )
    for step in range(60):
        page.mouse.wheel(0, 900 if step < 40 else -1400)
        page.wait_for_timeout(16)
    page.evaluate("window.watching = false")
    return [float(gap) for gap in page.evaluate("window.gaps")[2:]]


def megabytes(page: Page) -> float:
    """What the page holds once the rubbish is gone: objects and the buffers behind typed arrays."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


def p95(values: list[float]) -> float:
    """The value that 95 in a hundred do not exceed."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


# ── the server ──


def server(rows: int, store: Path) -> None:
    """Bytes of a visit, and what fifty visits at once cost."""
    with browser() as chromium, served("board", str(store)) as url:
        sizes = visited(chromium, url)
        ours = sum(size for address, size in sizes.items() if "/board/" in address or "/site/" in address)
        total = round(sum(sizes.values()) / 1e3)
        peer = f"of it the table's code and rows: {ours / 1e3:.0f} kB"
        report(f"bytes of a first visit, {rows:,} rows", total, "kB", "", None, peer)
        addresses = [address for address in sizes if address.startswith(url) and "queue" not in address]
        pid = pids[url]
        for what, asked in (("", addresses), (", rows alone", [each for each in addresses if "/board/" in each])):
            visit(asked)  # the first of a snapshot is made for all
            before, began = cpu(pid), time.perf_counter()
            slowest = max(together(VISITORS, partial(visit, asked)))
            each = round(1000 * (cpu(pid) - before) / VISITORS, 1)
            took = f"all served in {time.perf_counter() - began:.1f} s, the slowest in {slowest:.1f} s"
            report(f"server CPU a visitor{what}, {VISITORS} at once, {rows:,} rows", each, "ms", "", None, took)


def visited(chromium: Browser, url: str) -> dict[str, float]:
    """What a first visit asks for, and the bytes of each answer on the line."""
    names: dict[str, str] = {}
    sizes: dict[str, float] = {}
    with opened(chromium, "about:blank", None) as page:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", lambda it: names.update({it["requestId"]: it["request"]["url"]}))
        session.on("Network.loadingFinished", lambda it: sizes.update({it["requestId"]: it["encodedDataLength"]}))
        page.goto(url)
        page.wait_for_selector(".lt:not([aria-busy])")
        page.wait_for_timeout(1500)
    return {names[request]: size for request, size in sizes.items() if request in names}


def visit(addresses: list[str]) -> None:
    """Ask for everything a browser asks for."""
    import httpx

    with httpx.Client(headers={"Accept-Encoding": "br, gzip"}, timeout=60) as client:
        for address in addresses:
            with client.stream("GET", address) as answer:
                for _ in answer.iter_raw():
                    pass


def together(n: int, act: Callable[[], None]) -> list[float]:
    """Do it `n` times at once; how long each took, in seconds."""
    waits: list[float] = []

    def timed() -> None:
        began = time.perf_counter()
        act()
        waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=timed) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def cpu(pid: int) -> float:
    """Seconds of processor a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ── the store ──


def imported(rows: int, folder: Path) -> Path:
    """A board of so many made-up rows, brought in as an operator would; says how long that took."""
    from src.core.frame import to_contents
    from src.core.suites import load

    folder.mkdir(parents=True)
    table, store = folder / "table.parquet", folder / "store"
    to_contents(frame(rows), load("open-llm-v2")).to_parquet(table)
    began = time.perf_counter()
    bring_in(table, store)
    report(f"import of {rows:,} rows", round(time.perf_counter() - began, 1), "s", "", None)
    return store


def bring_in(table: Path, store: Path) -> None:
    """`python app.py import`."""
    command = [sys.executable, "app.py", "import", str(table), "--store", str(store)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])


def sync(rows: int, store: Path) -> None:
    """What a sync asks of the store when nothing, and when one file, has changed."""
    from src.board.snapshot import Board
    from src.core.frame import to_contents
    from src.core.store import LocalStore
    from src.core.suites import load

    counted = Counting(LocalStore(store))
    board = Board(counted, None, local=True)
    began = time.perf_counter()
    board.sync()
    report(f"first sync, {rows:,} rows", round(time.perf_counter() - began, 2), "s", "", None)
    counted.calls.clear()
    began = time.perf_counter()
    board.sync()
    took = f"{1000 * (time.perf_counter() - began):.1f} ms: {', '.join(counted.calls)}"
    n = len(counted.calls)
    report(
        f"calls of a sync without news, {rows:,} rows", n, "calls", "1, where rows come from one dataset", n == 1, took
    )
    again = store.parent / "again.parquet"
    to_contents(frame(3, seed=9), load("open-llm-v2")).to_parquet(again)
    bring_in(again, store)
    counted.calls.clear()
    began = time.perf_counter()
    board.sync()
    took_s = round(time.perf_counter() - began, 2)
    one = sum(call.startswith("read") for call in counted.calls) == 1
    calls = ", ".join(counted.calls)
    report(f"sync of one changed file, {rows:,} rows", took_s, "s", "only the changed file is read", one, calls)


class Counting:
    """A store that writes down what it is asked."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.name = store.name
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("head", "list", "read"):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(f"{name} {args[0]}")
            return found(*args, **kwargs)

        return call


# ── servers and browsers ──


@contextmanager
def served(what: str, argument: str) -> Iterator[str]:
    """A page in a process of its own: "board" of a store, "empty", or "dataframe" of so many rows."""
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
    """Runs in its own process until killed."""
    import gradio as gr

    plain: dict[str, Any] = {"server_port": port, "ssr_mode": False, "quiet": True, "run_history": False}
    if what == "board":
        from src.board.opening import open_board
        from src.settings import Settings
        from src.ui.app import build_app, launch

        settings = Settings(store=argument, port=port)
        board = open_board(settings)
        board.start()
        launch(build_app(board, settings), board, settings, prevent_thread_lock=True, quiet=True)
        threading.Event().wait()
    with gr.Blocks(analytics_enabled=False) as demo:
        if what == "empty":
            gr.HTML("<p id='nothing'>nothing</p>")
        else:
            shown = frame(int(argument)).sort_values("average", ascending=False)
            scores = [name for name in shown if name.endswith(".score")]
            shown = shown[["model", "model_type", "average", *scores, "params_b", "co2_kg", "precision", "license"]]
            gr.Dataframe(shown, show_search="search", interactive=False, max_height=700)
    demo.launch(**plain)


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's own Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise SystemExit("This measures a real browser: `apt-get install chromium`.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-quic"])
        yield chromium
        chromium.close()


@contextmanager
def opened(chromium: Browser, url: str, selector: str | None) -> Iterator[Page]:
    """A page in a fresh profile, at the end of the slow line, when what `selector` names has been painted."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    if selector:
        page.add_init_script(f"const SELECTOR = {selector!r}; {FIRST_ROW}")
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", LINE)
        page.goto(url, wait_until="commit")
        page.evaluate("async () => { window.firstRow = await window.firstRow; }")
    yield page
    context.close()


if __name__ == "__main__":
    main()
