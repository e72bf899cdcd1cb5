"""The events of a request, as the names of the files in its folder, and the state that follows from them.

A name is `<kind>.<fencing token>.<at>.<until>.<nonce>.<word>.json`: times in ms since 1970 by the store's clock, the
fencing token counts the claims, `word` is the code of a failure. Bodies only add what people read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from src.core.lifecycle import MOVES, Status
from src.core.records import Request

MAX_CLAIMS = 3
"""So many claims without an end and the request is FAILED. Part of the protocol: it decides which claims count."""

KINDS = tuple(MOVES)
SEQUELS = tuple(kind for kind, move in MOVES.items() if move.by_holder)


class Event(NamedTuple):
    """One file. `until`: the lease's end (claim, renew), or when to try again (fail; 0: never), else 0."""

    kind: str
    fencing_token: int
    at: int
    until: int
    nonce: str
    word: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.fencing_token}.{self.at}.{self.until}.{self.nonce}.{self.word or '-'}.json"

    @classmethod
    def parse(cls, name: str) -> Event | None:
        """Return the event of a file's name; None for a file that is none."""
        found = NAME.fullmatch(name)
        if not found:
            return None
        kind, fencing_token, at, until, nonce, word = found.groups()
        if max(int(at), int(until)) > LATEST:
            return None
        return cls(kind, int(fencing_token), int(at), int(until), nonce, "" if word == "-" else word)


@dataclass(frozen=True)
class RequestState:
    """How a request stands after its events. What time alone changes (`status`) is asked for with the time."""

    submitted: Event | None = None  # the submission that counts
    holder: Event | None = None  # the last valid claim, while nothing ended it
    until: int = 0  # the end of its lease, renewals included
    latest: Event | None = None  # its last claim or renewal: its body says box and progress
    last_token: int = 0  # valid claims ever: the next one takes `last_token + 1`
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
            return Status.FAILED if self.attempts >= MAX_CLAIMS else Status.PENDING
        if self.failures and (not self.failures[-1].until or self.attempts >= MAX_CLAIMS):
            return Status.FAILED
        return Status.PENDING

    def again_at(self) -> int:
        """Return when a failed request may be tried again; 0: at once."""
        return self.failures[-1].until if self.failures and not self.holder else 0

    def may_be_claimed(self, now: int) -> bool:
        """Return whether a claim made at `now` counts."""
        return self.status(now) in MOVES["claim"].start and now >= max(self.again_at(), self.freed)

    def is_held_by(self, event: Event) -> bool:
        """Return whether `event` comes from the holder of the last valid claim."""
        return self.holder is not None and (self.holder.fencing_token, self.holder.nonce) == (
            event.fencing_token,
            event.nonce,
        )


def replay(events: Sequence[Event], start: RequestState | None = None) -> RequestState:
    """Return how a request stands, from its events in the order of their commits.

    The same rule judges one's own append and everybody else's: an event that comes too late changes nothing.
    `start`: how it stood before there was a folder (requests of old boards).
    """
    state = start or RequestState()
    for event in events:
        state = apply_event(state, event)
    return state


def apply_event(state: RequestState, event: Event) -> RequestState:
    """Return the state after one event; the same state if `MOVES` does not allow it, or it comes too late."""
    move = MOVES[event.kind]
    if state.submitted is None:
        return RequestState(submitted=event) if event.kind == "request" else state
    if state.status(event.at) not in move.start or (move.by_holder and not state.is_held_by(event)):
        return state
    match event.kind:
        case "request":
            return RequestState(submitted=event, last_token=state.last_token, taken=state.taken)
        case "claim" if event.fencing_token == state.last_token + 1 and state.may_be_claimed(event.at):
            return replace(
                state,
                holder=event,
                until=event.until,
                latest=event,
                last_token=event.fencing_token,
                attempts=state.attempts + 1,
                taken=state.taken | {event.nonce},
            )
        case "renew":
            return replace(state, until=max(state.until, event.until), latest=event)
        case "done" if state.holder is not None:
            return replace(state, holder=None, done=event, began=state.holder.at)
        case "fail":
            return replace(state, holder=None, freed=event.at, failures=(*state.failures, event))
        case "back":
            return replace(state, holder=None, freed=event.at, attempts=state.attempts - 1)
        case "cancel":
            return replace(state, cancelled=event, holder=None)
        case "retry":
            return replace(state, holder=None, freed=event.at, failures=(), attempts=0, retried=event)
    return state


def order_is_plain(events: Sequence[Event]) -> bool:
    """Return whether only one order of these events is possible, so that nobody needs to ask for it."""
    kinds = [event.kind for event in events]
    ends = sum(kinds.count(kind) for kind in ("done", "fail", "back"))
    return max(kinds.count("claim"), kinds.count("request"), ends) <= 1 and not {"cancel", "retry"} & {*kinds}


def plain_order(events: Sequence[Event]) -> list[Event]:
    """Return the one possible order of events that `order_is_plain`."""
    return sorted(events, key=lambda event: (min(KINDS.index(event.kind), 3), event.at))


def likely_order(events: Sequence[Event]) -> list[Event]:
    """Return the likely order of events whose commits are lost: those of a board that was copied or restored.

    They are ordered by their times, as far as later events allow it: a claim that was renewed or ended was valid, and
    an end under an earlier fencing token did not count if a later token was valid.
    """
    heard = {event.nonce for event in events if event.kind in SEQUELS}
    won = {event.fencing_token for event in events if event.kind == "claim" and event.nonce in heard}

    def place(event: Event) -> tuple[bool, int, int, int, str]:
        lost = event.kind == "claim" and event.fencing_token in won and event.nonce not in heard
        void = event.kind == "done" and any(fencing_token > event.fencing_token for fencing_token in won)
        return lost or void, event.at, KINDS.index(event.kind), event.fencing_token, event.nonce

    return sorted(events, key=place)


def is_possible(events: Sequence[Event], is_known: bool = False) -> bool:
    """Return whether events can have been committed in this order.

    Nobody claims what was not submitted, or goes on before.

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
    """Return what makes two requests the same.

    Model, revision, precision, weight type, chat template, suite and version, and how often it was put back.
    """
    parts = (
        request.model, request.revision, request.precision, request.weight_type,
        request.use_chat_template, request.suite, request.suite_version, *([request.again] if request.again else []),
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def folder(key: str) -> str:
    """Return where a request's files lie in its store."""
    if not KEY.fullmatch(key):
        raise ValueError(f"'{key}' is no key of a request")
    return f"requests/queue/{key[:2]}/{key}"


def milliseconds_of(duration: timedelta) -> int:
    """Return the whole milliseconds of a duration."""
    return round(duration.total_seconds() * 1000)


def milliseconds(moment: datetime) -> int:
    """Return the milliseconds from 1970 to a moment."""
    return round(moment.timestamp() * 1000)


def moment(ms: int) -> datetime:
    """Return the moment that many milliseconds after 1970, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


LATEST = 253_402_300_799_999
"""The last moment that a date can tell: the end of the year 9999."""
NAME = re.compile(
    rf"({'|'.join(KINDS)})\.(\d{{1,6}})\.(\d{{1,15}})\.(\d{{1,15}})\.([0-9a-f]{{8,32}})\.([a-z_-]{{1,32}})\.json"
)
KEY = re.compile(r"[0-9a-f]{32}")
