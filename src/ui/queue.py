"""The Queue page: what waits and for how long, what runs where, what ended and why; votes, and one's own requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.queue_watch import QueueWatch, closed, watch
from src.board.snapshot import Board
from src.board.submission import Rules
from src.core.errors import Denied, NotFound
from src.core.queue import QueueState, Standing
from src.settings import Settings
from src.ui import assets, people
from src.ui.html import h, join
from src.ui.page import Page, View, Visit
from src.ui.queue_lanes import lanes

FEED = "api/feeds/finished.atom"


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The lanes that the address asks for, for whoever asks."""
    shut = closed(board, settings)
    body = h(
        "article",
        {"class": "lb-wide lb-queue", "data-queue": True},
        h(
            "div",
            {"class": "lb-queue-head"},
            h("h1", {}, "Queue"),
            None if shut else h("a", {"class": "lb-button", "href": "submit"}, "Submit a model"),
        ),
        h(
            "details",
            {"class": "lb-order"},
            h("summary", {}, "First come, first served, and votes bring a model forward."),
            h("p", {}, QueueState.explain_order()),
        ),
        h(
            "div",
            {"data-person": True},
            h("p", {"class": "lb-quiet lb-person"}, shut)
            if shut
            else None
            if visit.me
            else people.greeting(None, "queue"),
        ),
        _tools(visit.query, visit.me),
        h("p", {"class": "lb-queue-say", "role": "status"}),
        h(
            "div",
            {"class": "lb-lanes-place", "data-lanes": "queue/lanes"},
            lanes(board, settings, visit.query, visit.me),
        ),
    )
    head = join(
        h("link", {"rel": "stylesheet", "href": assets.url("queue/queue.css")}),
        h(
            "link",
            {"rel": "alternate", "type": "application/atom+xml", "href": FEED, "title": "Evaluations that ended"},
        ),
        h("script", {"type": "module", "src": assets.url("queue/queue.js")}),
    )
    return View("Queue", body, head, description="What is being evaluated, what waits, and what failed and why.")


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """The lanes again, the log of a failure, and what a person may do to a request."""
    seen = watch(board)

    def again(request: Request) -> Response:
        found = lanes(board, settings, request.query_params, people.who(request, settings))
        return HTMLResponse(found, headers=people.PRIVATE)

    def log(request: Request) -> Response:
        state = seen.look().state
        standing = state.standings.get(request.query_params.get("key", "")) if state else None
        if standing is None or standing.failure is None or standing.request.private:
            return HTMLResponse(h("p", {"class": "lb-quiet"}, "This log is not here any more."), 404)
        text = standing.failure.log or "This run left no log."
        return HTMLResponse(h("pre", {"class": "lb-code", "tabindex": "0", "aria-label": "Log"}, text))

    def doing(act: Callable[[QueueWatch, Standing, str], str]) -> Any:
        def done(said: Mapping[str, str], me: str) -> dict[str, Any]:
            if shut := closed(board, settings):
                raise Denied(shut)
            state, key = seen.state(), said.get("key", "")
            if key not in state:
                raise NotFound("There is no such request (any more). Reload the page.")
            try:
                return {"said": act(seen, state[key], me)}
            finally:
                seen.renew()

        return people.acting(settings, done)

    operators = Rules.of(settings).unlimited

    def cancel(seen: QueueWatch, one: Standing, me: str) -> str:
        seen.queue.cancel(one.key, me, is_operator=me in operators)
        return f"{one.request.model} was taken out of the queue."

    def retry(seen: QueueWatch, one: Standing, me: str) -> str:
        if me != one.request.sender and me not in operators:
            raise Denied(f"Only {one.request.sender or 'whoever submitted it'}, or an operator, can retry this.")
        seen.queue.retry(one.key, me)
        return f"{one.request.model} waits again."

    return [
        Route("/queue/lanes", again, methods=["GET"]),
        Route("/queue/log", log, methods=["GET"]),
        Route("/queue/vote", doing(_vote), methods=["POST"]),
        Route("/queue/cancel", doing(cancel), methods=["POST"]),
        Route("/queue/retry", doing(retry), methods=["POST"]),
    ]


def _vote(seen: QueueWatch, one: Standing, me: str) -> str:
    request = one.request
    if seen.queue.vote(request.model, request.revision, me):
        return f"You voted for {request.model}. It is stored."
    return f"You voted for {request.model} before: one vote for each person and revision."


def _tools(params: Mapping[str, str], me: str | None) -> Markup:
    kept = [
        h("input", {"type": "hidden", "name": name, "value": params[name]}) for name in ("lane",) if params.get(name)
    ]
    return h(
        "form",
        {"class": "lb-asks lb-queue-tools", "role": "search", "action": "queue", "method": "get"},
        h(
            "input",
            {
                "type": "search",
                "name": "q",
                "value": params.get("q", ""),
                "placeholder": "model, person or box",
                "aria-label": "Search the queue",
                "autocomplete": "off",
                "spellcheck": "false",
            },
        ),
        me
        and h(
            "label",
            {},
            h("input", {"type": "checkbox", "name": "mine", "value": "1", "checked": bool(params.get("mine"))}),
            " my submissions",
        ),
        kept,
        h("noscript", {}, h("button", {"class": "lb-button"}, "Search")),
        h("a", {"href": FEED, "class": "lb-feed"}, "Feed of finished evaluations"),
    )


PAGE = Page(name="queue", route="/queue", nav="Queue", view=view)
