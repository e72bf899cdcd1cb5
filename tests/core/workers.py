"""Workers with a stand-in evaluation, and who kills them: the queue's own, and one with a naive status file."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

from src.core.errors import BadInput, Conflict, NotFound, StoreError
from src.core.grouped import Grouped
from src.core.hub import HubStore
from src.core.hub_client import use_client
from src.core.lifecycle import Status
from src.core.queue import Claim, LeaseLost, Queue
from src.core.records import Request
from src.core.store import LocalStore, Store
from tests.core.history import Journal, Line

LEASE = 3.0  # seconds


@dataclass(frozen=True)
class Place:
    """How a process of its own reaches the store of a test."""

    folder: Path
    endpoint: str | None = None
    owner: int = field(default_factory=os.getpid)  # its end is the workers' end

    def is_abandoned(self) -> bool:
        return not Path(f"/proc/{self.owner}").exists() and Path("/proc/self").exists()

    def open(self) -> Store:
        if self.endpoint is None:
            return LocalStore(self.folder / "board")
        from huggingface_hub import constants
        from huggingface_hub.utils import httpx

        constants.HF_HUB_DISABLE_XET = True
        use_client(timeout=httpx.Timeout(1.0), anew=True)
        return HubStore(
            "owner",
            token="hf_owner",
            endpoint=self.endpoint,
            cache_dir=self.folder / "blobs",
            patience=20.0,
            sleep=lambda seconds: time.sleep(min(seconds, 1.5) / 4),
        )


def request(number: int) -> Request:
    return Request(model=f"org/model-{number}", revision=f"{number:040x}", sender="alice", params=1.0)


def work(place: Place, name: str, seconds: float) -> None:
    """A box: claims, runs, renews, publishes, finishes, until nothing is left or it is killed."""
    store = place.open()
    queue = Queue(store, lease=timedelta(seconds=LEASE))
    journal = Journal(place.folder / "journals" / f"{name}.jsonl")
    rng = random.Random(name)
    claim: Claim | None = None
    while not place.is_abandoned():
        try:
            claim = claim or queue.claim(name)
            if claim is None:
                state = queue.snapshot()
                if not state.waiting and not state.running and state.standings:
                    return
                time.sleep(0.1)
                continue
            claim = _run(queue, journal, claim, seconds, rng)
        except LeaseLost:
            if claim:
                journal.write(_line(name, claim, "let-go", queue))
            claim = None
        except StoreError:
            claim = None  # the lease runs out by itself


def _run(queue: Queue, journal: Journal, claim: Claim, seconds: float, rng: random.Random) -> Claim | None:
    name = claim.box
    journal.write(_line(name, claim, "holds", queue))
    end = time.monotonic() + rng.expovariate(1 / seconds)
    while time.monotonic() < end:
        if queue.store.now() >= claim.renew_at:
            claim = queue.renew(claim, {"done": 1})
            journal.write(_line(name, claim, "holds", queue))
        time.sleep(0.02)
    if rng.random() < 0.05:
        journal.write(_line(name, claim, "ending", queue))
        if rng.random() < 0.5:
            queue.give_back(claim)
        else:
            queue.fail(claim, "harness", "now and then")
        return None
    result = f"results/{claim.request.model}/results_{claim.slot}-{claim.nonce}.json"
    queue.store.append({result: json.dumps({"run": claim.nonce}).encode()})
    journal.write(_line(name, claim, "ending", queue))
    following = queue.finish(claim, [result], then=lambda request: True)
    journal.write(_line(name, claim, "accepted", queue))
    return following


def _line(name: str, claim: Claim, what: str, queue: Queue) -> Line:
    at = claim.since.timestamp() if what == "holds" else queue.store.now().timestamp()
    return Line(name, claim.key, claim.nonce, what, at, claim.until.timestamp())


def work_naively(place: Place, name: str, seconds: float) -> None:
    """A box of the original's kind: a status file that everybody reads, then overwrites."""
    store = place.open()
    journal = Journal(place.folder / "journals" / f"{name}.jsonl")
    rng = random.Random(name)

    def overwrite(path: str, said: dict[str, object]) -> None:
        while True:
            try:
                store.replace({path: json.dumps(said).encode()}, store.head("requests"))
                return
            except Conflict:
                continue  # somebody wrote something: once more

    while True:
        files = {one.path: json.loads(store.read(one.path)) for one in store.list("requests")}
        now = store.now().timestamp()
        open_ones = [
            path
            for path, said in files.items()
            if said["status"] == "PENDING" or (said["status"] == "RUNNING" and said["until"] < now)
        ]
        if not open_ones:
            if all(said["status"] == "FINISHED" for said in files.values()):
                return
            time.sleep(0.05)
            continue
        path, run, until = rng.choice(open_ones[:3]), uuid4().hex[:16], now + LEASE
        overwrite(path, {"status": "RUNNING", "run": run, "until": until})
        journal.write(Line(name, path, run, "holds", now, until))
        time.sleep(rng.expovariate(1 / seconds))
        journal.write(Line(name, path, run, "ending", store.now().timestamp()))
        overwrite(path, {"status": "FINISHED", "run": run})
        journal.write(Line(name, path, run, "accepted", store.now().timestamp()))


