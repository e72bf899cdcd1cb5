"""One request of the queue as a card: what it is, how it stands in words, why it failed, and what one may do to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from src.board.columns import PRECISION_SHORT
from src.board.freshness import ago, span
from src.core import suites
from src.core.errors import NotFound
from src.core.lifecycle import Status
from src.core.names import is_model_name
from src.core.queue import Standing
from src.ui.html import coded, h, join

RECENT = 48 * 3600.0  # seconds; older times are dates
LONGEST = 400  # characters of a message before it is cut; the log has all of it


@dataclass(frozen=True)
class Reader:
    """Whose eyes see the cards, and what they know beside the queue."""

    now: datetime
    me: str | None = None
    may_act: bool = False  # False: everything can only be read
    is_operator: bool = False
    voted: Collection[tuple[str, str]] = ()  # (model, revision)
    rows: Collection[tuple[Any, Any]] = ()  # (model, revision) of the board's rows
    has_suites: bool = False  # whether a card says which suite it is of
    boxes: int = 0  # that run something now


def card(one: Standing, reader: Reader, tag: str = "li") -> Markup:
    """The whole card."""
    return h(
        tag,
        {"class": "lb-card", "data-key": one.key, "data-status": one.status.value.lower()},
        _title(one, reader),
        h("p", {"class": "lb-facts-line"}, Markup(" · ").join(_facts(one, reader))),
        h("p", {"class": "lb-stands"}, WORDS[one.status](one, reader)),
        _progress(one),
        _failure(one),
        _tools(one, reader),
    )


def _title(one: Standing, reader: Reader) -> Markup:
    model = one.request.model
    organisation, slash, name = model.rpartition("/")
    title = join(h("span", {"class": "lb-org"}, organisation + slash), h("span", {"class": "lb-name"}, name))
    if _is_on_board(one, reader):
        title = h("a", {"href": f"model/{model}"}, title)
    elif is_model_name(model):
        title = h("a", {"href": f"https://huggingface.co/{model}", "rel": "noopener"}, title)
    return h("h3", {}, title)


def _facts(one: Standing, reader: Reader) -> list[str | Markup]:
    request = one.request
    came = one.status is Status.PENDING and one.submitted
    by = f"by {request.sender}" if request.sender else "submitted"
    facts = [
        PRECISION_SHORT.get(request.precision, request.precision),
        f"{request.params:.3g} B" if request.params else "size unknown",
        request.weight_type.lower() if request.weight_type != "Original" else None,
        _suite(request.suite) if reader.has_suites else None,
        request.revision[:7] if len(request.revision) == 40 else request.revision,
        join(f"{by}, ", _ago(came, reader.now)) if came else by if request.sender else None,
    ]
    return [fact for fact in facts if fact]


def _waits(one: Standing, reader: Reader) -> Markup:
    if one.again_at and one.again_at > reader.now:
        begins = join("is tried again at ", _time(one.again_at, reader.now))
    elif one.wait:
        begins = Markup("begins in about {}").format(span(one.wait.total_seconds()))
    else:
        why = "no run has finished yet to go by" if reader.boxes else "no box runs just now"
        begins = Markup("no estimate: {}").format(why)
    return join(h("strong", {}, f"Place {one.place}"), ", ", begins, ".")


def _runs(one: Standing, reader: Reader) -> Markup:
    again = f" for the {_ordinal(one.slot)} time" if one.slot and one.slot > 1 else ""
    held = one.until and h(
        "span",
        {"class": "lb-lease", "title": f"Where {one.box} falls silent, the request waits again from then."},
        "Lease until ",
        _time(one.until, reader.now),
        ".",
    )
    since = one.since and h("time", _stamp(one.since), span((reader.now - one.since).total_seconds()))
    return join("On ", h("strong", {}, one.box or "a box"), again, since and join(" for ", since), ". ", held)


def _finished(one: Standing, reader: Reader) -> Markup:
    took = f" It took {span(one.took.total_seconds())}." if one.took else ""
    row = "" if _is_on_board(one, reader) else " Its row appears at the next sync."
    return join(_since("Finished", one.ended, reader.now), took, row)


def _failed(one: Standing, reader: Reader) -> Markup:
    runs = f" after {one.attempts} runs" if one.attempts > 1 else ""
    return _since(f"Failed{runs}", one.ended, reader.now)


def _cancelled(one: Standing, reader: Reader) -> Markup:
    return _since("Cancelled", one.ended, reader.now)


WORDS: Mapping[Status, Callable[[Standing, Reader], Markup]] = {
    Status.PENDING: _waits,
    Status.RUNNING: _runs,
    Status.FINISHED: _finished,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
}


def _progress(one: Standing) -> Markup | None:
    if one.status is not Status.RUNNING:
        return None
    told = one.progress
    done, total = _number(told, "tasks_done", "done"), _number(told, "total") or _tasks(one.request.suite)
    answers, at = _number(told, "answers"), told.get("benchmark") or told.get("task")
    words = [
        f"at {at}" if isinstance(at, str) and at else None,
        (f"{done:,} of {total:,} tasks" if total else f"{done:,} tasks") if done is not None else None,
        f"{answers:,} answers" if answers else None,
    ]
    bar = None
    if done is not None and total:
        bar = h("progress", {"value": min(done, total), "max": total, "aria-label": f"Tasks of {one.request.model}"})
    said = ", ".join(word for word in words if word)
    return h("div", {"class": "lb-progress"}, bar, h("p", {"class": "lb-quiet"}, said or "No word of progress yet."))


def _failure(one: Standing) -> Markup | None:
    report = one.failure
    if report is None or one.status in (Status.FINISHED, Status.CANCELLED):
        return None
    before = "Its last run: " if one.status is not Status.FAILED else ""
    message = report.message if len(report.message) <= LONGEST else report.message[: LONGEST - 1] + "…"
    said = bool(report.message or report.log or report.code != "unknown")  # files of old boards say no more
    address = f"queue/log?key={one.key}"
    log = h(
        "details",
        {"data-log": address},
        h("summary", {}, "Log"),
        h("div", {}, h("a", {"href": address}, "Open the log")),
    )
    return h(
        "div",
        {"class": "lb-why"},
        h("p", {}, h("strong", {}, before, report.title)),
        message and h("p", {"class": "lb-verbatim"}, message),
        h("p", {"class": "lb-advice"}, coded(report.advice if said else "No reason and no log were kept.")),
        log if report.log else None,
    )


def _tools(one: Standing, reader: Reader) -> Markup | None:
    """Votes are everybody's to see; buttons are there for those who may press them."""
    request = one.request
    votes = f"{one.votes} vote{'' if one.votes == 1 else 's'}"
    mine = reader.me is not None and request.sender == reader.me
    tools: list[Markup] = []
    if one.status is Status.PENDING:
        voted = (request.model, request.revision) in reader.voted
        if reader.may_act and reader.me:
            tools.append(_button("vote", "Voted" if voted else "Vote", one, pressed=voted))
        if one.votes:
            tools.append(h("span", {"class": "lb-votes"}, votes))
        if reader.may_act and (mine or reader.is_operator):
            tools.append(_button("cancel", "Cancel", one))
    if one.status is Status.FAILED and reader.may_act and (mine or reader.is_operator):
        tools.append(_button("retry", "Retry", one))
    return h("div", {"class": "lb-card-tools"}, tools) if tools else None


