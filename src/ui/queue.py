"""The Queue page: what waits and for how long, what runs where, what ended and why; votes, and one's own requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.snapshot import Board
from src.core.errors import BoardError, Denied, NotFound
from src.core.lifecycle import Status
from src.core.queue import Queue, QueueState, Standing
from src.settings import Settings
from src.ui import assets, people
from src.ui.html import h, join
from src.ui.page import Page, View, Visit

SHOWN = 25  # of a lane; the search reaches the others


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The lanes as a reader sees them; the page asks again for what one's own name adds."""
    q = visit.query.get("q", "")
    body = h(
        "article",
        {"class": "lb-queue", "data-queue": True},
        h("h1", {}, "Queue"),
        h("p", {"class": "lb-intro"}, QueueState.explain_order()),
        h(
            "form",
            {"class": "lb-queue-tools", "role": "search", "action": "queue"},
            h(
                "input",
                {
                    "type": "search",
                    "name": "q",
                    "value": q,
                    "placeholder": "model or person",
                    "aria-label": "Search the queue",
                },
            ),
            h(
                "label",
                {},
                h("input", {"type": "checkbox", "name": "mine", "value": "1", "checked": visit.query.get("mine")}),
                " my submissions",
            ),
            h("a", {"href": "submit"}, "Submit a model"),
            h("a", {"href": "api/feeds/finished.atom"}, "Feed of finished evaluations"),
        ),
        h("p", {"class": "lb-queue-say", "role": "status"}),
        h("div", {"class": "lb-lanes", "data-lanes": True}, _lanes_or_problem(_ask(board), q, None, mine=False)),
    )
    head = join(
        h("link", {"rel": "stylesheet", "href": assets.url("queue/queue.css")}),
        h("script", {"type": "module", "src": assets.url("queue/queue.js")}),
    )
    return View("Queue", body, head, description="What is being evaluated, what waits, and what failed and why.")


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """The lanes for one's own eyes, the log of a failure, and what a person may do to a request."""
    queue = Queue(board.store)

    def lanes(request: Request) -> Response:
        params = request.query_params
        me = people.who(request, settings)
        found = _lanes_or_problem(queue.snapshot, params.get("q", ""), me, mine=bool(params.get("mine")))
        return HTMLResponse(found, headers={"Cache-Control": "no-store"})

    def log(request: Request) -> Response:
        try:
            standing = queue.snapshot()[request.query_params.get("key", "")]
        except (KeyError, BoardError):
            return HTMLResponse(h("p", {"class": "lb-quiet"}, "This log is not here any more."), status_code=404)
        text = standing.failure.log if standing.failure else ""
        return HTMLResponse(h("pre", {"class": "lb-code", "tabindex": "0"}, text or "This run left no log."))

    return [
        Route("/queue/lanes", lanes, methods=["GET"]),
        Route("/queue/log", log, methods=["GET"]),
        Route("/queue/vote", _doing(settings, lambda said, me: _vote(queue, said, me)), methods=["POST"]),
        Route("/queue/cancel", _doing(settings, lambda said, me: _cancel(queue, said, me)), methods=["POST"]),
        Route("/queue/retry", _doing(settings, lambda said, me: _retry(queue, said, me)), methods=["POST"]),
    ]


Act = Callable[[dict[str, Any], str], str]


def _doing(settings: Settings, act: Act) -> Callable[[Request], Any]:
    """A handler for something a person does; it answers with the sentence that says what happened."""
    from starlette.concurrency import run_in_threadpool

    async def handle(request: Request) -> Response:
        try:
            me = people.must_be(request, settings)
            said = json.loads((await request.body())[:10_000] or b"{}")
            return JSONResponse({"said": await run_in_threadpool(act, dict(said), me)})
        except Denied as error:
            return JSONResponse({"said": str(error)}, status_code=403)
        except (BoardError, ValueError, TypeError, KeyError) as error:
            words = str(error) if isinstance(error, BoardError) else "This was not understood. Reload the page."
            return JSONResponse({"said": words}, status_code=400)

    return handle


def _vote(queue: Queue, said: dict[str, Any], me: str) -> str:
    request = _known(queue, said).request
    if queue.vote(request.model, request.revision, me):
        return f"You voted for {request.model}. It is stored."
    return f"You voted for {request.model} before; one vote for each person and revision."


def _cancel(queue: Queue, said: dict[str, Any], me: str) -> str:
    standing = queue.cancel(str(said["key"]), me)
    return f"{standing.request.model} was taken out of the queue."


def _retry(queue: Queue, said: dict[str, Any], me: str) -> str:
    if _known(queue, said).request.sender != me:
        raise Denied("Only whoever submitted it, or the operator with `python -m evaluator retry`, can retry it.")
    standing = queue.retry(str(said["key"]), me)
    return f"{standing.request.model} waits again, at place {standing.place}."


def _known(queue: Queue, said: dict[str, Any]) -> Standing:
    state, key = queue.snapshot(), str(said["key"])
    if key not in state:
        raise NotFound("There is no such request. Reload the page.")
    return state[key]


def _ask(board: Board) -> Callable[[], QueueState]:
    return Queue(board.shown).snapshot


def _lanes_or_problem(ask: Callable[[], QueueState], q: str, me: str | None, *, mine: bool) -> Markup:
    try:
        state = ask()
    except BoardError as error:
        return h("p", {"class": "lb-problem", "role": "alert"}, f"The queue cannot be read just now. {error}")
    return join(
        people.greeting(me, "queue") if me or mine else None, [_lane(lane, state, q, me, mine) for lane in LANES]
    )