@dataclass
class Tally:
    kills: int = 0
    seconds: float = 0.0
    retries: int = 0


def fight(
    place: Place,
    worker: Callable[[Place, str, float], None],
    ended: Callable[[], bool],
    *,
    workers: int,
    kills: int,
    every: float,
    seconds: float = 0.15,
    seed: int = 0,
    lines: int = 3,
    limit: float = 600.0,
) -> Tally:
    """Runs workers, kills one every now and then (SIGKILL) and starts another, until `ended`.

    A kill comes after about `every` seconds and, on average, `lines` lines of the journals (a run writes three).
    """
    journals = place.folder / "journals"
    journals.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.core.workers"])
    rng, tally, started, number, due = random.Random(seed), Tally(), time.monotonic(), 0, 0

    def another() -> BaseProcess:
        nonlocal number
        number += 1
        process = context.Process(target=worker, args=(place, f"box-{number}", seconds), daemon=True)
        process.start()
        return process

    crew = [another() for _ in range(workers)]
    look_at = time.monotonic()
    try:
        while time.monotonic() < look_at or not ended():
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + 10 * every  # a look costs more than a kill
            if time.monotonic() - started > limit:
                raise TimeoutError(f"not done after {limit:.0f} s")
            time.sleep(every * rng.uniform(0.5, 1.5))
            victim = rng.randrange(workers)
            # on a busy machine workers must get somewhere between two kills, or nobody ever dies late in its work
            told = sum(file.stat().st_size for file in journals.glob("*.jsonl"))
            if tally.kills < kills and told >= due and crew[victim].is_alive():
                due = told + rng.randint(0, lines * 2) * 150
                os.kill(crew[victim].pid or 0, signal.SIGKILL)
                tally.kills += 1
            for place_in_crew, process in enumerate(crew):
                if not process.is_alive():
                    process.join()
                    crew[place_in_crew] = another()
    finally:
        for process in crew:
            process.kill()
            process.join()
    tally.seconds = time.monotonic() - started
    return tally


def put_in(queue: Queue, number: int) -> list[str]:
    """Submits requests, some at a time as visitors would; the keys of those that were acknowledged."""
    grouped = Queue(Grouped(queue.store), lease=queue.lease)
    with ThreadPoolExecutor(16) as visitors:
        return list(visitors.map(lambda one: grouped.submit(request(one)).key, range(number)))


def all_finished(queue: Queue, tally: list[str]) -> bool:
    """Whether everything is finished; what failed for good is retried, as an operator would."""
    try:
        state = queue.snapshot()
        for standing in state.failed:
            queue.retry(standing.key, by="operator")
            tally.append(standing.key)
    except (StoreError, BadInput, NotFound):
        return False
    return len(state.finished) == len(state.standings)


def accepted(queue: Queue) -> dict[str, str]:
    """Request → the run whose results count, as the results say it themselves."""
    found = {}
    for standing in queue.snapshot().standings.values():
        if standing.status is Status.FINISHED:
            (path,) = queue.results(standing.key)
            found[standing.key] = json.loads(queue.store.read(path))["run"]
    return found