def _button(act: str, word: str, one: Standing, pressed: bool | None = None) -> Markup:
    return h(
        "button",
        {
            "type": "button",
            "class": "lb-button",
            "data-do": act,
            "aria-pressed": None if pressed is None else str(pressed).lower(),
            "aria-label": f"{word}: {one.request.model}",
        },
        word,
    )


def _since(word: str, moment: datetime | None, now: datetime) -> Markup:
    if moment is None:
        return Markup("{} at an unknown time.").format(word)
    passed = (now - moment).total_seconds()
    return join(f"{word} ", "on " if passed >= RECENT else "", _ago(moment, now), ".")


def _ago(moment: datetime, now: datetime) -> Markup:
    passed = (now - moment).total_seconds()
    return h("time", _stamp(moment), ago(passed) if passed < RECENT else f"{moment:%Y-%m-%d}")


def _time(moment: datetime, now: datetime) -> Markup:
    """A time of today by the clock, of another day with its date."""
    shown = f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M} UTC"
    return h("time", _stamp(moment), shown)


def _stamp(moment: datetime) -> dict[str, str]:
    return {
        "datetime": moment.astimezone(UTC).isoformat(timespec="seconds"),
        "title": f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _is_on_board(one: Standing, reader: Reader) -> bool:
    return one.status is Status.FINISHED and (one.request.model, one.request.revision) in reader.rows


def _number(told: Mapping[str, object], *names: str) -> int | None:
    found = (told.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and value >= 0), None)


def _tasks(suite: str) -> int | None:
    try:
        return len(suites.load(suite).tasks) or None
    except NotFound:
        return None


def _suite(name: str) -> str:
    return name.removeprefix("open-llm-")


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
