"""Every address that is not a page: one line for each part that answers some, tried in this order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from src.board.live.freshness import freshness
from src.board.live.snapshot import Board
from src.settings import Settings
from src.ui.pages.compare import page as compare
from src.ui.pages.embed import sharing
from src.ui.pages.explore import page as explore
from src.ui.pages.leaderboard import table
from src.ui.pages.model import moderation, samples
from src.ui.pages.queue import page as queue
from src.ui.pages.submit import page as submit
from src.ui.web import api, assets, branding, shell

MOST_DAMAGE = 50  # sentences; `doctor` names the rest

Router = Callable[[Board, Settings], list[BaseRoute]]


def status(board: Board, settings: Settings) -> list[BaseRoute]:
    """`/status.json`: what an open page asks now and then, to know whether its rows are still the board's."""

    async def answer(request: Request) -> JSONResponse:  # at once: it does not wait for a thread
        fresh = freshness(board, datetime.now(UTC))
        return JSONResponse(
            {
                "source": fresh.source,
                "revision": board.state.revision,
                "label": fresh.label,
                "as_of": fresh.as_of and fresh.as_of.isoformat(timespec="seconds"),
                "notice": str(shell.notice(fresh)),
                "damage": fresh.damage[:MOST_DAMAGE],
            },
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/status.json", answer)]


def health(board: Board, settings: Settings) -> list[BaseRoute]:
    """`/health`: what a host asks to know whether this process still answers."""

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse(
            {"status": "ok", "source": board.state.source, "problem": board.state.problem},
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/health", answer)]


ROUTERS: tuple[Router, ...] = (
    status,
    health,
    explore.routes,
    compare.routes,
    samples.routes,
    moderation.routes,
    queue.routes,
    submit.routes,
    lambda board, settings: table.routes(board),
    api.routes,
    branding.routes,
    sharing.routes,
    lambda board, settings: assets.routes(),
)


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return all of them."""
    return [route for router in ROUTERS for route in router(board, settings)]