def _lane(lane: tuple[str, str, str], state: QueueState, q: str, me: str | None, mine: bool) -> Markup:
    title, name, empty = lane
    every: Sequence[Standing] = getattr(state, name)
    words = q.lower().split()
    found = [
        one
        for one in every
        if all(word in f"{one.request.model} {one.request.sender or ''}".lower() for word in words)
        and (not mine or (me is not None and one.request.sender == me))
        and not one.request.private
    ]
    more = len(found) - SHOWN
    count = f"{len(found):,}" + (f" of {len(every):,}" if len(found) < len(every) else "")
    return h(
        "section",
        {"class": "lb-lane", "data-lane": name, "aria-label": title},
        h("h2", {}, title, " ", h("span", {"class": "lb-count"}, count)),
        h("ol", {}, [_card(one, state.now, me) for one in found[:SHOWN]])
        if found
        else h("p", {"class": "lb-quiet"}, empty if not every else "None of these match."),
        h("p", {"class": "lb-quiet"}, f"and {more:,} more: search to find them.") if more > 0 else None,
    )


LANES = (
    ("Running", "running", "Nothing runs just now."),
    ("Waiting", "waiting", "Nothing waits: a model submitted now comes next."),
    ("Failed", "failed", "Nothing failed."),
    ("Finished", "finished", "Nothing has finished yet."),
)


def _card(one: Standing, now: datetime, me: str | None) -> Markup:
    request = one.request
    organisation, _, name = request.model.rpartition("/")
    facts = [
        request.precision,
        f"{request.params:.3g} B" if request.params else None,
        request.revision[:7] if len(request.revision) == 40 else request.revision,
        f"by {request.sender}" if request.sender else None,
    ]
    title = h(
        "h3", {}, h("span", {"class": "lb-quiet"}, f"{organisation}/" if organisation else ""), h("strong", {}, name)
    )
    named = h("a", {"href": f"model/{request.model}"}, title) if one.status is Status.FINISHED else title
    return h(
        "li",
        {"class": "lb-card", "data-key": one.key},
        named,
        h("p", {"class": "lb-quiet"}, " · ".join(fact for fact in facts if fact)),
        h("p", {}, WORDS[one.status](one, now)),
        _failure(one),
        _buttons(one, me),
    )


def _waits(one: Standing, now: datetime) -> str:
    place = f"Place {one.place}" + (f", about {_span(one.wait)} to go" if one.wait else ", no estimate yet")
    votes = f"; {one.votes} vote{'' if one.votes == 1 else 's'}" if one.votes else ""
    pause = f"; tried again from {one.again_at:%H:%M} UTC" if one.again_at and one.again_at > now else ""
    return f"{place}{votes}{pause}. Submitted {_ago(one.submitted, now)}."


def _runs(one: Standing, now: datetime) -> str:
    progress = dict(one.progress)
    doing = [
        f"{progress['tasks_done']} tasks done" if progress.get("tasks_done") else None,
        f"{progress['answers']:,} answers" if isinstance(progress.get("answers"), int) else None,
        f"now at {progress['benchmark']}" if progress.get("benchmark") else None,
    ]
    said = ", ".join(part for part in doing if part) or "just begun"
    lease = f" Its lease ends {one.until:%H:%M} UTC." if one.until else ""
    return f"On {one.box} since {_ago(one.since, now)}, run {one.slot}: {said}.{lease}"


def _finished(one: Standing, now: datetime) -> str:
    took = f", took {_span(one.took)}" if one.took else ""
    return f"Finished {_ago(one.ended, now)}{took}. Its row appears at the next sync."


def _failed(one: Standing, now: datetime) -> str:
    return f"Failed {_ago(one.ended, now)}, after {one.attempts} run{'' if one.attempts == 1 else 's'}."


WORDS: dict[Status, Callable[[Standing, datetime], str]] = {
    Status.PENDING: _waits,
    Status.RUNNING: _runs,
    Status.FINISHED: _finished,
    Status.FAILED: _failed,
}


def _failure(one: Standing) -> Markup | None:
    if one.failure is None or one.status is Status.FINISHED:
        return None
    before = "Its last run: " if one.status is not Status.FAILED else ""
    return h(
        "div",
        {"class": "lb-why"},
        h("p", {}, h("strong", {}, f"{before}{one.failure.title}"), " ", one.failure.message),
        h("p", {}, one.failure.advice),
        h("details", {"data-log": f"queue/log?key={one.key}"}, h("summary", {}, "Log"), h("div", {})),
    )


def _buttons(one: Standing, me: str | None) -> Markup | None:
    if me is None:
        return None
    mine = one.request.sender == me
    buttons = [
        ("vote", "Vote") if one.status is Status.PENDING else None,
        ("cancel", "Cancel") if one.status is Status.PENDING and mine else None,
        ("retry", "Retry") if one.status is Status.FAILED and mine else None,
    ]
    made = [
        h("button", {"type": "button", "class": "lb-button", "data-do": each[0]}, each[1]) for each in buttons if each
    ]
    return h("p", {"class": "lb-card-tools"}, made) if made else None


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "at an unknown time"
    passed = now - moment
    return f"{_span(passed)} ago" if passed < timedelta(days=2) else f"on {moment:%Y-%m-%d}"


def _span(span: timedelta) -> str:
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


PAGE = Page(name="queue", route="/queue", nav="Queue", view=view)
