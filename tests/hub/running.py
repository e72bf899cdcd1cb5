"""Two ways to reach the stand-in: within this process, and over the loopback as `HF_ENDPOINT`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import uvicorn
from huggingface_hub import constants
from huggingface_hub.utils import httpx
from huggingface_hub.utils._http import default_client_factory
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from src.core.hub_client import use_client
from tests.hub.desk import Hung
from tests.hub.repos import Hub
from tests.hub.server import build_app


@contextmanager
def in_process(hub: Hub) -> Iterator[str]:
    """The endpoint under which this process's Hub client reaches it, without a socket."""
    app = build_app(hub, patient=False)

    async def decoded_once(scope: Scope, receive: Receive, send: Send) -> None:
        if "raw_path" in scope:  # the test client decodes the path twice
            scope = {**scope, "path": unquote(scope["raw_path"].partition(b"?")[0].decode())}
        await app(scope, receive, send)

    constants.HF_HUB_DISABLE_XET = True
    with TestClient(decoded_once, base_url="http://hub.test") as inside:

        class Transport(httpx.BaseTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                try:
                    answer = inside._transport.handle_request(request)
                    answer.stream = httpx.ByteStream(b"".join(answer.stream))  # type: ignore[arg-type] # iter_raw would end it
                    return answer
                except Hung as hung:
                    raise httpx.ReadTimeout("no answer", request=request) from hung

        use_client(lambda: httpx.Client(transport=Transport(), follow_redirects=True), anew=True)
        try:
            yield "http://hub.test"
        finally:
            use_client(default_client_factory, anew=True)


@contextmanager
def serving(hub: Hub, port: int = 0, timeout: float = 1.0) -> Iterator[str]:
    """The endpoint on the loopback. This process's Hub client waits `timeout` seconds for answers."""
    constants.HF_HUB_DISABLE_XET = True
    config = uvicorn.Config(build_app(hub), port=port, log_level="critical", date_header=False, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    host, bound = server.servers[0].sockets[0].getsockname()[:2]
    use_client(default_client_factory, httpx.Timeout(timeout), anew=True)
    try:
        yield f"http://{host}:{bound}"
    finally:
        use_client(default_client_factory, anew=True)
        server.should_exit = True
        thread.join(10)
