"""The lanes of the queue: which requests a reader sees, in which order, how many at a time, and how fresh they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from src.board.freshness import span
from src.board.queue_watch import Seen, closed, watch
from src.board.snapshot import Board
from src.board.submission import Rules
from src.core.queue import QueueState, Standing
from src.settings import Settings
from src.ui.html import h, join
from src.ui.queue_cards import Reader, card

SHOWN = 12  # cards of a lane beside the others
PER_PAGE = 60  # of a lane by itself


@dataclass(frozen=True)
class Lane:
    """One column of the page."""

    key: str  # of `QueueState`, and in the address
    title: str
    empty: str
    mine_only: bool = False


LANES = (
    Lane("waiting", "Waiting", "Nothing waits: a model submitted now comes next."),
    Lane("running", "Running", "Nothing runs just now."),
    Lane("finished", "Finished", "Nothing has finished yet."),
    Lane("failed", "Failed", "Nothing failed."),
    Lane("cancelled", "Cancelled", "You cancelled nothing.", mine_only=True),
)


def lanes(board: Board, settings: Settings, params: Mapping[str, str], me: str | None) -> Markup:
    """What changes on the page: how fresh it is, the request that was asked for, the lanes."""
    seen = watch(board).look()
    if seen.state is None:
        if seen.problem:
            return h(
                "p", {"class": "lb-problem", "role": "alert"}, f"The queue cannot be read just now. {seen.problem}"
            )
        return h("p", {"class": "lb-quiet", "data-soon": True}, f"The queue of {seen.store} is being read …")
    reader = Reader(
        now=seen.state.now,
        me=me,
        may_act=closed(board, settings) is None,
        is_operator=me is not None and me in Rules.of(settings).unlimited,
        voted=watch(board).queue.votes_by(me) if me and not seen.is_sample else (),
        rows=_rows(board),
        has_suites=len({one.request.suite for one in seen.state.standings.values()}) > 1,
        boxes=len({one.box for one in seen.state.running}),
    )
    mine = me is not None and bool(params.get("mine"))
    found = {lane.key: _matching(getattr(seen.state, lane.key), params.get("q", ""), me, mine) for lane in LANES}
    shown = [lane for lane in LANES if mine or not lane.mine_only]
    alone = next((lane for lane in shown if lane.key == params.get("lane")), None)
    return join(
        _stale(seen),
        _asked_for(seen.state, params, reader),
        _nav(shown, found, alone, params),
        _alone(alone, found[alone.key], reader, params)
        if alone
        else h(
            "div",
            {"class": "lb-lanes", "data-count": len(shown)},
            [_lane(lane, found[lane.key], len(getattr(seen.state, lane.key)), reader, params) for lane in shown],
        ),
    )


def _matching(standings: Sequence[Standing], q: str, me: str | None, mine: bool) -> list[Standing]:
    """What a reader may see, has asked for, and in the order of its lane."""
    words = q.lower().split()

    def fits(one: Standing) -> bool:
        request = one.request
        if mine and request.sender != me:
            return False
        if request.private and (me is None or request.sender != me):
            return False
        text = f"{request.model} {request.revision} {request.sender or ''} {one.box or ''}".lower()
        return all(word in text for word in words)

    return [one for one in standings if fits(one)]


def _lane(lane: Lane, found: Sequence[Standing], of: int, reader: Reader, params: Mapping[str, str]) -> Markup:
    count = f"{len(found):,}" + (f" of {of:,}" if len(found) < of else "")
    rest = len(found) - SHOWN
    every = h("a", {"href": _address(params, lane=lane.key)}, f"All {len(found):,}") if rest > 0 else None
    return h(
        "section",
        {"class": "lb-lane", "data-lane": lane.key, "aria-labelledby": f"lb-lane-{lane.key}"},
        h("h2", {"id": f"lb-lane-{lane.key}"}, lane.title, " ", h("span", {"class": "lb-count"}, count)),
        h("ol", {}, [card(one, reader) for one in found[:SHOWN]]) if found else _nothing(lane, of, params),
        every and h("p", {"class": "lb-more"}, every),
    )


def _alone(lane: Lane, found: Sequence[Standing], reader: Reader, params: Mapping[str, str]) -> Markup:
    """One lane, page by page."""
    pages = max(1, -(-len(found) // PER_PAGE))
    asked = params.get("page", "1")
    page = min(int(asked), pages) if asked.isdecimal() and len(asked) < 7 and int(asked) else 1
    listed = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    turns = [
        h("a", {"href": _address(params, page=str(page + step)), "rel": rel}, words)
        for step, rel, words in ((-1, "prev", "Newer" if lane.key != "waiting" else "Earlier"), (1, "next", "More"))
        if 1 <= page + step <= pages
    ]
    return h(
        "section",
        {"class": "lb-lane lb-lane-alone", "data-lane": lane.key, "aria-labelledby": f"lb-lane-{lane.key}"},
        h("h2", {"id": f"lb-lane-{lane.key}"}, lane.title, " ", h("span", {"class": "lb-count"}, f"{len(found):,}")),
        h("ol", {}, [card(one, reader) for one in listed]) if listed else _nothing(lane, 0, params),
        h(
            "nav",
            {"class": "lb-more", "aria-label": "Pages of the lane"},
            h("span", {}, f"Page {page} of {pages}"),
            turns,
        )
        if pages > 1
        else None,
    )


def _nothing(lane: Lane, of: int, params: Mapping[str, str]) -> Markup:
    if not of and not params.get("q"):
        return h("p", {"class": "lb-empty"}, lane.empty)
    clear = h("a", {"href": _address({}, **({"lane": params["lane"]} if params.get("lane") else {}))}, "Show all")
    return h("p", {"class": "lb-empty"}, "None of these match. ", clear)


def _nav(
    shown: Sequence[Lane], found: Mapping[str, Sequence[Standing]], alone: Lane | None, params: Mapping[str, str]
) -> Markup:
    """The lanes by name: on a narrow screen the way between them, on a wide one the way back from one."""
    links = [
        h(
            "a",
            {"href": _address(params, lane=lane.key), "aria-current": "page" if lane is alone else None},
            lane.title,
            " ",
            h("span", {"class": "lb-count"}, f"{len(found[lane.key]):,}"),
        )
        for lane in shown
    ]
    every = h("a", {"href": _address(params, lane=""), "aria-current": None if alone else "page"}, "All")
    return h("nav", {"class": "lb-lane-nav", "aria-label": "Lanes", "data-alone": alone is not None}, every, links)


def _asked_for(state: QueueState, params: Mapping[str, str], reader: Reader) -> Markup | None:
    key = params.get("request")
    if not key:
        return None
    one = state.standings.get(key)
    if one is None or (one.request.private and one.request.sender != reader.me):
        return h("p", {"class": "lb-problem", "role": "alert"}, "There is no such request in this queue.")
    return h(
        "section",
        {"class": "lb-found", "aria-labelledby": "lb-found"},
        h("h2", {"id": "lb-found"}, "The request you came for"),
        card(one, reader, "div"),
    )


def _stale(seen: Seen) -> Markup | None:
    if not seen.problem or seen.as_of is None:
        return None
    age = span((datetime.now(UTC) - seen.as_of).total_seconds())
    return h(
        "p", {"class": "lb-problem lb-stale", "role": "status"}, f"This is the queue as of {age} ago. {seen.problem}"
    )


def _rows(board: Board) -> set[tuple[Any, Any]]:
    """(model, revision) of every row on the board."""
    frames = (board.snapshot(name).frame for name in board.suites)
    return {pair for frame in frames for pair in zip(frame["model"], frame["revision"], strict=True)}


def _address(params: Mapping[str, str], **changed: str) -> str:
    kept = {name: params[name] for name in ("q", "mine", "lane") if params.get(name)}
    return "queue?" + urlencode({name: value for name, value in {**kept, **changed}.items() if value})
