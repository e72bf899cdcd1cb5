"""Measure the board as a server: `python -m tests.bench.api [--quick]`; needs the real table beside the repository.

load       200 requests a second for a minute, pages and API mixed, at a board of 4,576 rows: p50, p99, errors
memory     10,000 page visits: what the server's memory grows by after the first 2,000
contract   ten minutes of schemathesis against /api/openapi.json: server errors, broken descriptions
searching  a corpus of patterns made to hang: p99 over the API
formatted  the old address, against building the answer for each request as the original did
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import httpx

from src.core.frames.frame import from_contents, read_table, to_contents
from src.core.frames.tables import write_parquet
from src.core.store import LocalStore
from tests.bench import report, shown, verdict
from tests.board.api.test_api import REDOS
from tests.conftest import SHARED

TABLE = SHARED / "data" / "contents" / "v2_final_merged_4576.parquet"
RATE = 200  # requests a second
ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute in all instead of a quarter of an hour")
    parser.add_argument("--only", choices=PARTS, action="append", help="only these parts")
    args = parser.parse_args()
    if not TABLE.exists():
        raise SystemExit(f"The real table is not at hand: put it at {TABLE}.")
    with served() as server:
        for name, part in PARTS.items():
            if not args.only or name in args.only:
                part(server, args.quick)
    raise SystemExit(verdict())


@dataclass(frozen=True)
class Server:
    """A running board: its address and its process."""

    url: str
    pid: int
    models: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        """Return the resident memory of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def served() -> Iterator[Server]:
    """Run `python app.py` on the final table, in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        frame = from_contents(read_table(TABLE))
        LocalStore(folder).append({"contents/data/train.parquet": write_parquet(to_contents(frame, "open-llm-v2"))})
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "app.py", "--store", folder, "--port", str(port), "--per-minute", "100000000"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=ROOT, **quiet)  # type: ignore[call-overload]
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/api/v1/models?limit=1")
            yield Server(url, process.pid, tuple(frame["model"].unique()))
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("The board did not come up within a minute.")


# --- load -------------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What a run of requests met; times in seconds from when each was due, so that waiting to be sent counts."""

    times: list[float] = field(default_factory=list)
    statuses: Counter[int | str] = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status not in (200, 304))

    def at(self, share: float) -> float:
        return sorted(self.times)[min(len(self.times) - 1, int(share * len(self.times)))]


def mixed(models: tuple[str, ...], rng: random.Random) -> tuple[str, dict[str, str]]:
    """One request of the mix: a path and its headers. Four of ten are pages, the rest what pages and programs fetch.

    Models are requested as in practice: a few very often, most rarely.
    """
    place = min(len(models) - 2, int(rng.paretovariate(0.7)) - 1)
    model, other = quote(models[place]), quote(models[place + 1])
    word = rng.choice(
        ("qwen", "llama", "7b", "instruct", "merge", "phi", "gemma", "mistral", "@license:mit", "/^a.*b/")
    )
    kind = rng.random()
    if kind < 0.2:
        return "/", {}
    if kind < 0.35:
        return f"/model/{model}", {}
    if kind < 0.4:
        return "/explore", {}
    if kind < 0.5:
        return f"/?q={quote(word)}&sort=-{rng.choice(('average', 'ifeval', 'gpqa'))}", {}
    if kind < 0.6:
        return "/status.json", {}
    if kind < 0.75:
        return f"/api/v1/models?q={quote(word)}&limit={rng.choice((10, 50, 100))}", {}
    if kind < 0.85:
        return f"/api/v1/models/{model}", {}
    if kind < 0.9:
        return f"/api/v1/compare?models={model},{other}", {}
    if kind < 0.94:
        return "/?embed=1&top=10", {}
    if kind < 0.97:
        return "/api/leaderboard/formatted", {"Accept-Encoding": "br"}
    return "/api/v1/models.csv", {"Accept-Encoding": "gzip"}


def load(server: Server, quick: bool) -> None:
    """Send 200 requests per second, whether or not earlier ones are answered."""
    seconds = 8 if quick else 60
    asyncio.run(_run(server, 3, random.Random(0)))  # first answers are made, connections opened
    tally = asyncio.run(_run(server, seconds, random.Random(1)))
    reported = f"{RATE} requests/s mixed for {seconds} s, 4,576 rows, {_load()}"
    shown(f"p50, {reported}", round(tally.at(0.5) * 1000, 1), "ms")
    report(f"p99, {reported}", round(tally.at(0.99) * 1000, 1), "ms", "below 1000 ms", tally.at(0.99) < 1)
    met = ", ".join(f"{count} × {status}" for status, count in tally.statuses.most_common())
    report(f"errors of {len(tally.times)} requests ({met})", tally.errors, "requests", "none", tally.errors == 0)


async def _run(server: Server, seconds: float, rng: random.Random) -> Tally:
    tally = Tally()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with (
        httpx.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):
        start = time.perf_counter()
        for number in range(int(seconds * RATE)):
            due = start + number / RATE
            await asyncio.sleep(max(0, due - time.perf_counter()))
            path, headers = mixed(server.models, rng)
            group.create_task(_ask(client, path, headers, due, tally))
    return tally


async def _ask(client: httpx.AsyncClient, path: str, headers: dict[str, str], due: float, tally: Tally) -> None:
    try:
        async with client.stream("GET", path, headers=headers) as answer:
            async for _ in answer.aiter_raw():  # bytes as they come: unpacking them is the reader's own work
                pass
        tally.statuses[answer.status_code] += 1
    except httpx.HTTPError as error:
        tally.statuses[type(error).__name__] += 1
    tally.times.append(time.perf_counter() - due)


