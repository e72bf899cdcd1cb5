"""The Hub's HTTP, as far as its clients use it for repositories."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.hub.desk import HubRequest
from tools.hub.oauth import add_oauth
from tools.hub.reading import add_reading
from tools.hub.repos import Hub, RefusedError
from tools.hub.spaces import add_spaces
from tools.hub.writing import add_writing


def build_app(hub: Hub, patient: bool = True) -> FastAPI:
    """Return the application. `patient`: a hanging call sleeps; else it raises `HungError`."""
    app = FastAPI()
    desk = HubRequest(hub, patient)
    add_oauth(app, desk)
    add_spaces(app, desk)
    add_reading(app, desk)
    add_writing(app, desk)

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        hub.refused[error.status] += 1
        headers = {"X-Error-Code": error.code, "X-Error-Message": str(error)} if error.code else {}
        if error.status == 429:
            headers |= {"Retry-After": error.headers.get("Retry-After", "1")}
        output = {
            "error": str(error),
            "url": str(request.base_url),
        }  # the client wants one, also of what is there already
        return JSONResponse(output, error.status, headers)

    app.add_middleware(Dated, clock=lambda: hub.clock())  # noqa: PLW0108 (tests change it)
    return app


class Dated:
    """Every answer carries the Hub's time."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float]) -> None:
        self.app, self.clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", formatdate(self.clock(), usegmt=True).encode())]
            await send(message)

        await self.app(scope, receive, dated)
