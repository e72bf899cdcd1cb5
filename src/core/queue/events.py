"""What happened to a request, as the names of files in its folder say it, and how it stands because of that.

A name is `<kind>.<slot>.<at>.<until>.<nonce>.<word>.json`: times in ms since 1970 by the store's clock, `slot` the
fencing token (how often it was taken), `word` the code of a failure. Bodies only add what people read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from src.core.lifecycle import Status
from src.core.records import Request

POISON = 3
"""So many claims without an end and the request is FAILED. Part of the protocol: it decides which claims count."""

SEQUELS = ("renew", "done", "fail", "back")
KINDS = ("request", "claim", "renew", "done", "fail", "back", "cancel", "retry")


class Event(NamedTuple):
    """One file. `until`: the lease's end (claim, renew), or when to try again (fail; 0: never), else 0."""

    kind: str
    slot: int
    at: int
    until: int
    nonce: str
    word: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.slot}.{self.at}.{self.until}.{self.nonce}.{self.word or '-'}.json"

    @classmethod
    def parse(cls, name: str) -> Event | None:
        """The event of a file's name; None for a file that is none."""
        found = NAME.fullmatch(name)
        if not found:
            return None
        kind, slot, at, until, nonce, word = found.groups()
        if max(int(at), int(until)) > LATEST:
            return None
        return cls(kind, int(slot), int(at), int(until), nonce, "" if word == "-" else word)


@dataclass(frozen=True)
class Story:
    """How a request stands after its events. What time alone changes (`status`) is asked for with the time."""

    submitted: Event | None = None  # the submission that counts
    holder: Event | None = None  # the last valid claim, while nothing ended it
    until: int = 0  # the end of its lease, renewals included
    spoken: Event | None = None  # its last claim or renewal: its body says box and progress
    slots: int = 0  # valid claims ever: the next one takes `slots + 1`
    freed: int = 0  # when its last holder let go: an older claim that lands later is void
    attempts: int = 0  # valid claims since the submission or the last retry, without those given back
    failures: tuple[Event, ...] = ()  # since the submission or the last retry
    done: Event | None = None
    began: int = 0  # when the accepted run was claimed
    cancelled: Event | None = None
    retried: Event | None = None  # the last retry by hand
    taken: frozenset[str] = field(default_factory=frozenset)  # nonces of the claims that were valid

    def status(self, now: int) -> Status:
        if self.done:
            return Status.FINISHED
        if self.cancelled:
            return Status.CANCELLED
        if self.holder:
            if now < self.until:
                return Status.RUNNING
            return Status.FAILED if self.attempts >= POISON else Status.PENDING
        if self.failures and (not self.failures[-1].until or self.attempts >= POISON):
            return Status.FAILED
        return Status.PENDING

    def again_at(self) -> int:
        """When a failed request may be tried again; 0: at once."""
        return self.failures[-1].until if self.failures and not self.holder else 0

    def may_be_taken(self, now: int) -> bool:
        return self.status(now) is Status.PENDING and now >= max(self.again_at(), self.freed)


def tell(events: Sequence[Event], start: Story | None = None) -> Story:
    """How a request stands, from its events in the order of their commits.

    The same rule judges one's own append and everybody else's: an event that comes too late changes nothing.
    `start`: how it stood before there was a folder (requests of old boards).
    """
    story = start or Story()
    for event in events:
        story = _then(story, event)
    return story


def _then(story: Story, event: Event) -> Story:
    mine = story.holder is not None and (story.holder.slot, story.holder.nonce) == (event.slot, event.nonce)
    match event.kind:
        case "request":
            if story.submitted is None or story.cancelled:
                return Story(submitted=event, slots=story.slots, taken=story.taken)
        case "claim":
            if story.submitted and event.slot == story.slots + 1 and story.may_be_taken(event.at):
                return replace(
                    story,
                    holder=event,
                    until=event.until,
                    spoken=event,
                    slots=event.slot,
                    attempts=story.attempts + 1,
                    taken=story.taken | {event.nonce},
                )
        # whoever held it last still does after the lease ran out, until somebody else takes it
        case "renew" if mine:
            return replace(story, until=max(story.until, event.until), spoken=event)
        case "done" if mine and story.holder is not None:
            return replace(story, holder=None, done=event, began=story.holder.at)
        case "fail" if mine:
            return replace(story, holder=None, freed=event.at, failures=(*story.failures, event))
        case "back" if mine:
            return replace(story, holder=None, freed=event.at, attempts=story.attempts - 1)
        case "cancel":
            if story.status(event.at) is Status.PENDING:
                return replace(story, cancelled=event, holder=None)
        case "retry":
            if story.status(event.at) is Status.FAILED:
                return replace(story, holder=None, freed=event.at, failures=(), attempts=0, retried=event)
    return story


def order_is_plain(events: Sequence[Event]) -> bool:
    """Whether only one order of these events is possible, so that nobody needs to ask for it."""
    kinds = [event.kind for event in events]
    ends = sum(kinds.count(kind) for kind in ("done", "fail", "back"))
    return max(kinds.count("claim"), kinds.count("request"), ends) <= 1 and not {"cancel", "retry"} & {*kinds}


def plain_order(events: Sequence[Event]) -> list[Event]:
    """The one possible order of events that `order_is_plain`."""
    return sorted(events, key=lambda event: (min(KINDS.index(event.kind), 3), event.at))


def likely_order(events: Sequence[Event]) -> list[Event]:
    """Events of which nobody knows any more in which order they were committed: a board that was copied, or restored.

    By their times, as far as what came of them allows it. Who went on after a claim had won that slot; and what a
    holder said of an earlier slot did not end it, or nobody could have held a later one.
    """
    heard = {event.nonce for event in events if event.kind in SEQUELS}
    won = {event.slot for event in events if event.kind == "claim" and event.nonce in heard}

    def place(event: Event) -> tuple[bool, int, int, int, str]:
        lost = event.kind == "claim" and event.slot in won and event.nonce not in heard
        void = event.kind == "done" and any(slot > event.slot for slot in won)
        return lost or void, event.at, KINDS.index(event.kind), event.slot, event.nonce

    return sorted(events, key=place)


def is_possible(events: Sequence[Event], is_known: bool = False) -> bool:
    """Whether events can have been committed in this order: nobody claims what was not submitted, or goes on before.

    `is_known`: the request was there before there was a folder.
    """
    claimed: set[str] = set()
    claims = {event.nonce for event in events if event.kind == "claim"}
    for event in events:
        is_known = is_known or event.kind == "request"
        if not is_known or (event.kind in SEQUELS and event.nonce in claims - claimed):
            return False
        if event.kind == "claim":
            claimed.add(event.nonce)
    return True


def request_key(request: Request) -> str:
    """What makes two requests the same: model, revision, precision, weight type, chat template, suite and version."""
    parts = (
        request.model, request.revision, request.precision, request.weight_type,
        request.use_chat_template, request.suite, request.suite_version,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def folder(key: str) -> str:
    """Where a request's files lie in its store."""
    if not KEY.fullmatch(key):
        raise ValueError(f"'{key}' is no key of a request")
    return f"requests/queue/{key[:2]}/{key}"


def milliseconds_of(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


LATEST = 253_402_300_799_999
"""The last moment that a date can tell: the end of the year 9999."""
NAME = re.compile(
    rf"({'|'.join(KINDS)})\.(\d{{1,6}})\.(\d{{1,15}})\.(\d{{1,15}})\.([0-9a-f]{{8,32}})\.([a-z_-]{{1,32}})\.json"
)
KEY = re.compile(r"[0-9a-f]{32}")