# --- memory -----------------------------------------------------------------------------------------------------------


def memory(server: Server, quick: bool) -> None:
    """Visit pages as a browser does: the document, the first rows, the freshness; every tenth visit runs a tool."""
    visits, settled = (600, 200) if quick else (10_000, 2_000)
    rng = random.Random(2)
    sizes: dict[int, float] = {}
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for visit in range(1, visits + 1):
            model = quote(rng.choice(server.models))
            page = rng.choice(("/", f"/model/{model}", f"/model/{model}", "/explore", "/about", f"/?q={model}"))
            assert client.get(page).status_code == 200
            for path in (f"/?q={model}&columns=average,license", "/status.json"):
                client.get(path).raise_for_status()
            if visit % 10 == 0:
                session = {"data": [model, "", "", 0, False, "average", 5, ""], "session_hash": f"visit{visit}"}
                client.post("/gradio_api/run/find_models", json=session).raise_for_status()
            if visit in (settled, visits):
                sizes[visit] = server.megabytes
    grown = sizes[visits] - sizes[settled]
    report(
        f"memory grown by visits {settled:,} to {visits:,}, from {sizes[settled]:.0f} MB",
        round(grown, 1),
        "MB",
        "at most 5 % of what it was",
        grown <= 0.05 * sizes[settled],
        None,
        round(sizes[visits] / sizes[settled], 3),
    )


# --- contract ---------------------------------------------------------------------------------------------------------


def contract(server: Server, quick: bool) -> None:
    """Run Schemathesis' command over HTTP, with all checks that a board without sign-in can pass."""
    seconds = 20 if quick else 600
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.url}/api/openapi.json", "--url",
        f"{server.url}/api", "--checks", ",".join(CHECKS), "--continue-on-failure", "--max-examples", "100000",
        "--max-time", str(seconds), "--no-color",
    ]  # fmt: skip
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as told_to:
        run = subprocess.Popen(command, stdout=told_to, stderr=subprocess.STDOUT)
        for max_wait, ending in ((seconds + 30, signal.SIGINT), (60, signal.SIGKILL)):
            try:
                run.wait(max_wait)
                break
            except subprocess.TimeoutExpired:  # its own limit does not end a phase that is under way
                run.send_signal(ending)
        told_to.seek(0)
        output = told_to.read()
    took = time.monotonic() - start
    cases = re.search(r"(\d[\d,]*) generated", output)
    failures = re.search(r"(\d+) unique failure", output)
    count = int(failures[1]) if failures else 0 if cases else None
    if count != 0:
        print(output[output.find("= FAILURES") :][:8000], file=sys.stderr)
    reported = f"faults that schemathesis found in {took:.0f} s, {cases[1] if cases else 'unknown'} cases"
    made = int(cases[1].replace(",", "")) if cases else 0
    report(reported, count, "faults", "none", count == 0, sample=made)


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


# --- searching, formatted ---------------------------------------------------------------------------------------------


def searching(server: Server, quick: bool) -> None:
    """Measure each pattern over HTTP; take the best of five, because other work on the machine adds time."""
    times, refused = [], 0
    with httpx.Client(base_url=server.url, timeout=30) as client:
        client.get("/api/v1/models", params={"q": "warm"})
        for at, pattern in enumerate(REDOS):
            spent = []
            for again in range(5):
                start = time.perf_counter()
                params = {"q": pattern, "limit": 1, "offset": f"{at * 10 + again}"}
                refused += client.get("/api/v1/models", params=params).status_code != 200
                spent.append(time.perf_counter() - start)
            times.append(min(spent))
    p99 = sorted(times)[int(0.99 * len(times))] * 1000
    report(f"p99 of {len(REDOS)} patterns made to hang, over HTTP", round(p99, 1), "ms", "below 50 ms", p99 < 50)
    report(
        "searches that were refused instead of answered", refused, "requests", "none", refused == 0, sample=len(times)
    )


def formatted(server: Server, quick: bool) -> None:
    """Compare a cached, compressed answer with one that is built for each request."""
    from src.board.api.original import entry, table
    from src.board.live.snapshot import Snapshot
    from src.core.suites import load as load_suite
    from tests.boards.small_board import AS_OF

    snapshot = Snapshot(from_contents(read_table(TABLE)), load_suite("open-llm-v2"), "r", "local", AS_OF)

    def fresh() -> Any:
        return json.dumps([entry(row, snapshot) for row in table(snapshot)])

    with httpx.Client(base_url=server.url, timeout=60, headers={"Accept-Encoding": "br"}) as client:

        def kept() -> Any:
            with client.stream("GET", "/api/leaderboard/formatted") as answer:
                answer.raise_for_status()
                return b"".join(answer.iter_raw())

        kept()
        pairs = [(_timed(kept), _timed(fresh)) for _ in range(3 if quick else 15)]
    ours, theirs = (median(times) * 1000 for times in zip(*pairs, strict=True))
    report(
        "the old /api/leaderboard/formatted, 4,576 rows, median",
        round(ours, 1),
        "ms",
        "a tenth of building it each time",
        ours < theirs / 10,
        f"built for each request, before compressing: {theirs:.0f} ms",
        round(ours / theirs, 4),
    )


def _timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


PARTS = {"load": load, "memory": memory, "searching": searching, "formatted": formatted, "contract": contract}


if __name__ == "__main__":
    main()
