"""The lanes of the queue: which requests a reader sees, in which order, how many at a time, and how fresh they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from markupsafe import Markup

from src.board.live.freshness import span
from src.board.live.per_frame import per_frame
from src.board.live.snapshot import Board
from src.board.queue.submission import Rules
from src.board.queue.watch import Seen, closed, watch
from src.core.queue import QueueEntry, QueueState
from src.settings import Settings
from src.ui.pages.queue.cards import QueueViewer, card
from src.ui.web.templates import render

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
    Lane("waiting", "Pending", "Nothing is pending: a model submitted now comes next."),
    Lane("running", "Running", "Nothing is running."),
    Lane("finished", "Finished", "Nothing has finished yet."),
    Lane("failed", "Failed", "Nothing failed."),
    Lane("cancelled", "Cancelled", "You cancelled nothing.", mine_only=True),
)


def lanes(board: Board, settings: Settings, params: Mapping[str, str], me: str | None) -> Markup:
    """Render what changes on the page: how fresh it is, the request that the address names, the lanes."""
    seen = watch(board).look()
    if seen.state is None:
        return render("queue/unread.html", problem=seen.problem, store=seen.store)
    viewer = QueueViewer(
        now=seen.state.now,
        me=me,
        may_act=closed(board, settings) is None,
        is_operator=me is not None and me in Rules.of(settings).unlimited,
        voted=watch(board).queue.votes_by(me) if me and not seen.is_sample else (),
        rows=_rows(board),
        has_suites=len({entry.request.suite for entry in seen.state.standings.values()}) > 1,
        boxes=len({entry.box for entry in seen.state.running}),
    )
    mine = me is not None and bool(params.get("mine"))
    matching = {lane.key: _matching(getattr(seen.state, lane.key), params.get("q", ""), me, mine) for lane in LANES}
    shown = [lane for lane in LANES if mine or not lane.mine_only]
    alone = next((lane for lane in shown if lane.key == params.get("lane")), None)
    named = _named(seen.state, params, viewer)
    return render(
        "queue/lanes.html",
        stale=_stale(seen),
        missing_request=bool(params.get("request")) and named is None,
        request_card=named,
        every=_address(params, lane=""),
        alone=_alone(alone, matching[alone.key], viewer, params) if alone else None,
        lanes=[
            _lane(lane, matching[lane.key], len(getattr(seen.state, lane.key)), viewer, params, not alone)
            for lane in shown
        ],
    )


def _matching(entries: Sequence[QueueEntry], q: str, me: str | None, mine: bool) -> list[QueueEntry]:
    """Return the entries that a reader may see and searched for, in the order of their lane."""
    words = q.lower().split()

    def fits(entry: QueueEntry) -> bool:
        request = entry.request
        if (mine or request.private) and (me is None or request.sender != me):
            return False
        text = f"{request.model} {request.revision} {request.sender or ''} {entry.box or ''}".lower()
        return all(word in text for word in words)

    return [entry for entry in entries if fits(entry)]


def _lane(
    lane: Lane,
    entries: Sequence[QueueEntry],
    of: int,
    viewer: QueueViewer,
    params: Mapping[str, str],
    with_cards: bool,
) -> dict[str, Any]:
    return {
        "key": lane.key,
        "title": lane.title,
        "count": f"{len(entries):,}" + (f" of {of:,}" if len(entries) < of else ""),
        "total": f"{len(entries):,}",
        "address": _address(params, lane=lane.key),
        "cards": [card(entry, viewer) for entry in entries[:SHOWN]] if with_cards else [],
        "has_more": len(entries) > SHOWN,
        **_if_empty(lane, of, params),
    }


def _alone(lane: Lane, entries: Sequence[QueueEntry], viewer: QueueViewer, params: Mapping[str, str]) -> dict[str, Any]:
    """Return one lane, page by page."""
    pages = max(1, -(-len(entries) // PER_PAGE))
    number = params.get("page", "1")
    page = min(int(number), pages) if number.isdecimal() and len(number) < 7 and int(number) else 1
    turns = ((-1, "prev", "Newer" if lane.key != "waiting" else "Earlier"), (1, "next", "More"))
    return {
        "key": lane.key,
        "title": lane.title,
        "total": f"{len(entries):,}",
        "cards": [card(entry, viewer) for entry in entries[(page - 1) * PER_PAGE : page * PER_PAGE]],
        "page": page,
        "pages": pages,
        "turns": [
            {"address": _address(params, page=str(page + step)), "rel": rel, "title": title}
            for step, rel, title in turns
            if 1 <= page + step <= pages
        ],
        **_if_empty(lane, 0, params),
    }


def _if_empty(lane: Lane, of: int, params: Mapping[str, str]) -> dict[str, str | None]:
    is_narrowed = of or params.get("q")
    everything = _address({}, **({"lane": params["lane"]} if params.get("lane") else {}))
    return {"empty": lane.empty, "show_all": everything if is_narrowed else None}


def _named(state: QueueState, params: Mapping[str, str], viewer: QueueViewer) -> dict[str, Any] | None:
    """Return the card of the request that the address names, if the reader may see it."""
    entry = state.standings.get(params.get("request", ""))
    if entry is None or (entry.request.private and entry.request.sender != viewer.me):
        return None
    return card(entry, viewer)


def _stale(seen: Seen) -> str | None:
    if not seen.problem or seen.as_of is None:
        return None
    age = span((datetime.now(UTC) - seen.as_of).total_seconds())
    return f"This is the queue as of {age} ago. {seen.problem}"


def _rows(board: Board) -> set[tuple[Any, Any]]:
    """Return (model, revision) of every row on the board."""
    return set().union(*(_pairs(board.snapshot(name).frame) for name in board.suites))


@per_frame(8)
def _pairs(frame: pd.DataFrame) -> frozenset[tuple[Any, Any]]:
    return frozenset(zip(frame["model"], frame["revision"], strict=True))


def _address(params: Mapping[str, str], **changed: str) -> str:
    kept = {name: params[name] for name in ("q", "mine", "lane") if params.get(name)}
    return "queue?" + urlencode({name: value for name, value in {**kept, **changed}.items() if value})
