"""Threads on a clock that stands still while anybody works: a day passes as fast as its work can be done.

What looks like a thread is a greenlet. One runs at a time, until it sleeps or waits for a lock; then the clock jumps to
the next that wakes. So the same day comes out on every machine, however busy.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

from greenlet import getcurrent, greenlet


class Simulation:
    """Begins at `start` seconds since 1970; half past the second, where a `Date` is cut without an error."""

    def __init__(self, start: float = 1_770_000_000.5) -> None:
        self.now = start
        self._number = count()
        self._due: list[tuple[float, int, greenlet]] = []
        self._loop = getcurrent()

    def __call__(self) -> float:
        return self.now

    def spawn(self, work: Callable[[], object]) -> None:
        """Starts a thread. What it raises ends the simulation."""
        self._wake(greenlet(work, self._loop), self.now)

    def sleep(self, seconds: float) -> None:
        """Of a thread; outside of one the clock just moves on."""
        if getcurrent() is self._loop:
            self.now += max(0.0, seconds)
            return
        self._wake(getcurrent(), self.now + max(0.0, seconds))
        self._loop.switch()

    def run(self, seconds: float | None = None) -> None:
        """Lets so much time pass; None: until every thread has ended or waits for ever."""
        end = float("inf") if seconds is None else self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, thread = heapq.heappop(self._due)
            thread.switch()
        if seconds is not None:
            self.now = end

    def lock(self) -> Lock:
        """What `threading.Lock()` is to real threads."""
        return Lock(self)

    def _wake(self, thread: greenlet, at: float) -> None:
        heapq.heappush(self._due, (at, next(self._number), thread))


class Lock:
    """Who waits longest goes next."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._held = False
        self._waiting: deque[greenlet] = deque()

    def acquire(self, blocking: bool = True) -> bool:
        if self._held and not blocking:
            return False
        self.__enter__()
        return True

    def release(self) -> None:
        self.__exit__()

    def __enter__(self) -> None:
        if self._held:
            self._waiting.append(getcurrent())
            self._simulation._loop.switch()
        self._held = True

    def __exit__(self, *_: object) -> None:
        if self._waiting:  # it stays held, by the next
            self._simulation._wake(self._waiting.popleft(), self._simulation.now)
        else:
            self._held = False
