"""The Queue page: what is pending and for how long, what runs where, what ended and why; votes and own requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.live.snapshot import Board
from src.board.queue.submission import Rules
from src.board.queue.watch import QueueWatch, closed, watch
from src.core.errors import DeniedError, NotFoundError
from src.core.queue import QueueEntry, QueueState
from src.settings import Settings, effective
from src.ui.pages.queue.lanes import lanes
from src.ui.web import sign_in
from src.ui.web.page import Page, View, Visit
from src.ui.web.templates import render

FEED = "api/feeds/finished.atom"


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the lanes that the address names, for the reader who asks."""
    body = render(
        "queue/page.html",
        closed=closed(board, settings),
        order=QueueState.explain_order(),
        person=sign_in.person(visit.me),
        parameters={name: visit.query.get(name, "") for name in ("q", "mine", "lane")},
        feed=FEED,
        lanes=lanes(board, settings, visit.query, visit.me),
    )
    head = render("queue/head.html", feed=FEED)
    return View("Queue", body, head, description="What is being evaluated, what is pending, and what failed and why.")


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the routes of the page: the lanes, the log of a failure, and what a person may do to a request."""
    seen = watch(board)

    def again(request: Request) -> Response:
        now = effective(settings, board.state.profile.config)
        content = lanes(board, now, request.query_params, sign_in.who(request, settings))
        return HTMLResponse(content, headers=sign_in.PRIVATE)

    def log(request: Request) -> Response:
        state = seen.look().state
        entry = state.standings.get(request.query_params.get("key", "")) if state else None
        if entry is None or entry.failure is None or entry.request.private:
            return HTMLResponse(render("queue/log.html", text=None), 404)
        return HTMLResponse(render("queue/log.html", text=entry.failure.log or "This run left no log."))

    def doing(act: Callable[[QueueWatch, QueueEntry, str], str]) -> Any:
        def done(fields: Mapping[str, str], me: str) -> dict[str, Any]:
            if shut := closed(board, settings):
                raise DeniedError(shut)
            state, key = seen.state(), fields.get("key", "")
            if key not in state:
                raise NotFoundError("There is no such request any more. Reload the page.")
            try:
                return {"message": act(seen, state[key], me)}
            finally:
                seen.renew()

        return sign_in.acting(settings, done)

    def cancel(seen: QueueWatch, entry: QueueEntry, me: str) -> str:
        seen.queue.cancel(entry.key, me, is_operator=me in _operators(board, settings))
        return f"{entry.request.model} was taken out of the queue."

    def retry(seen: QueueWatch, entry: QueueEntry, me: str) -> str:
        if me != entry.request.sender and me not in _operators(board, settings):
            raise DeniedError(f"Only {entry.request.sender or 'its submitter'}, or an operator, can retry this.")
        seen.queue.retry(entry.key, me)
        return f"{entry.request.model} is pending again."

    return [
        Route("/queue/lanes", again, methods=["GET"]),
        Route("/queue/log", log, methods=["GET"]),
        Route("/queue/vote", doing(_vote), methods=["POST"]),
        Route("/queue/cancel", doing(cancel), methods=["POST"]),
        Route("/queue/retry", doing(retry), methods=["POST"]),
    ]


def _operators(board: Board, settings: Settings) -> frozenset[str]:
    """Return who may act for others now: the operators, those of `board.toml` included."""
    return Rules.of(effective(settings, board.state.profile.config)).unlimited


def _vote(seen: QueueWatch, entry: QueueEntry, me: str) -> str:
    request = entry.request
    if seen.queue.vote(request.model, request.revision, me):
        return f"You voted for {request.model}. It is stored."
    return f"You voted for {request.model} before: one vote for each person and revision."


PAGE = Page(
    name="queue",
    route="/queue",
    nav="Queue",
    view=view,
    parameters=frozenset({"suite", "q", "mine", "lane", "page", "request"}),
    is_kept=False,
)
