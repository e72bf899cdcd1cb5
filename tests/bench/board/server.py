"""Bytes of a visit, and what fifty visits at once cost."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser

from tests.bench import report, shown
from tests.bench.board.browsing import browser, opened, pids, served

VISITORS = 50


def server(rows: int, store: Path) -> None:
    """Bytes of a visit, and what fifty visits at once cost."""
    with browser() as chromium, served("empty", "") as url:
        addresses = list(visited(chromium, url, "#nothing"))
        peer_cpu = cpu_a_visitor(
            pids[url], [each for each in addresses if each.startswith(url) and "queue" not in each]
        )
    with browser() as chromium, served("board", str(store)) as url:
        sizes = visited(chromium, url, ".lt:not([aria-busy])")
        ours = sum(size for address, size in sizes.items() if "/board/" in address or "/site/" in address)
        total = round(sum(sizes.values()) / 1e3)
        peer = f"of it the table's code and rows: {ours / 1e3:.0f} kB"
        shown(f"bytes of a first visit, {rows:,} rows", total, "kB", peer)
        report(
            f"of them the table's own, {rows:,} rows", round(ours / 1e3), "kB", "some", 0 < ours < sum(sizes.values())
        )
        addresses = [address for address in sizes if address.startswith(url) and "queue" not in address]
        pid = pids[url]
        for what, asked in (("", addresses), (", rows alone", [each for each in addresses if "/board/" in each])):
            each = cpu_a_visitor(pid, asked)
            ratio = round(each / peer_cpu, 3)
            report(
                f"server CPU a visitor{what}, {VISITORS} at once, {rows:,} rows",
                round(each, 1),
                "ms",
                "≤ 0.05 × an empty Gradio page",
                ratio <= 0.05,
                f"empty Gradio page: {peer_cpu:.1f} ms",
                ratio,
            )


def visited(chromium: Browser, url: str, ready: str) -> dict[str, float]:
    """Return the requests of a first visit until `ready` appears, with the bytes of each answer."""
    names: dict[str, str] = {}
    sizes: dict[str, float] = {}
    with opened(chromium, "about:blank", None) as page:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", lambda it: names.update({it["requestId"]: it["request"]["url"]}))
        session.on("Network.loadingFinished", lambda it: sizes.update({it["requestId"]: it["encodedDataLength"]}))
        page.goto(url)
        page.wait_for_selector(ready)
        page.wait_for_timeout(1500)
    return {names[request]: size for request, size in sizes.items() if request in names}


def cpu_a_visitor(pid: int, addresses: list[str]) -> float:
    """Return the server's CPU milliseconds per visitor, with fifty visitors at the same time."""
    visit(addresses)  # the first of a snapshot is made for all
    before = cpu(pid)
    together(VISITORS, partial(visit, addresses))
    return 1000 * (cpu(pid) - before) / VISITORS


def visit(addresses: list[str]) -> None:
    """Send every request that a browser sends."""
    import httpx

    with httpx.Client(headers={"Accept-Encoding": "br, gzip"}, timeout=60) as client:
        for address in addresses:
            with client.stream("GET", address) as answer:
                answer.raise_for_status()
                for _ in answer.iter_raw():
                    pass


def together(n: int, act: Callable[[], None]) -> None:
    """Do it `n` times in parallel."""
    threads = [threading.Thread(target=act) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
