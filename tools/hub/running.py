"""Two ways to reach the stand-in: within this process, and over the loopback as `HF_ENDPOINT`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from huggingface_hub import constants
from huggingface_hub.utils import httpx
from huggingface_hub.utils._http import default_client_factory
from starlette.types import ASGIApp, Message

from src.core.store.client import use_client
from tools.hub.desk import HungError
from tools.hub.repos import Hub
from tools.hub.server import build_app


@contextmanager
def in_process(hub: Hub) -> Iterator[str]:
    """Return the endpoint under which this process's Hub client reaches it, without a socket and without a thread."""
    constants.HF_HUB_DISABLE_XET = True
    transport = Inside(build_app(hub, patient=False))
    use_client(lambda: httpx.Client(transport=transport, follow_redirects=True), again=True)
    try:
        yield "http://hub.test"
    finally:
        use_client(default_client_factory, again=True)


class Inside(httpx.BaseTransport):
    """Calls an application where the caller stands: each thread that asks answers for itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loops = threading.local()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not hasattr(self._loops, "mine"):
            self._loops.mine = asyncio.new_event_loop()
        try:
            return self._loops.mine.run_until_complete(self._answer(request))  # type: ignore[no-any-return]
        except HungError as hung:
            raise httpx.ReadTimeout("no answer", request=request) from hung

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        sent, output = request.read(), list[Message]()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "root_path": "",
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("inside", 0),
            "server": (request.url.host, 80),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Message) -> None:
            output.append(message)

        await self._app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in output[1:])
        return httpx.Response(output[0]["status"], headers=output[0]["headers"], content=body, request=request)


@contextmanager
def serving(hub: Hub, port: int = 0, timeout: float = 30.0) -> Iterator[str]:
    """Return the endpoint on the loopback. This process's Hub client waits `timeout` seconds for answers."""
    constants.HF_HUB_DISABLE_XET = True
    config = uvicorn.Config(build_app(hub), port=port, log_level="critical", date_header=False, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    host, bound = server.servers[0].sockets[0].getsockname()[:2]
    use_client(default_client_factory, httpx.Timeout(timeout), again=True)
    try:
        yield f"http://{host}:{bound}"
    finally:
        use_client(default_client_factory, again=True)
        server.should_exit = True
        thread.join(10)
