"""How much one reader may ask for: a moving window, shown in every answer, and a clear sentence when it is used up."""

from __future__ import annotations

import ipaddress
import math
import time
from dataclasses import dataclass

from cachetools import TTLCache
from starlette.types import Scope

HEAVY = (".parquet", ".csv", ".jsonl", ".eee.zip", "/leaderboard", "/leaderboard/formatted")
"""Whole boards in one answer; each counts as `WEIGHT` requests."""
WEIGHT = 5
WINDOW = 60  # seconds
MOST_READERS = 100_000  # remembered


@dataclass(frozen=True)
class Allowance:
    """What is left to a reader: `wait` in seconds until the window is over."""

    is_allowed: bool
    limit: int
    remaining: int
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """The `RateLimit-…` headers of an answer."""
        fields = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.wait),
        }
        return fields if self.is_allowed else fields | {"Retry-After": str(self.wait)}


class RateLimiter:
    """`per_minute` requests from one address for each kind of address: pages do not use up the API's share.

    A sliding window from two counters, those of this minute and of the last, which counts by the share of it that the
    window still covers. The storage of the `limits` package would start a thread for nearly every request. Called from
    the event loop alone.
    """

    def __init__(self, per_minute: int) -> None:
        self.limit = per_minute
        self._counts: TTLCache[tuple[str, str, int], int] = TTLCache(MOST_READERS, 2 * WINDOW)

    def count(self, scope: Scope, kind: str) -> Allowance:
        """Count one request of `kind`."""
        reader = reader_of(scope)
        cost = WEIGHT if scope["path"].endswith(HEAVY) else 1
        minute, into = divmod(time.time(), WINDOW)
        this, last = (kind, reader, int(minute)), (kind, reader, int(minute) - 1)
        current, carried = self._counts.get(this, 0), self._counts.get(last, 0) * (1 - into / WINDOW)
        if is_allowed := math.floor(carried + current) + cost <= self.limit:
            self._counts[this] = current = current + cost
        remaining = max(0, self.limit - math.floor(carried + current))
        return Allowance(is_allowed, self.limit, remaining, max(1, math.ceil(WINDOW - into)))


def reader_of(scope: Scope) -> str:
    """Return who asks: an IPv4 address, or the /64 of an IPv6 address, which is one customer's.

    The server has put the reader's address there already if a trusted proxy named it.
    """
    host = scope["client"][0] if scope.get("client") else "unknown"
    if ":" not in host:
        return str(host)[:64]
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return str(host)[:64]
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))
