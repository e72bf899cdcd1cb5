"""What was decided about a model, on its page: the history, and the form of those who may decide or answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from src.board import moderating
from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import Missing, model_view
from src.board.queue.watch import closed, watch
from src.core import suites
from src.core.errors import DeniedError
from src.core.moderation.entries import LONGEST, RUN, Moderation, ModerationEntry
from src.settings import Settings
from src.ui.web import sign_in
from src.ui.web.figures import number
from src.ui.web.page import Visit
from src.ui.web.templates import render

VERBS = {
    "flag": "Flagged",
    "hide": "Hidden",
    "withdraw": "Withdrawn",
    "correct": "Corrected",
    "official": "Marked as an official provider",
    "merge": "Merged",
    "answer": "Answered",
    "lift": "Lifted",
}
CHOICES = {
    "flag": "Flag it",
    "correct": "Correct a score",
    "hide": "Hide it",
    "withdraw": "Withdraw it",
    "merge": "Merge it into another name",
    "official": "Mark its organisation as an official provider",
    "lift": "Lift an earlier decision",
}


def section(board: Board, settings: Settings, visit: Visit, snapshot: Snapshot, model: str) -> Markup:
    """Return the history of decisions about a model and the form; nothing for a reader of an undisputed model."""
    moderation = board.state.profile.moderation
    entries = moderation.of(model)
    role = _role(board, settings, visit, model)
    if not entries and role != "operator":
        return Markup()
    return render(
        "model/moderation.html",
        model=model,
        entries=[_entry(each, moderation) for each in _with_replies(entries)],
        role=role if entries or role == "operator" else None,
        choices=CHOICES,
        open_entries=[
            (each.id, f"{VERBS[each.action]} by {each.by} on {each.when:%Y-%m-%d}")
            for each in moderation.active
            if each in entries
        ],
        benchmarks=[(each.key, each.title) for each in snapshot.suite.benchmarks],
        suite=snapshot.suite.name,
        run=_run(snapshot, visit, model),
        longest=LONGEST,
    )


def _with_replies(entries: Sequence[ModerationEntry]) -> Iterator[ModerationEntry]:
    """Yield each decision, followed by the answers to it and what lifted it."""
    for entry in entries:
        if entry.of is None:
            yield entry
            yield from (reply for reply in entries if reply.of == entry.id)


def _run(snapshot: Snapshot, visit: Visit, model: str) -> dict[str, str]:
    """Return what names the run that the page shows."""
    shown = model_view(snapshot, model, *(visit.query.get(name) for name in RUN))
    return {} if isinstance(shown, Missing) else shown.run.query


def notes(moderation: Moderation, model: str) -> list[dict[str, Any]]:
    """Return the decisions that count now, for the head of the page."""
    active = {each.id for each in moderation.active}
    shown = (each for each in moderation.of(model) if each.id in active and each.action != "official")
    return [_entry(each, moderation) for each in shown]


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """`POST /moderate`: a decision of an operator, or the answer of an author."""

    def act(organisations: frozenset[str], fields: Mapping[str, str], me: str) -> dict[str, Any]:
        if shut := closed(board, settings):
            raise DeniedError(shut)
        action = fields.get("action", "")
        if action == "answer":
            model = fields.get("model", "")
            entry = moderating.answer(board, fields, me, organisations, _senders(board, model))
        else:
            entry = moderating.decide(board, settings, action, fields, me)
        board.sync()
        return {"message": f"{VERBS[entry.action]}. It is stored, and shown with your name and reason.", "id": entry.id}

    async def moderate(request: Request) -> Response:
        organisations = frozenset(sign_in.organisations(request, settings))
        return await sign_in.acting(settings, partial(act, organisations))(request)

    return [Route("/moderate", moderate, methods=["POST"])]


def _role(board: Board, settings: Settings, visit: Visit, model: str) -> str | None:
    """Return whether the reader is an operator, or may be the author: organisations are checked when it is sent."""
    if visit.me is None or closed(board, settings):
        return None
    if visit.me in moderating.operators(board, settings):
        return "operator"
    own = model.partition("/")[0] in {visit.me, *visit.organisations}
    return "author" if own or visit.me in _senders(board, model) else None


def _senders(board: Board, model: str) -> frozenset[str]:
    """Return who submitted a model, as the queue was last read."""
    state = watch(board).look().state
    standings = state.standings.values() if state else ()
    return frozenset(each.request.sender for each in standings if each.request.model == model and each.request.sender)


def _entry(entry: ModerationEntry, moderation: Moderation) -> dict[str, Any]:
    lifted = moderation.lifted.get(entry.id)
    return {
        "id": entry.id,
        "verb": VERBS[entry.action],
        "action": entry.action,
        "by": entry.by,
        "when": f"{entry.when:%Y-%m-%d}",
        "reason": entry.reason,
        "url": entry.url,
        "subject": _subject(entry),
        "was": number(entry.was, 2) if entry.action == "correct" else None,
        "now": number(entry.value, 2) if entry.action == "correct" else None,
        "is_lifted": lifted is not None,
        "is_reply": entry.action in ("answer", "lift"),
    }


def _subject(entry: ModerationEntry) -> str:
    """Return what an entry is about besides the model."""
    if entry.action == "merge":
        return f"{entry.model} into {entry.into}"
    if entry.action == "official":
        return str(entry.organisation)
    run = " at ".join(each for each in (entry.precision, (entry.revision or "")[:7]) if each)
    title = ""
    if entry.benchmark and entry.suite:
        known = suites.load(entry.suite) if entry.suite in suites.names() else None
        titles = {each.key: each.title for each in known.benchmarks} if known else {}
        title = titles.get(entry.benchmark, entry.benchmark)
    return ", ".join(each for each in (title, run) if each)
