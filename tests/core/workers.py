"""Workers with a stand-in evaluation that die by `kill -9`: the queue's own, and one with a naive status file.

When a worker dies is counted in its own calls to the store, never in seconds: a slow machine kills as many, as late in
their work, as a quick one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import uuid4

import time_machine

from src.core.errors import BadInputError, ConflictError, NotFoundError, StoreError
from src.core.lifecycle import Status
from src.core.queue import Claim, LeaseLostError, Queue
from src.core.records import Request
from src.core.store import LocalStore, Store
from src.core.store.client import use_client
from src.core.store.group_commit import GroupCommitStore
from src.core.store.hub import HubStore
from tests.core.history import Journal, Line
from tests.core.processes import PROCESSES

LEASE = 6.0  # seconds of the store's clock


class Ticks:
    """A clock that only work moves, for every process that opens its file: it goes as fast as the machine does.

    A tick is one byte more in a file, so that nobody's death can stop it.
    """

    STEP = 0.01  # seconds

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self) -> float:
        return 1_770_000_000.0 + os.fstat(self._file).st_size * self.STEP

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self(), UTC)

    def tick(self, seconds: float) -> None:
        os.write(self._file, b"." * max(1, round(seconds / self.STEP)))

    def sleep(self, seconds: float) -> None:
        """Some of it passes for everybody."""
        time.sleep(seconds / 10)
        self.tick(seconds / 10)


class Doom(NamedTuple):
    """A worker dies `delay` seconds after it begins its `calls`-th call to the store; 0: before that call."""

    calls: int
    delay: float


@dataclass(frozen=True)
class Place:
    """How a process of its own reaches the store of a test. `ticks`: by a clock that only work moves."""

    folder: Path
    endpoint: str | None = None
    ticks: bool = False
    timeout: float = 1.0  # seconds that the Hub's client waits for an answer
    skew: float = 0.0  # seconds by which the clocks of boxes are ahead or behind, at most
    owner: int = field(default_factory=os.getpid)  # its end is the workers' end

    def is_abandoned(self) -> bool:
        return not Path(f"/proc/{self.owner}").exists() and Path("/proc/self").exists()

    def clock(self) -> Ticks | None:
        self.folder.mkdir(parents=True, exist_ok=True)
        return Ticks(self.folder / "ticks") if self.ticks else None

    def open(self, doom: Doom | None = None) -> Store:
        clock = self.clock()
        return cast(Store, Mortal(self._store(clock), clock, doom)) if clock or doom else self._store(None)

    def _store(self, clock: Ticks | None) -> Store:
        if self.endpoint is None:
            return LocalStore(self.folder / "board", clock=clock.moment if clock else None)
        from huggingface_hub import constants
        from huggingface_hub.utils import httpx

        constants.HF_HUB_DISABLE_XET = True
        use_client(timeout=httpx.Timeout(self.timeout), again=True)
        return HubStore(
            "owner",
            token="hf_owner",
            endpoint=self.endpoint,
            cache_dir=self.folder / "blobs",
            max_wait=20.0,
            jitter=2.0,
            sleep=clock.sleep if clock else lambda seconds: time.sleep(min(seconds, 1.5) / 4),
            monotonic=clock or time.monotonic,
        )


@contextmanager
def clock_ahead(seconds: float) -> Iterator[None]:
    """Within, this process's own clock is wrong by so much; what the kernel writes into files is not."""
    if not seconds:
        yield
        return
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True):
        yield


