"""The server: `gr.Server` with this board's routes and tools, what stands before it, and its life."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when Gradio makes its Blocks: nothing is sent

import gradio as gr
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.core.errors import BadInputError
from src.settings import ROOT, Settings
from src.ui.web.guard import union_of
from src.ui.web.protocol import BoundedProtocol

THREADS = 8  # functions of tools that run side by side
SESSIONS = 500  # remembered at a time: each client is one, each takes 50 KB, and none of ours holds anything
IDLE = 5  # seconds that a connection is kept between two requests
END = 3  # seconds that answers under way get when the server stops
LONGEST_HEAD = 32_768  # bytes of a request's head


class BoardServer(gr.Server):
    """A `gr.Server` whose requests pass the guard first."""

    guard: ASGIApp | None = None
    _direct: tuple[re.Pattern[str], ASGIApp] | None = None
    _streams: OpenStreams | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.guard is None or scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        self._streams = self._streams or OpenStreams(asyncio.get_running_loop())
        await self._streams.follow(self.guard, scope, receive, send)

    def end_streams(self) -> None:
        """End every event stream; may be called by any thread."""
        if self._streams is not None:
            self._streams.end()

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the guard let through."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self._direct is not None and self._direct[0].match(path):
            await self._direct[1](scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def answer_directly(self, routes: Sequence[BaseRoute]) -> None:
        """Answer the addresses of `routes` past the middleware that `launch` adds for Gradio's own pages."""
        app = Starlette(routes=routes, middleware=list(self.user_middleware))
        app.router.redirect_slashes = False
        self._direct = (union_of(routes), app)

    def has_session(self, session: str) -> bool:
        """Return whether a client has begun this session of Gradio's queue; Gradio fails over any other."""
        return self.blocks is not None and session in self.blocks._queue.pending_messages_per_session


class OpenStreams:
    """The event streams that clients hold open. A server that stops ends them: none ends by itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_ending = False

    async def follow(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; if it is ended as a stream, complete the answer."""
        task = asyncio.current_task()

        async def sending(message: Message) -> None:
            if task is not None and message["type"] == "http.response.start":
                kind = Headers(raw=message.get("headers", [])).get("content-type", "")
                if kind.startswith("text/event-stream"):
                    self._tasks.add(task)
            await send(message)

        try:
            await app(scope, receive, sending)
        except asyncio.CancelledError:
            if not self._is_ending or task not in self._tasks:
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if task is not None:
                self._tasks.discard(task)

    def end(self) -> None:
        """End all of them; may be called by any thread."""
        self._is_ending = True
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])


class Running:
    """A server that was started."""

    def __init__(self, server: BoardServer, url: str) -> None:
        self.server = server
        self.url = url
        self._stop = threading.Event()

    def stop(self) -> None:
        """End `wait`. May be called by a signal handler."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until `stop` is called."""
        while not self._stop.wait(3600.0):
            pass

    def close(self) -> None:
        """Take no more requests, finish or end those under way, and free the port."""
        self.server.end_streams()
        self.server.get_blocks().close(verbose=False)


def start(server: BoardServer, settings: Settings, **options: Any) -> Running:
    """Serve from a thread. Raises BadInputError if the port is taken.

    `options` are those of Gradio's own `launch`.
    """
    os.environ["FORWARDED_ALLOW_IPS"] = ",".join(settings.trusted_proxies)  # uvicorn's only door for this in `launch`
    given: dict[str, Any] = {
        "server_name": settings.host,
        "server_port": settings.port,
        "root_path": urlsplit(settings.root_path).path.rstrip("/") or None,
        "prevent_thread_lock": True,
        "quiet": True,
        "ssr_mode": False,
        "run_history": False,
        "mcp_server": True,
        "enable_monitoring": False,
        "max_threads": THREADS,
        "state_session_capacity": SESSIONS,
        "footer_links": [],
        "pwa": False,
        "favicon_path": ROOT / "assets" / "icons" / "mark.svg",
        "_frontend": False,  # it would look for Gradio's own page
    }
    try:
        with redirect_stdout(io.StringIO()):  # Gradio greets at length, even if it is asked to be quiet
            _, url, _ = server.launch(**{**given, **options})
    except OSError as error:
        if settings.port is None:
            raise BadInputError(f"No port is free: {error}") from error
        raise BadInputError(
            f"Port {settings.port} is taken: another program listens there. Choose another with --port N."
        ) from error
    _tune(server)
    return Running(server, url)


def _tune(server: BoardServer) -> None:
    """Set what `launch` does not offer on the uvicorn server it made; each is read again for every connection."""
    config = server.get_blocks().server.config
    config.http_protocol_class = BoundedProtocol
    config.timeout_keep_alive = IDLE
    config.timeout_graceful_shutdown = END
    config.h11_max_incomplete_event_size = LONGEST_HEAD
    sys.setswitchinterval(0.001)  # the loop that answers waits less for threads that make pages
