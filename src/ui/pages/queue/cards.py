"""One request of the queue as the values of its card: what it is, its state, why it failed, what the reader may do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from src.board.live.freshness import ago, span
from src.board.table.columns import PRECISION_SHORT
from src.core import suites
from src.core.errors import NotFoundError
from src.core.lifecycle import Status
from src.core.names import is_model_name
from src.core.queue import QueueEntry

RECENT = 48 * 3600.0  # seconds; older times are dates
LONGEST = 400  # characters of a message before it is cut; the log has all of it


@dataclass(frozen=True)
class QueueViewer:
    """Who reads the cards, and what is known beside the queue."""

    now: datetime
    me: str | None = None
    may_act: bool = False  # False: everything can only be read
    is_operator: bool = False
    voted: Collection[tuple[str, str]] = ()  # (model, revision)
    rows: Collection[tuple[Any, Any]] = ()  # (model, revision) of the board's rows
    has_suites: bool = False  # whether a card says which suite it belongs to
    boxes: int = 0  # that run something now


def card(entry: QueueEntry, viewer: QueueViewer) -> dict[str, Any]:
    """Return the values of `queue/card.html`."""
    model = entry.request.model
    organisation, slash, name = model.rpartition("/")
    return {
        "key": entry.key,
        "model": model,
        "organisation": organisation + slash,
        "name": name,
        "address": _address(entry, viewer),
        "status": entry.status.value.lower(),
        "is_on_board": _is_on_board(entry, viewer),
        "engine": entry.engine,
        "trial": entry.trial,
        "facts": _facts(entry, viewer),
        "notes": entry.request.notes,
        "progress": _progress(entry),
        "failure": _failure(entry),
        **_submission(entry, viewer),
        **_state(entry, viewer),
        **_actions(entry, viewer),
    }


def _address(entry: QueueEntry, viewer: QueueViewer) -> str | None:
    model = entry.request.model
    if _is_on_board(entry, viewer):
        return f"model/{model}"
    return f"https://huggingface.co/{model}" if is_model_name(model) else None


def _facts(entry: QueueEntry, viewer: QueueViewer) -> list[str]:
    request = entry.request
    facts = (
        PRECISION_SHORT.get(request.precision, request.precision),
        f"{request.params:.3g} B" if request.params else "size unknown",
        request.weight_type.lower() if request.weight_type != "Original" else None,
        request.suite.removeprefix("open-llm-") if viewer.has_suites else None,
        request.revision[:7] if len(request.revision) == 40 else request.revision,
    )
    return [fact for fact in facts if fact]


def _submission(entry: QueueEntry, viewer: QueueViewer) -> dict[str, Any]:
    """Return who submitted it and, while it is pending, when."""
    submitted = entry.submitted if entry.status is Status.PENDING else None
    sender = entry.request.sender
    return {
        "by": f"by {sender}" if sender else "submitted" if submitted else None,
        "submitted": submitted and _ago(submitted, viewer.now),
    }


def _state(entry: QueueEntry, viewer: QueueViewer) -> dict[str, Any]:
    """Return what the sentence about its state needs."""
    now = viewer.now
    if entry.status is Status.PENDING:
        is_later = entry.again_at and entry.again_at > now
        return {
            "place": entry.place,
            "again_at": entry.again_at and _clock(entry.again_at, now) if is_later else None,
            "begins": _begins(entry, viewer),
        }
    if entry.status is Status.RUNNING:
        is_repeated = entry.fencing_token and entry.fencing_token > 1
        running = entry.since and _moment(entry.since, span((now - entry.since).total_seconds()))
        return {
            "box": entry.box,
            "again": f" for the {_ordinal(entry.fencing_token or 0)} time" if is_repeated else "",
            "since": running,
            "until": entry.until and _clock(entry.until, now),
        }
    return {
        "ended": entry.ended and _ago(entry.ended, now),
        "took": entry.took and span(entry.took.total_seconds()),
        "runs": f" after {entry.attempts} runs" if entry.attempts > 1 else "",
    }


def _begins(entry: QueueEntry, viewer: QueueViewer) -> str:
    if entry.wait:
        return f"begins in about {span(entry.wait.total_seconds())}"
    return f"no estimate: {'no run has finished yet' if viewer.boxes else 'no box is running'}"


def _progress(entry: QueueEntry) -> dict[str, Any] | None:
    if entry.status is not Status.RUNNING:
        return None
    report = entry.progress
    done, total = _number(report, "tasks_done", "done"), _number(report, "total") or _tasks(entry.request.suite)
    answers, at = _number(report, "answers"), report.get("benchmark") or report.get("task")
    words = (
        f"at {at}" if isinstance(at, str) and at else None,
        (f"{done:,} of {total:,} tasks" if total else f"{done:,} tasks") if done is not None else None,
        f"{answers:,} answers" if answers else None,
        f"engine: {entry.engine}" if entry.engine else None,
    )
    is_known = done is not None and total
    return {
        "done": min(done or 0, total or 0),
        "total": total if is_known else None,
        "words": ", ".join(word for word in words if word),
    }


def _failure(entry: QueueEntry) -> dict[str, Any] | None:
    report = entry.failure
    if report is None or entry.status in (Status.FINISHED, Status.CANCELLED):
        return None
    has_reason = bool(report.message or report.log or report.code != "unknown")  # files of old boards have none
    return {
        "title": report.title if entry.status is Status.FAILED else f"Its last run: {report.title}",
        "message": report.message if len(report.message) <= LONGEST else report.message[: LONGEST - 1] + "…",
        "advice": report.advice if has_reason else "No reason and no log were kept.",
        "log": f"queue/log?key={entry.key}" if report.log else None,
    }


def _actions(entry: QueueEntry, viewer: QueueViewer) -> dict[str, Any]:
    """Return the votes, which everybody sees, and the buttons of those who may press them."""
    request = entry.request
    is_theirs = viewer.me is not None and (request.sender == viewer.me or viewer.is_operator)
    is_pending = entry.status is Status.PENDING
    may = {
        "vote": is_pending and viewer.me is not None,
        "cancel": is_pending and is_theirs,
        "retry": entry.status is Status.FAILED and is_theirs,
    }
    votes = f"{entry.votes} vote{'' if entry.votes == 1 else 's'}"
    return {
        "may": [action for action, is_allowed in may.items() if is_allowed and viewer.may_act],
        "is_voted": (request.model, request.revision) in viewer.voted,
        "votes": votes if is_pending and entry.votes else None,
    }


def _ago(moment: datetime, now: datetime) -> dict[str, Any]:
    passed = (now - moment).total_seconds()
    is_date = passed >= RECENT
    return _moment(moment, f"{moment:%Y-%m-%d}" if is_date else ago(passed)) | {"is_date": is_date}


def _clock(moment: datetime, now: datetime) -> dict[str, str]:
    """Return a time of today by the clock, of another day with its date."""
    return _moment(moment, f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M} UTC")


def _moment(moment: datetime, shown: str) -> dict[str, str]:
    """Return the values of the macro `time`."""
    utc = moment.astimezone(UTC)
    return {"datetime": utc.isoformat(timespec="seconds"), "title": f"{utc:%Y-%m-%d %H:%M} UTC", "shown": shown}


def _is_on_board(entry: QueueEntry, viewer: QueueViewer) -> bool:
    return entry.status is Status.FINISHED and (entry.request.model, entry.request.revision) in viewer.rows


def _number(report: Mapping[str, object], *names: str) -> int | None:
    values = (report.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and value >= 0), None)


def _tasks(suite: str) -> int | None:
    try:
        return len(suites.load(suite).tasks) or None
    except NotFoundError:
        return None


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
