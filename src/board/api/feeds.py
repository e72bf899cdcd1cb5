"""News as Atom: results as they come, changes at the top, and evaluations that ended."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from src.board.api.asking import SuiteName, problems
from src.board.api.context import Context
from src.board.exports import feeds
from src.board.live.snapshot import Snapshot

MEDIA = "application/atom+xml"


def router(context: Context) -> APIRouter:
    """`/feeds/results.atom`, `/feeds/top.atom`, `/feeds/claims.atom` and `/feeds/finished.atom`."""
    made = APIRouter(prefix="/feeds", tags=["feeds"])
    described = {200: {"content": {MEDIA: {"schema": {"type": "string"}}}}, **problems(404, 503)}

    @made.get("/results.atom", response_class=Response, responses=described)
    async def results(request: Request, suite: SuiteName = None) -> Response:
        """Return the newest results, and what operators decided about rows."""
        snapshot, site = context.snapshot(suite), _site(request)
        every = context.board.state.profile.moderation.entries
        decisions = tuple(each for each in every if each.suite in (None, snapshot.suite.name))
        return await context.answer(
            request, snapshot, lambda: feeds.results(snapshot, site, decisions), media=MEDIA, site=site, asked=decisions
        )

    @made.get("/top.atom", response_class=Response, responses=described)
    async def top(request: Request, suite: SuiteName = None) -> Response:
        """Return the changes among the first ten, by the days that were kept."""
        snapshot, site = context.snapshot(suite), _site(request)
        past = await run_in_threadpool(_past, context, snapshot.suite.name)
        days = [*past, snapshot]
        return await context.answer(request, snapshot, lambda: feeds.top(days, site), media=MEDIA, site=site)

    @made.get("/claims.atom", response_class=Response, responses=described)
    async def claims(request: Request, suite: SuiteName = None) -> Response:
        """Return makers' claims that the measurements contradict, the farthest first."""
        snapshot, site = context.snapshot(suite), _site(request)
        return await context.answer(request, snapshot, lambda: feeds.claims(snapshot, site), media=MEDIA, site=site)

    @made.get("/finished.atom", response_class=Response, responses=described)
    def finished(request: Request) -> Response:
        """Return evaluations that finished or failed, newest first."""
        body = feeds.finished(context.queue(), _site(request), context.board.identity)
        return Response(body, media_type=MEDIA, headers={"Cache-Control": "public, max-age=60"})

    return made


def _past(context: Context, suite: str) -> list[Snapshot]:
    return [context.history.at(suite, day) for day in context.history.days(suite)[-6:]]


def _site(request: Request) -> str:
    """Return where the board itself is served, seen from the API below it."""
    root = str(request.base_url).rstrip("/")
    return root.removesuffix("/api")
