"""What every request meets before the routes: whose address it is, whether it is open, how often, and how large.

Gradio brings about fifty routes; those in `OPEN` are what programs use, and the others do not exist here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.board.api.schemas import Problem
from src.settings import Settings
from src.ui.web import headers, sign_in
from src.ui.web.limits import RateLimiter

LARGEST_BODY = 100_000  # bytes: a form or a tool's arguments are far below
BODY_WAIT = 15.0  # seconds for the next piece of a body

OPEN = (
    ("GET", r"/config/?"),
    ("GET", r"/robots\.txt"),
    ("GET", r"/gradio_api/(info|openapi\.json|app_id|startup-events|login_check)/?"),
    ("GET", r"/gradio_api/mcp(/schema|/sse|/http)?/?"),
    ("POST", r"/gradio_api/mcp(/http|/messages)?/?"),
    ("DELETE", r"/gradio_api/mcp(/http)?/?"),
    ("POST", r"/gradio_api/(run|api|call|call/v2)/\w+/?"),
    ("GET", r"/gradio_api/call(/v2)?/\w+/\w+"),
    ("POST", r"/gradio_api/queue/join"),
    ("GET", r"/gradio_api/queue/data"),
    ("POST", r"/gradio_api/(reset|cancel)/?"),
)
"""Methods and addresses of Gradio's that stay open: tools for programs, and how they are described."""

FREE = re.compile(r"/(status\.json|health|metrics|gradio_api/startup-events|assets/site/.*|board/(rows|table)/.*)$")
"""What costs next to nothing, and is not counted."""

_OPEN = re.compile("|".join(f"{method} {pattern}$" for method, pattern in OPEN))
_KNOWN = re.compile("|".join(f"{pattern}$" for _, pattern in OPEN))

OTHER_HOST = "This board is one person's, on their own machine: it answers only as localhost."
TOO_LARGE = f"At most {LARGEST_BODY:,} bytes can be sent here."
TOO_SLOW = "The rest of this request did not come in time."
TOO_OFTEN = (
    "This address has sent {limit} requests within a minute; try again in {wait} s. To read the whole board, take "
    "/api/v1/models.parquet once and send its ETag back as If-None-Match."
)


