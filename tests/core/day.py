"""A day in the life of a busy board, on a simulated clock: more to write than the Hub takes in an hour."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from huggingface_hub.utils import get_session, httpx

from evaluator.worker import JITTER
from src.core.queue import Claim, LeaseLostError, Queue, actions, reading, selection, votes
from src.core.store import group_commit
from src.core.store.group_commit import GroupCommitStore
from src.core.store.hub import HubStore
from tests.boards.requests import ask
from tests.core.simulated import Simulation
from tools.hub import Hub, in_process


@dataclass
class Day:
    """What came of it."""

    finished: int = 0
    submitted: int = 0
    commits: int = 0
    throttled: int = 0  # 429 that the Hub answered
    unhandled: list[str] = field(default_factory=list)  # that reached somebody who could do nothing about it
    slowest_ack: float = 0.0  # seconds until a submission was acknowledged
    acks: list[float] = field(default_factory=list)
    busiest_hour: int = 0

    @property
    def commits_each(self) -> float:
        return self.commits / max(1, self.finished)


def live(
    tmp_path: Path,
    *,
    hours: float,
    boxes: int,
    gpus: int,
    quota: int,
    minutes: float = 60.0,
    lease: timedelta = timedelta(hours=2),
) -> Day:
    """Boxes with `gpus` workers each, runs of about `minutes`, as many submissions as runs, for some hours."""
    clock, day = Simulation(), Day()
    hub = Hub(clock=clock, quota=quota)
    per_hour = boxes * gpus * 60.0 / minutes
    end = clock() + hours * 3600

    def board(name: str, jitter: float = 30.0) -> Queue:
        store = HubStore(
            "owner", token=f"hf_{name}", endpoint="http://hub.test", cache_dir=tmp_path / "blobs",
            max_wait=4 * 3600.0, jitter=jitter, sleep=clock.sleep, monotonic=clock, rng=random.Random(name),
        )  # fmt: skip
        nonces = random.Random(f"nonces of {name}")
        return Queue(GroupCommitStore(store), lease=lease, nonce=lambda: f"{nonces.getrandbits(64):016x}")

    def careful(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as error:
                day.unhandled.append(f"{type(error).__name__}: {error}")

        return run

    class Box:
        def __init__(self, name: str) -> None:
            self.name, self.queue, self.held = name, board(name, jitter=JITTER), dict[str, Claim]()

        def gpu(self, number: int) -> None:
            rng, claim = random.Random(f"{self.name}/{number}"), None
            clock.sleep(rng.uniform(0, minutes * 60))
            while clock() < end:
                try:
                    claim = claim or self.queue.claim(self.name)
                    if claim is None:
                        clock.sleep(120)
                        continue
                    self.held[claim.key] = claim
                    clock.sleep(rng.gauss(minutes, minutes / 6) * 60)
                    if clock() >= end:
                        return
                    result = f"results/{claim.request.model}/results_{claim.nonce}.json"
                    self.queue.store.append({result: b"{}"})
                    ending = self.held.pop(claim.key, claim)
                    claim = self.queue.finish(ending, [result], then=lambda request: clock() < end)
                    day.finished += 1
                except LeaseLostError:
                    claim = None

        def renewals(self) -> None:
            while clock() < end:
                clock.sleep(lease.total_seconds() / 4)
                if not any(claim.renew_at <= self.queue.store.now() for claim in self.held.values()):
                    continue
                try:
                    renewed = self.queue.renew_many([(claim, {}) for claim in list(self.held.values())])
                except LeaseLostError:
                    continue  # one of them just ended: the next round renews the others
                for claim in renewed:
                    if claim.key in self.held:
                        self.held[claim.key] = claim

    def submit() -> None:
        asked = clock()
        space.submit(ask(f"org/m{asked}"))
        day.submitted += 1
        day.acks.append(clock() - asked)

    def visitors() -> None:
        """People who know nothing of each other: none waits because another does."""
        rng = random.Random("visitors")
        while True:
            clock.sleep(rng.expovariate(per_hour / 3600))
            if clock() >= end:
                return
            clock.spawn(careful(submit))

    with in_process(hub), _simulated(clock):
        space = board("space")
        for number in range(boxes * gpus):
            clock.spawn(careful(lambda number=number: space.submit(ask(f"org/first-{number}"))))  # type: ignore[misc]
        clock.run()
        end += clock() - (end - hours * 3600)
        start = len(hub.repo("datasets", "owner/requests").chain)
        for box in [Box(f"box-{number}") for number in range(boxes)]:
            clock.spawn(careful(box.renewals))
            for gpu in range(gpus):
                clock.spawn(careful(lambda box=box, gpu=gpu: box.gpu(gpu)))  # type: ignore[misc]
        clock.spawn(careful(visitors))
        clock.run(hours * 3600)
        dates = [commit.date for commit in hub.repo("datasets", "owner/requests").chain[start:]]
        day.commits, day.throttled = len(dates), hub.refused[429]
        clock.run()  # who waits for the quota is let go
    day.busiest_hour = max(Counter(int(date // 3600) for date in dates).values(), default=0)
    day.slowest_ack = max(day.acks, default=0.0)
    return day


@contextmanager
def _simulated(clock: Simulation) -> Iterator[None]:
    """Within, the queue's locks are the simulation's, files are read one by one, and calls to the Hub take time."""
    threads = SimpleNamespace(Lock=clock.lock, Event=threading.Event)
    transport = get_session()._transport
    real = transport.handle_request

    def handle(request: httpx.Request) -> httpx.Response:
        clock.sleep(COMMIT if "/commit/" in request.url.path else CALL)
        return real(request)

    with ExitStack() as patched:
        patched.enter_context(mock.patch.object(transport, "handle_request", handle))
        patched.enter_context(mock.patch.object(reading.QueueReader, "PARALLEL", 10**9))
        for module in (group_commit, actions, selection, votes):
            patched.enter_context(mock.patch.object(module, "threading", threads))
        yield


CALL, COMMIT = 0.2, 2.0
"""Seconds that the Hub takes to answer."""
