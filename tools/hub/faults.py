"""What goes wrong with a Hub, on demand: drawn at given rates from a seed, or scripted for the next calls."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping

KINDS = {
    "busy": "409 before anything happens",
    "moved": "412 before anything happens",
    "throttle": "429 with Retry-After",
    "before": "500 before anything happens",
    "after": "500 after it happened",
    "hang": "it happens, and no answer comes",
    "hang-before": "nothing happens, and no answer comes",
    "truncate": "half of the body",
    "stale": "a read of `main` shows an older commit",
}


class Faults:
    """`rates`: kind → share of calls; `endpoints`: where rates apply (stale: all reads of main)."""

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        seed: int = 0,
        endpoints: Iterable[str] = ("commit",),
        stale_by: int = 3,
        retry_after: int = 1,
    ) -> None:
        assert set(rates or {}) <= set(KINDS)
        self.rates = dict(rates or {})
        self.endpoints = set(endpoints)
        self.stale_by, self.retry_after = stale_by, retry_after
        self.happened: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._script: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()

    def then(self, *kinds: str, endpoint: str = "commit") -> Faults:
        """Return the next calls of an endpoint meet these, one each; "ok" lets one pass."""
        assert set(kinds) <= {*KINDS, "ok"}
        self._script[endpoint].extend(kinds)
        return self

    def draw(self, endpoint: str) -> str | None:
        """Return what this call meets."""
        with self._lock:
            kind = None
            if self._script[endpoint]:
                kind = self._script[endpoint].popleft()
            elif endpoint in self.endpoints:
                kind = self._pick()
            if kind in {None, "ok", "stale"}:
                return None
            self.happened[str(kind)] += 1
            return kind

    def staleness(self, endpoint: str) -> int:
        """Return how many commits back this read of main looks."""
        with self._lock:
            scripted = self._script[endpoint] and self._script[endpoint][0] == "stale"
            if scripted:
                self._script[endpoint].popleft()
            if not scripted and self._rng.random() >= self.rates.get("stale", 0.0):
                return 0
            self.happened["stale"] += 1
            return self._rng.randint(1, self.stale_by)

    def _pick(self) -> str | None:
        point = self._rng.random()
        for kind, rate in self.rates.items():
            if kind == "stale":
                continue
            if point < rate:
                return kind
            point -= rate
        return None
