"""The Hub's HTTP, as far as its clients use it for repositories."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.hub.desk import Desk
from tests.hub.oauth import add_oauth
from tests.hub.reading import add_reading
from tests.hub.repos import Hub, Refused
from tests.hub.spaces import add_spaces
from tests.hub.writing import add_writing


def build_app(hub: Hub, patient: bool = True) -> FastAPI:
    """The application. `patient`: a hanging call sleeps; else it raises `Hung`."""
    app = FastAPI()
    desk = Desk(hub, patient)
    add_oauth(app, desk)
    add_spaces(app, desk)
    add_reading(app, desk)
    add_writing(app, desk)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        hub.refused[error.status] += 1
        headers = {"X-Error-Code": error.code, "X-Error-Message": str(error)} if error.code else {}
        if error.status == 429:
            headers |= {"Retry-After": error.headers.get("Retry-After", "1")}
        said = {
            "error": str(error),
            "url": str(request.base_url),
        }  # the client wants one, also of what is there already
        return JSONResponse(said, error.status, headers)

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
