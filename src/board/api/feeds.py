"""News as Atom: results as they come, changes at the top, and evaluations that ended."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from src.board import feeds
from src.board.api.asking import SuiteName, problems
from src.board.api.context import Context

MEDIA = "application/atom+xml"


def router(context: Context) -> APIRouter:
    """`/feeds/results.atom`, `/feeds/top.atom` and `/feeds/finished.atom`."""
    made = APIRouter(prefix="/feeds", tags=["feeds"])
    described = {200: {"content": {MEDIA: {"schema": {"type": "string"}}}}, **problems(404, 503)}

    @made.get("/results.atom", response_class=Response, responses=described)
    def results(request: Request, suite: SuiteName = None) -> Response:
        """The newest results."""
        snapshot, site = context.snapshot(suite), _site(request)
        return context.answer(request, snapshot, lambda: feeds.results(snapshot, site), media=MEDIA, site=site)

    @made.get("/top.atom", response_class=Response, responses=described)
    def top(request: Request, suite: SuiteName = None) -> Response:
        """Changes among the first ten, by the days that were kept."""
        snapshot, site = context.snapshot(suite), _site(request)
        past = [context.history.at(snapshot.suite.name, day) for day in context.history.days(snapshot.suite.name)[-6:]]
        return context.answer(request, snapshot, lambda: feeds.top([*past, snapshot], site), media=MEDIA, site=site)

    @made.get("/finished.atom", response_class=Response, responses=described)
    def finished(request: Request) -> Response:
        """Evaluations that finished or failed, newest first."""
        body = feeds.finished(context.queue(), _site(request))
        return Response(body, media_type=MEDIA, headers={"Cache-Control": "public, max-age=60"})

    return made


def _site(request: Request) -> str:
    """Where the board itself is served, seen from the API below it."""
    root = str(request.base_url).rstrip("/")
    return root.removesuffix("/api")