class RequestGuard:
    """ASGI: everything before the routes of `app`."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute],
        settings: Settings,
        lost: Callable[[Request], Response],
        has_session: Callable[[str], bool],
    ) -> None:
        """Guard `app`, of which `routes` are this board's own.

        `lost` answers a person at an address that leads nowhere; `has_session` tells whether a queue session of
        Gradio's has begun.
        """
        self.app = app
        self.prefix = urlsplit(settings.root_path).path.rstrip("/")
        self.hosts = sign_in.LOOPBACK if settings.user else None
        self._ours = union_of(routes)
        self._headers = headers.COMMON | {"Content-Security-Policy": headers.policy(settings.embed)}
        self._lost = lost
        self._has_session = has_session
        self._limits = RateLimiter(settings.per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        path = self._place(scope)
        answer = _Sending(send, self._headers)
        try:
            self._check(scope, path, answer)
            if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                receive = _bounded(scope, receive, answer)
            if path.startswith("/oauth/huggingface/"):
                scope["query_string"] = self._own_target(scope["query_string"])
                if (onward := sign_in.declined(HTTPConnection(scope))) is not None:
                    return await RedirectResponse(onward, 303)(scope, receive, answer)
            await self.app(scope, receive, answer)
        except _RefusedError as refused:
            answer.refused = refused
        if answer.refused is not None and not answer.has_begun:
            response = self._refusal(scope, answer.refused)
            answer.refused = None
            await response(scope, receive, answer)

    def _check(self, scope: Scope, path: str, answer: _Sending) -> None:
        """Raise _Refused for what is not answered here."""
        if self.hosts and _host(scope) not in self.hosts:
            raise _RefusedError(421, "Misdirected Request", OTHER_HOST)
        if not self._is_open(scope, path):
            raise _RefusedError(404, "Not Found", "There is nothing at this address.")
        if FREE.match(path):
            return
        kind = "api" if path.startswith("/api/") else "page"
        allowance = self._limits.count(scope, kind)
        if kind == "api" or not allowance.is_allowed:
            answer.extra = allowance.headers
        if not allowance.is_allowed:
            words = TOO_OFTEN.format(limit=allowance.limit, wait=allowance.wait)
            raise _RefusedError(429, "Too Many Requests", words)

    def _place(self, scope: Scope) -> str:
        """Set the scope's root path, whether or not the proxy kept the prefix; return the path below it."""
        path: str = scope["path"]
        if not self.prefix:
            return path
        inner = path
        if path == self.prefix or path.startswith(f"{self.prefix}/"):
            kept = path.removeprefix(self.prefix) or "/"
            # a prefix such as /board or /api begins addresses of ours, too
            is_stripped = self._is_known(path) and (
                not self._is_known(kept) or "x-forwarded-prefix" in Headers(scope=scope)
            )
            inner = path if is_stripped else kept
        scope["root_path"] = self.prefix
        scope["path"] = self.prefix + inner
        scope["raw_path"] = scope["path"].encode("utf-8", "surrogateescape")
        return inner

    def _is_known(self, path: str) -> bool:
        return bool(self._ours.match(path) or _KNOWN.match(path))

    def _is_open(self, scope: Scope, path: str) -> bool:
        if self._ours.match(path):
            return True
        method = "GET" if scope["method"] in ("HEAD", "OPTIONS") else scope["method"]
        if not _OPEN.match(f"{method} {path}"):
            return False
        if path.startswith("/gradio_api/queue/data"):
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])
            return self._has_session(asked[0])
        return True

    def _own_target(self, query: bytes) -> bytes:
        """Return the query of a sign-in whose way back leads to this board, no matter who wrote it."""
        asked = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        target = urlsplit(asked.get("_target_url", ["/"])[0])
        path = "/" + target.path.replace("\\", "/").lstrip("/")
        asked["_target_url"] = [self.prefix + path.removeprefix(self.prefix)]
        return urlencode(asked, doseq=True).encode()

    def _refusal(self, scope: Scope, refused: _RefusedError) -> Response:
        if refused.status == 404 and "text/html" in Headers(scope=scope).get("accept", ""):
            return self._lost(Request(scope))
        problem = Problem(title=refused.title, status=refused.status, detail=refused.detail)
        close = {"Connection": "close"} if refused.status in (408, 413) else None
        return Response(
            orjson.dumps(problem.model_dump()), refused.status, close, media_type="application/problem+json"
        )


class _RefusedError(Exception):
    """A request that is not let through, and what its sender reads."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


class _Sending:
    """A `send` that adds headers to the answer, and knows whether one has begun.

    Once `refused` is set, what the routes make of the end of a body is dropped.
    """

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.extra: dict[str, str] = {}
        self.has_begun = False
        self.refused: _RefusedError | None = None

    async def __call__(self, message: Message) -> None:
        if self.refused is not None and not self.has_begun:
            return
        if message["type"] == "http.response.start":
            self.has_begun = True
            raw = list(message.get("headers", ()))
            present = {name.lower() for name, _ in raw}
            for name, value in (*self._headers.items(), *self.extra.items()):
                if (lower := name.lower().encode()) not in present:
                    raw.append((lower, value.encode()))
            message = {**message, "headers": raw}
        await self._send(message)


def _bounded(scope: Scope, receive: Receive, answer: _Sending) -> Receive:
    """Return a `receive` that raises _Refused for a body that is too large, or stops coming."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        raise _RefusedError(413, "Content Too Large", TOO_LARGE)
    size, is_whole = 0, False

    async def receiving() -> Message:
        nonlocal size, is_whole
        if is_whole:
            return await receive()  # it waits for the end of the connection
        try:
            message = await asyncio.wait_for(receive(), BODY_WAIT)
        except TimeoutError:
            answer.refused = _RefusedError(408, "Request Timeout", TOO_SLOW)
            raise answer.refused from None
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            answer.refused = _RefusedError(413, "Content Too Large", TOO_LARGE)
            raise answer.refused
        is_whole = not message.get("more_body", False)
        return message

    return receiving


def union_of(routes: Sequence[BaseRoute]) -> re.Pattern[str]:
    """Return a pattern of all addresses that `routes` answer."""
    patterns = [route.path_regex.pattern for route in routes if isinstance(route, Route | Mount)]
    return re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", each) for each in patterns), re.DOTALL)


def _host(scope: Scope) -> str | None:
    return urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname
