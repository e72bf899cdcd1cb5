"""How much one reader may ask for: a moving window, said in every answer, with a clear one when it is used up."""

from __future__ import annotations

import math
import time

import orjson
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.board.api.schemas import Problem

HEAVY = (".parquet", ".csv", ".jsonl", ".eee.zip", "/leaderboard", "/leaderboard/formatted")
"""Whole boards in one answer; each counts as `WEIGHT` requests."""
WEIGHT = 5


class Limits:
    """ASGI middleware: `per_minute` requests from one address; `OPTIONS` is free."""

    def __init__(self, app: ASGIApp, per_minute: int, behind_proxy: bool = False) -> None:
        self.app = app
        self.limit = RateLimitItemPerMinute(per_minute)
        self.behind_proxy = behind_proxy
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            return await self.app(scope, receive, send)
        reader = self._reader(scope)
        cost = WEIGHT if scope["path"].endswith(HEAVY) else 1
        allowed = self._limiter.hit(self.limit, reader, cost=cost)
        stats = self._limiter.get_window_stats(self.limit, reader)
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        counted = {
            "RateLimit-Limit": str(self.limit.amount),
            "RateLimit-Remaining": str(max(0, stats.remaining)),
            "RateLimit-Reset": str(wait),
        }
        if allowed:
            return await self.app(scope, receive, _with(send, counted))
        detail = (
            f"This address has asked {self.limit.amount} times within a minute; ask again in {wait} s. "
            "To read the whole board, take /api/v1/models.parquet once and send its ETag back as If-None-Match."
        )
        body = orjson.dumps(Problem(title="Too many requests", status=429, detail=detail).model_dump())
        headers = {**counted, "Retry-After": str(wait), "Content-Type": "application/problem+json"}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 429, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _reader(self, scope: Scope) -> str:
        if self.behind_proxy:
            # the last hop is the one our proxy wrote; those before it are the reader's own words
            forwarded = Headers(scope=scope).get("x-forwarded-for", "").rpartition(",")[2].strip()
            if forwarded:
                return forwarded[:64]
        return scope["client"][0] if scope.get("client") else "unknown"


def _with(send: Send, extra: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers.update(extra)
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending
