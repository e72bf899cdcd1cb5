"""The API as one ASGI app: its parts, its manners (CORS, HEAD), and how it says that something went wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from src.board.api import exports, feeds, models, original, state
from src.board.api.context import Context
from src.board.api.reference import reference
from src.board.api.schemas import Problem
from src.core.errors import (
    BadInputError,
    BoardError,
    BusyError,
    ConflictError,
    DeniedError,
    NotFoundError,
    ThrottledError,
    UnknownOutcomeError,
)

log = logging.getLogger(__name__)

VERSION = "1.0"
DESCRIPTION = """Every result of this board, as JSON, CSV, parquet and feeds. Reading needs no key.

* Filters and sorting are the page's own: copy the part behind `?` of the page's address.
* `at=2025-02-08` gives the board as it was at the end of that day, at an address that stays.
* Answers carry an `ETag`: send it back as `If-None-Match` and an unchanged answer costs nothing.
* Unknown values are `null`. Scores are points from 0 to 100, `raw` from 0 to 1, sizes billions of parameters.
"""
STATUS: tuple[tuple[type[BoardError], int], ...] = (
    (NotFoundError, 404),
    (BadInputError, 400),
    (DeniedError, 403),
    (ThrottledError, 503),  # the store's limit, not the reader's
    (BusyError, 503),
    (UnknownOutcomeError, 503),
    (ConflictError, 503),
)
TITLES = {400: "Bad request", 403: "Not allowed", 404: "Not found", 405: "Not that way", 422: "Not understood"}
TITLES |= {429: "Too many requests", 500: "Our fault", 503: "Not just now"}
EXPOSED = ["ETag", "Link", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Board-As-Of"]


def build_api(context: Context, is_public: bool = True) -> FastAPI:
    """Return the API of a board, to be mounted at `/api`.

    `is_public`: scripts of other sites may read it. How often one address may ask is the server's business.
    """
    app = FastAPI(
        title="Open LLM Leaderboard",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,  # they load scripts from other hosts
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=lambda route: "_".join([*map(str, route.tags[:1]), route.name]),
    )
    for part in (exports, models, state, feeds, original):  # `models` answers every address that begins with a model
        app.include_router(part.router(context))
    described = app.openapi

    def openapi() -> dict[str, Any]:
        """Return the description, with the shape of the problems that every address may answer with."""
        description = described()
        if context.board.identity:
            description["info"]["title"] = context.board.identity.name
        description["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return description

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_api_route("/", _reference(app), include_in_schema=False, response_class=HTMLResponse)
    app.add_exception_handler(BoardError, _board_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _our_fault)
    app.add_middleware(_Head)
    if is_public:
        app.add_middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"], expose_headers=EXPOSED, max_age=86400
        )
    return app


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error as RFC 9457 has it: what kind, and a sentence that says what to do."""
    body = Problem(title=TITLES.get(status, "Error"), status=status, detail=detail)
    return JSONResponse(body.model_dump(), status, headers, media_type="application/problem+json")


async def _board_error(request: Request, error: Exception) -> JSONResponse:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    wait = {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, ThrottledError) else None
    return problem(status, str(error), wait)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    words = {
        404: "There is nothing at this address; /api/ lists what there is.",
        405: "This address is for reading: use GET.",
    }
    detail = words.get(error.status_code, str(error.detail))
    return problem(error.status_code, detail, dict(error.headers) if error.headers else None)


async def _not_understood(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    data = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()]
    return problem(422, f"{'; '.join(data)[:500]}.")


async def _our_fault(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return problem(500, "Something went wrong here and was written to the log. Trying again later may help.")


def _reference(app: FastAPI) -> Callable[[Request], HTMLResponse]:
    def page(request: Request) -> HTMLResponse:
        return HTMLResponse(reference(app.openapi(), request.scope.get("root_path", "")))

    return page


class _Head:
    """HEAD is GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)

        async def bodiless(message: Any) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, bodiless)