class Mortal:
    """A store whose calls move the clock, and whose process dies as it is doomed to.

    Reading a file does not count: a box that has just started reads hundreds, and would die before it did anything.
    """

    COUNTED = frozenset({"head", "list", "append", "replace", "order"})

    def __init__(self, store: Store, clock: Ticks | None, doom: Doom | None) -> None:
        self._store, self._clock, self._doom, self._calls = store, clock, doom, 0

    def __getattr__(self, name: str) -> Any:
        if name in self.COUNTED:
            self._calls += 1
            if self._clock:
                self._clock.tick(Ticks.STEP)
            if self._doom and self._calls == self._doom.calls:
                if not self._doom.delay:
                    os.kill(os.getpid(), signal.SIGKILL)
                threading.Timer(self._doom.delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return getattr(self._store, name)


def request(number: int) -> Request:
    return Request(model=f"org/model-{number}", revision=f"{number:040x}", sender="alice", params=1.0)


def work(place: Place, name: str, seconds: float, doom: Doom | None) -> None:
    """A box: claims, runs, renews, publishes, finishes, until nothing is left or it is killed."""
    with clock_ahead(random.Random(name).uniform(-place.skew, place.skew)):
        _work(place, name, seconds, doom)


def _work(place: Place, name: str, seconds: float, doom: Doom | None) -> None:
    store, pass_time = place.open(doom), _passing(place.clock())
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
                pass_time(0.1)
                continue
            claim = _run(queue, journal, claim, rng.expovariate(1 / seconds), rng, pass_time)
        except LeaseLostError:
            if claim:
                journal.write(_line(name, claim, "let-go", queue))
            claim = None
        except StoreError:
            claim = None  # the lease runs out by itself


Pass = Callable[[float], None]


def _passing(clock: Ticks | None) -> Pass:
    """Sleeping, as the clock at hand takes it."""

    def tick(seconds: float) -> None:
        time.sleep(seconds / 2)
        clock.tick(seconds)

    return tick if clock else time.sleep


def _run(
    queue: Queue, journal: Journal, claim: Claim, seconds: float, rng: random.Random, pass_time: Pass
) -> Claim | None:
    name = claim.box
    journal.write(_line(name, claim, "holds", queue))
    for _ in range(round(seconds / 0.02)):
        if queue.store.now() >= claim.renew_at:
            claim = queue.renew(claim, {"done": 1})
            journal.write(_line(name, claim, "holds", queue))
        pass_time(0.02)
    if rng.random() < 0.05:
        journal.write(_line(name, claim, "ending", queue))
        if rng.random() < 0.5:
            queue.release(claim)
        else:
            queue.fail(claim, "harness", "now and then")
        return None
    result = f"results/{claim.request.model}/results_{claim.fencing_token}-{claim.nonce}.json"
    queue.store.append({result: json.dumps({"run": claim.nonce}).encode()})
    journal.write(_line(name, claim, "ending", queue))
    following = queue.finish(claim, [result], then=lambda request: True)
    journal.write(_line(name, claim, "accepted", queue))
    return following


def _line(name: str, claim: Claim, what: str, queue: Queue) -> Line:
    at = claim.since.timestamp() if what == "holds" else queue.store.now().timestamp()
    return Line(name, claim.key, claim.nonce, what, at, claim.until.timestamp())


def work_naively(place: Place, name: str, seconds: float, doom: Doom | None) -> None:
    """A box of the original's kind: a status file that everybody reads, then overwrites."""
    store = place.open(doom)
    journal = Journal(place.folder / "journals" / f"{name}.jsonl")
    rng = random.Random(name)

    def overwrite(path: str, output: dict[str, object]) -> None:
        while True:
            try:
                store.replace({path: json.dumps(output).encode()}, store.head("requests"))
                return
            except ConflictError:
                continue  # somebody wrote something: once more

    while True:
        files = {one.path: json.loads(store.read(one.path)) for one in store.list("requests")}
        now = store.now().timestamp()
        open_ones = [
            path
            for path, output in files.items()
            if output["status"] == "PENDING" or (output["status"] == "RUNNING" and output["until"] < now)
        ]
        if not open_ones:
            if all(output["status"] == "FINISHED" for output in files.values()):
                return
            time.sleep(0.05)
            continue
        path, run, until = rng.choice(open_ones[:3]), uuid4().hex[:16], now + LEASE
        time.sleep(0.05)  # it looks at the model before it takes it
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


def fight(
    place: Place,
    worker: Callable[[Place, str, float, Doom | None], None],
    ended: Callable[[], bool],
    *,
    workers: int,
    kills: int,
    seconds: float = 0.15,
    calls: int = 16,
    seed: int = 0,
    limit: float = 600.0,
) -> Tally:
    """Runs workers until `ended`; so many of them are doomed to be killed, and each that died is followed by another.

    A doomed one dies at one of its first `calls` calls to the store or, as often, while it waits or evaluates after
    one. `seconds`: what an evaluation takes, on average. Raises TimeoutError after `limit` seconds.
    """
    (place.folder / "journals").mkdir(parents=True, exist_ok=True)
    rng, tally, started, number, doomed = random.Random(seed), Tally(), time.monotonic(), 0, 0

    def another() -> BaseProcess:
        nonlocal number, doomed
        number += 1
        doom = None
        if doomed < kills:
            doomed += 1
            doom = Doom(rng.randint(1, calls), rng.choice((0.0, rng.uniform(0.0, 0.03), rng.uniform(0.0, 2 * seconds))))
        process = PROCESSES.Process(target=worker, args=(place, f"box-{number}", seconds, doom), daemon=True)
        process.start()
        return process

    crew = [another() for _ in range(workers)]
    look_at = time.monotonic()
    try:
        while time.monotonic() < look_at or not ended():
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + 0.5  # a look costs as much as a worker's
            if time.monotonic() - started > limit:
                raise TimeoutError(f"not done after {limit:.0f} s")
            time.sleep(0.05)
            for seat, process in enumerate(crew):
                if process.exitcode is not None:
                    tally.kills += process.exitcode == -signal.SIGKILL
                    crew[seat] = another()
    finally:
        for process in crew:
            process.kill()
            process.join(10)
    tally.seconds = time.monotonic() - started
    return tally


def put_in(queue: Queue, number: int) -> list[str]:
    """Submits requests, some at a time as visitors would; the keys of those that were acknowledged."""
    grouped = Queue(GroupCommitStore(queue.store), lease=queue.lease)
    with ThreadPoolExecutor(16) as visitors:
        return list(visitors.map(lambda one: grouped.submit(request(one)).key, range(number)))


def all_finished(queue: Queue) -> bool:
    """Whether everything is finished; what failed for good is retried, as an operator would."""
    try:
        state = queue.snapshot()
        for standing in state.failed:
            queue.retry(standing.key, by="operator")
    except (StoreError, BadInputError, NotFoundError):
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
