"""First row, keys, clicks, scrolling and heap, beside an empty Gradio page and `gr.Dataframe`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, CDPSession, Page

from tests.bench import report, shown
from tests.bench.board.browsing import browser, opened, p95, served

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


def table(rows: int, store: Path, quick: bool = False) -> None:
    """First row, keys, clicks, scrolling and heap, beside the peers."""
    words = WORDS[:1] if quick else WORDS
    with browser() as chromium, served("board", str(store)) as ours, served("empty", "") as empty:
        firsts: dict[str, list[float]] = {"ours": [], "empty": []}
        for _ in range(2 if quick else 7):
            for name, url, selector in (("ours", ours, FIRST_NAME), ("empty", empty, "#nothing")):
                with opened(chromium, url, selector) as page:
                    firsts[name].append(page.evaluate("window.firstRow"))
        first = median(firsts["ours"])
        ratio = median(one / other for one, other in zip(firsts["ours"], firsts["empty"], strict=True))
        peer = f"empty Gradio page: {median(firsts['empty']):.0f} ms"
        goal = "≤ 0.4 × an empty Gradio page"
        report(f"first row painted, {rows:,} rows", round(first), "ms", goal, ratio <= 0.4, peer, round(ratio, 2))
        early_key(chromium, ours, rows)
        with opened(chromium, ours, FIRST_NAME) as page:
            page.wait_for_selector(".lt:not([aria-busy])")
            page.wait_for_timeout(1500)
            shift = round(page.evaluate("window.shifts"), 4)
            report(f"layout shift of a visit, {rows:,} rows", shift, "", "none", shift == 0)
            mine = handled(page, ".lt-search input", ".lt-sizes .lt-chip", words)
            mine |= {"scroll frame": frames(page, ".lt-scroll"), "heap": [megabytes(page)], "first": [first]}
        # with 100,000 rows as its value, gr.Dataframe does not launch
        theirs = data_frame(chromium, rows, words) if rows < 100_000 else {}
    for what, title, unit, peer_what, most in GOALS:
        if what not in mine:
            continue
        value = p95(mine[what])
        peer_value = p95(theirs[peer_what]) if theirs.get(peer_what) else None
        share = round(value / peer_value, 2) if peer_value else None
        report(
            f"{title}, {rows:,} rows",
            round(value, 1),
            unit,
            f"≤ {most:g} × gr.Dataframe's {peer_what}",
            share <= most if share is not None else None,
            f"gr.Dataframe: {peer_value:.0f} {unit}" if peer_value else None,
            share,
        )
        if what in ("key", "filter click"):
            shown(f"{title.replace('p95', 'median')}, {rows:,} rows", round(median(mine[what]), 1), unit)


FIRST_NAME = ".lt-rows .lt-name"
WORDS = ("instruct", "estuary 7", "fjord math")
"""What is typed and taken back, key by key."""

GOALS = (
    ("key", "key to painted rows, p95", "ms", "key", 0.15),
    ("key, main thread", "main thread busy for a key and what follows it, p95", "ms", "key, main thread", 1.0),
    ("filter click", "filter click to painted rows, p95", "ms", "key", 0.15),
    ("filter click, main thread", "main thread busy for a filter click, p95", "ms", "key, main thread", 1.0),
    ("scroll frame", "frames while scrolling, p95", "ms", "scroll frame", 0.15),
    ("heap", "heap and buffers after use", "MB", "heap", 1.0),
    ("first", "first row against gr.Dataframe", "ms", "first", 1.0),
)
"""What is measured, its name and unit, the measure of gr.Dataframe that it is judged by, and the most times that."""


def early_key(chromium: Browser, url: str, rows: int) -> None:
    """Press keys 100 ms after the first row: before the script and the rows have come, on the slow line."""
    with opened(chromium, url, FIRST_NAME) as page:
        page.wait_for_timeout(100)
        for key in "/7b":
            page.keyboard.press(key)
        page.wait_for_selector(".lt:not([aria-busy])")
        page.wait_for_timeout(500)
        typed, answered = page.evaluate("[document.querySelector('[name=q]').value, location.search]")
        kept = (typed, answered) == ("7b", "?q=7b")
        report(f"keys pressed 100 ms after the first row, {rows:,} rows", int(kept), "kept", "kept", kept)


def data_frame(chromium: Browser, rows: int, words: Sequence[str]) -> dict[str, list[float]]:
    """Return the same measures of `gr.Dataframe` with the columns a newcomer sees."""
    with served("dataframe", str(rows)) as url, opened(chromium, url, ".gradio-container td [role=button], td") as page:
        first = page.evaluate("window.firstRow")
        page.wait_for_timeout(1500)
        found = handled(page, "input.search-input", None, words)
        scroll = frames(page, ".gradio-container .table-wrap, .gradio-container .virtual-table-viewport, table")
        return {**found, "scroll frame": scroll, "heap": [megabytes(page)], "first": [first]}


def handled(page: Page, search: str, chip: str | None, words: Sequence[str]) -> dict[str, list[float]]:
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
        missing = len(acts) - len(found[what])
        report(f"{what}s that were not answered, of {len(acts)}", missing, "acts", "0", missing == 0, sample=len(acts))
        found[f"{what}, main thread"] = spent

    page.click(search)
    page.wait_for_timeout(300)
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
