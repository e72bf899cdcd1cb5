"""Every address that is not a page: one line for each part that answers some, tried in this order, before Gradio."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from src.board.freshness import freshness
from src.board.snapshot import Board
from src.settings import Settings
from src.ui import api, assets, compare, explore, queue, samples, shell, submit, table

Router = Callable[[Board, Settings], list[BaseRoute]]


def status(board: Board, settings: Settings) -> list[BaseRoute]:
    """`/status.json`: what an open page asks now and then, to know whether its rows are still the board's."""

    def answer(request: Request) -> JSONResponse:
        fresh = freshness(board, datetime.now(UTC))
        return JSONResponse(
            {
                "source": fresh.source,
                "revision": board.state.revision,
                "label": fresh.label,
                "as_of": fresh.as_of and fresh.as_of.isoformat(timespec="seconds"),
                "notice": shell.notice(fresh),
            },
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/status.json", answer)]


ROUTERS: tuple[Router, ...] = (
    status,
    explore.routes,
    compare.routes,
    samples.routes,
    queue.routes,
    submit.routes,
    lambda board, settings: table.routes(board),
    api.routes,
    lambda board, settings: assets.routes(),
)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """All of them."""
    return [route for router in ROUTERS for route in router(board, settings)]
