"""A day in the life of a busy board, on a clock that runs fast: more to write than the Hub takes in an hour."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from src.core.grouped import Grouped
from src.core.hub import HubStore
from src.core.queue import Claim, LeaseLost, Queue
from tests.core.boards import ask
from tests.hub import Hub, in_process


class FastClock:
    """The board's time, `speed` times as fast as ours."""

    def __init__(self, speed: float) -> None:
        self.speed, self._start = speed, time.monotonic()

    def __call__(self) -> float:
        return 1_770_000_000.0 + (time.monotonic() - self._start) * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds) / self.speed)


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
    speed: float,
    boxes: int,
    gpus: int,
    quota: int,
    minutes: float = 60.0,
    lease: timedelta = timedelta(hours=2),
) -> Day:
    """Boxes with `gpus` workers each, runs of about `minutes`, as many submissions as runs, for some hours."""
    clock, day, lock, over = FastClock(speed), Day(), threading.Lock(), threading.Event()
    hub = Hub(clock=clock, quota=quota)
    per_hour = boxes * gpus * 60.0 / minutes

    def board(name: str, polite: float = 1.0) -> Queue:
        store = HubStore(
            "owner", token=f"hf_{name}", endpoint="http://hub.test", cache_dir=tmp_path / "blobs",
            patience=4 * 3600.0, polite=polite, sleep=clock.sleep, monotonic=clock, rng=random.Random(name),
        )  # fmt: skip
        return Queue(Grouped(store), lease=lease)

    def rest(seconds: float) -> None:
        over.wait(max(0.0, seconds) / speed)

    def careful(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            with lock:
                day.unhandled.append(f"{type(error).__name__}: {error}")

    class Box:
        def __init__(self, name: str) -> None:
            self.name, self.queue, self.held = name, board(name, polite=300.0), dict[str, Claim]()

        def gpu(self, number: int) -> None:
            rng, claim = random.Random(f"{self.name}/{number}"), None
            rest(rng.uniform(0, minutes * 60))
            while not over.is_set():
                try:
                    claim = claim or self.queue.claim(self.name)
                    if claim is None:
                        rest(120)
                        continue
                    self.held[claim.key] = claim
                    rest(rng.gauss(minutes, minutes / 6) * 60)
                    if over.is_set():
                        return
                    result = f"results/{claim.request.model}/results_{claim.nonce}.json"
                    self.queue.store.append({result: b"{}"})
                    ending = self.held.pop(claim.key, claim)
                    claim = self.queue.finish(ending, [result], then=lambda request: not over.is_set())
                    with lock:
                        day.finished += 1
                except LeaseLost:
                    claim = None

        def renewals(self) -> None:
            while not over.is_set():
                rest(lease.total_seconds() / 4)
                due = [claim for claim in list(self.held.values()) if claim.renew_at <= self.queue.store.now()]
                if due:
                    try:
                        renewed = self.queue.renew_many([(claim, {}) for claim in list(self.held.values())])
                    except LeaseLost:
                        continue  # one of them just ended: the next round renews the others
                    for claim in renewed:
                        if claim.key in self.held:
                            self.held[claim.key] = claim

    space = board("space")
    numbers = iter(range(10**9))

    def visitor(number: int) -> None:
        rng = random.Random(f"visitor/{number}")
        while not over.is_set():
            rest(rng.expovariate(per_hour / VISITORS / 3600))
            if over.is_set():
                return
            with lock:
                mine = next(numbers)
            asked = clock()
            space.submit(ask(f"org/m{mine}"))
            with lock:
                day.submitted += 1
                day.acks.append(clock() - asked)

    with in_process(hub):
        first = [f"org/first-{number}" for number in range(boxes * gpus)]
        burst = [threading.Thread(target=space.submit, args=(ask(model),)) for model in first]
        for thread in burst:
            thread.start()
        for thread in burst:
            thread.join()
        start = len(hub.repo("datasets", "owner/requests").chain)
        crew = [Box(f"box-{number}") for number in range(boxes)]
        works: list[Callable[[], None]] = [lambda box=box: box.renewals() for box in crew]  # type: ignore[misc]
        works += [lambda box=box, gpu=gpu: box.gpu(gpu) for box in crew for gpu in range(gpus)]  # type: ignore[misc]
        works += [lambda number=number: visitor(number) for number in range(VISITORS)]  # type: ignore[misc]
        threads = [threading.Thread(target=careful, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        clock.sleep(hours * 3600)
        over.set()
        dates = [commit.date for commit in hub.repo("datasets", "owner/requests").chain[start:]]
        day.commits, day.throttled = len(dates), hub.refused[429]
        for thread in threads:
            thread.join(60)
    day.busiest_hour = max(Counter(int(date // 3600) for date in dates).values(), default=0)
    day.slowest_ack = max(day.acks, default=0.0)
    return day


VISITORS = 16
