"""Bytes of a visit, and what fifty visits at once cost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser

from tests.bench import report
from tests.bench.board.browsing import browser, opened, pids, served

VISITORS = 50


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
