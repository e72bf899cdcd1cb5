"""A reverse proxy that serves a board below a path, as hosts do: the path is taken off, headers tell the outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.e2e import conftest


@contextmanager
def proxied(target: str, path: str) -> Iterator[str]:
    """The address at which `target` is served below `path`."""
    port = conftest.free_port()
    client = httpx.AsyncClient(base_url=target, timeout=30)

    async def forward(request: Request) -> StreamingResponse:
        inner = "/" + request.path_params["rest"]
        headers = {name: value for name, value in request.headers.items() if name != "accept-encoding"}
        headers |= {"x-forwarded-host": f"127.0.0.1:{port}", "x-forwarded-proto": "http", "x-forwarded-prefix": path}
        url = httpx.URL(inner, query=request.url.query.encode())
        answer = await client.send(
            client.build_request(request.method, url, headers=headers, content=await request.body()), stream=True
        )
        kept = {
            name: value for name, value in answer.headers.items() if name not in ("content-length", "transfer-encoding")
        }
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, headers=kept, background=BackgroundTask(answer.aclose)
        )

    app = Starlette(routes=[Route(f"{path}/{{rest:path}}", forward, methods=["GET", "POST", "HEAD"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        pass
    yield f"http://127.0.0.1:{port}{path}"
    server.should_exit = True
    thread.join(5)
