"""What can be done with a queue: submit, look, claim, renew, finish, fail, give back, cancel, retry, vote."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from src.core.errors import BadInputError, BoardError, NotFoundError, StoreError
from src.core.lifecycle import Status
from src.core.queue.archive import pack_archive
from src.core.queue.events import (
    MAX_CLAIMS,
    Event,
    RequestState,
    folder,
    milliseconds,
    milliseconds_of,
    moment,
    request_key,
)
from src.core.queue.failures import next_attempt
from src.core.queue.reading import QueueReader
from src.core.queue.selection import ClaimBatch, ClaimSelector
from src.core.queue.state import QueueEntry, QueueState
from src.core.queue.votes import Votes
from src.core.records import Request
from src.core.store import Rev, Store
from src.core.store.group_commit import append_late


class LeaseLostError(BoardError):
    """The request is no longer this box's: its lease ran out and another took it, or somebody ended it."""


@dataclass(frozen=True)
class Claim:
    """A box's right to run one request until `until`. `nonce` and `fencing_token` go into the results as proof."""

    key: str
    request: Request
    box: str
    fencing_token: int
    nonce: str
    since: datetime
    until: datetime

    @property
    def renew_at(self) -> datetime:
        """When to renew: after half of the lease."""
        return self.until - (self.until - self.since) / 2


@dataclass(frozen=True)
class Receipt:
    """The answer to a submission. `new` False: the same model, revision, precision and so on was there already."""

    key: str
    new: bool
    standing: QueueEntry


class Queue:
    """The queue of one store. Safe for threads; every process has its own."""

    TRIES = 5

    def __init__(
        self,
        store: Store,
        lease: timedelta = timedelta(hours=2),
        nonce: Callable[[], str] = lambda: uuid.uuid4().hex[:16],
    ) -> None:
        self.store = store
        self.lease = lease
        self._nonce = nonce
        self._votes = Votes(store)
        self._reader = QueueReader(store, self._votes)
        self._lock = threading.Lock()
        self._chooser = ClaimSelector(self.snapshot, self._claim)
        self._told: dict[tuple[str, str], int] = {}
        self._in_doubt: list[Claim] = []  # their appends failed, and may have landed
        self._ends: dict[str, tuple[Event, dict[str, Any]]] = {}  # nonce → the end that the store did not accept yet

    def snapshot(self) -> QueueState:
        """Return the queue now: one call to the store if nothing changed, else only what changed is fetched."""
        with self._lock:
            return self._reader.look()

    def submit(self, request: Request) -> Receipt:
        """Put a request into the queue; returns once that is durable, or says that the same one is there already."""
        event = self._event("request")
        asked = request.model_copy(update={"status": Status.PENDING, "submitted_time": moment(event.at)})
        body = json.loads(asked.write())
        key = request_key(Request.read(body))  # refuses what nobody could read back
        state = self.snapshot()
        if key in state and state[key].status is not Status.CANCELLED:
            return Receipt(key, False, state[key])
        rev = self._append({key: event}, {key: body}, f"Submit {request.model}")
        request_state = self._request_state(key, rev)
        standing = self._reader.standing(key, request_state, self.store.now())
        return Receipt(key, request_state.submitted == event, standing)

    def claim(self, box: str, accepts: Callable[[Request], bool] = lambda request: True) -> Claim | None:
        """Return the first request that fits this box, held for the length of a lease; None if there is none."""
        claims = self.claim_many(box, 1, accepts)
        return claims[0] if claims else None

    def claim_many(self, box: str, most: int, accepts: Callable[[Request], bool] = lambda request: True) -> list[Claim]:
        """Return up to `most` requests that fit this box, claimed in one commit."""
        self.release_doubtful()
        avoid: set[str] = set()
        data = {"box": box}
        for _ in range(self.TRIES):
            with self._chooser.choice(box, most, accepts, avoid) as choice:
                with self._doubting(choice, box):
                    rev = append_late(
                        self.store, lambda: _files(choice.choose_again(), otherwise=data), f"{box} claims"
                    )
                if rev is None:
                    return []
                held = self._held(choice, box, rev)
            if held:
                return held
            avoid |= choice.claims.keys()  # somebody was first: a stale head may still show these as waiting
        return []

    def renew(self, claim: Claim, progress: Mapping[str, object] | None = None) -> Claim:
        """Return the same claim with a new lease. Raises LeaseLostError."""
        return self.renew_many([(claim, progress or {})])[0]

    def renew_many(self, claims: Sequence[tuple[Claim, Mapping[str, object]]]) -> list[Claim]:
        """Return all claims of a box with new leases, in one commit.

        Raises LeaseLostError for the first that is lost.
        """
        self.release_doubtful()
        events = {claim.key: self._event("renew", claim, until=True) for claim, _ in claims}
        bodies = {claim.key: {"box": claim.box, "progress": dict(progress)} for claim, progress in claims}
        rev = self._append(events, bodies, f"{claims[0][0].box} goes on with {len(claims)}")
        renewed = []
        for claim, _ in claims:
            self._must_hold(claim, self._request_state(claim.key, rev))
            event = events[claim.key]
            renewed.append(replace(claim, since=moment(event.at), until=moment(event.until)))
        return renewed

    def finish(
        self,
        claim: Claim,
        results: Sequence[str],
        then: Callable[[Request], bool] | None = None,
        engine: str | None = None,
        trial: str | None = None,
    ) -> Claim | None:
        """End a claim with its durable results. With `then`, the next request is claimed in the same commit.

        `engine`: the way the requests ran, in words; `trial`: why no row will come of it. Raises LeaseLostError if
        another box took over before: its results count, these do not.
        """
        body = {"box": claim.box, "results": list(results)} | ({"engine": engine} if engine else {})
        body |= {"trial": trial} if trial else {}
        return self._end(claim, self._event("done", claim), body, then)

    def fail(
        self, claim: Claim, code: str, message: str = "", log: str = "", then: Callable[[Request], bool] | None = None
    ) -> Claim | None:
        """End a claim with a code of `FAILURES`; that table says whether it is tried again. Raises LeaseLostError."""
        request_state = self._request_state(claim.key, None)
        pause = next_attempt(code, sum(event.word == code for event in request_state.failures))
        again = 0 if pause is None or request_state.attempts >= MAX_CLAIMS else milliseconds(self.store.now() + pause)
        event = self._event("fail", claim)._replace(until=again, word=code)
        if Event.parse(event.name) != event:
            raise BadInputError(f"'{code}' is no code of a failure: small letters and hyphens.")
        return self._end(claim, event, {"box": claim.box, "message": message[:4000], "log": log[-20_000:]}, then)

    def release(self, claim: Claim) -> None:
        """End a claim without a word against the model: it waits again at once."""
        self._append(
            {claim.key: self._event("back", claim)}, {claim.key: {"box": claim.box}}, f"{claim.box} gives back"
        )

    def release_doubtful(self) -> None:
        """Release what this process holds without knowing: claims that landed although the store reported an error.

        Every claim, renewal and end does so first. What the store refuses now is tried again the next time.
        """
        with self._lock:
            doubtful, self._in_doubt = self._in_doubt, []
        for at, claim in enumerate(doubtful):
            try:
                state = self._request_state(claim.key, self.store.head("requests"))
                if state.holder is not None and state.holder.nonce == claim.nonce:
                    self.release(claim)
            except StoreError:
                with self._lock:
                    self._in_doubt += doubtful[at:]
                return

    def cancel(self, key: str, by: str, is_operator: bool = False) -> QueueEntry:
        """Take a waiting request out of the queue. Raises BadInputError if it waits no longer, or is not theirs.

        An operator may for everybody: else what no box can take would wait for ever once its submitter is gone.
        """
        standing = self._known(key)
        if standing.request.sender != by and not is_operator:
            who = standing.request.sender or "its submitter"
            raise BadInputError(f"Only {who}, or an operator, can cancel {standing.request.model}.")
        return self._decide(key, "cancel", by, "A request can be cancelled while it waits")

    def retry(self, key: str, by: str) -> QueueEntry:
        """Let a failed request wait again, its attempts forgotten. Raises BadInputError if it has not failed."""
        self._known(key)
        return self._decide(key, "retry", by, "A request can be retried once it has failed")

    def vote(self, model: str, revision: str, username: str) -> bool:
        """Return one person's vote for a model to come sooner; False if they gave it before.

        Durable when it returns.
        """
        return self._votes.add(model, revision, username)

    def votes_by(self, username: str) -> frozenset[tuple[str, str]]:
        """Return the (model, revision) that somebody voted for, as of the last look; no call."""
        return self._votes.by(username)

    def results(self, key: str) -> tuple[str, ...]:
        """Return the result files of a finished request, as paths in its store."""
        self.snapshot()
        return self._reader.results(key)

    def knows(self, key: str) -> bool:
        """Return whether a request has any events as of the last look, even if the request itself is unreadable."""
        return self._reader.knows(key)

    def is_accepted(self, key: str, fencing_token: int, nonce: str) -> bool:
        """Return whether a request ended with the run of this claim, as of the last look."""
        return self._reader.is_accepted(key, fencing_token, nonce)

    def tidy(self, older_than: timedelta = timedelta(days=1), most: int = 500, least: int = 1) -> int:
        """Move what ended long ago into one archive file, so that folders and cold starts stay small; how many.

        Fewer than `least` stay where they are. Only for the process that serves the board. Raises ConflictError if
        another process wrote meanwhile: the next round does it.
        """
        state = self.snapshot()
        found = self._reader.settled_files(milliseconds(state.now - older_than))
        oldest_first = sorted(found.items(), key=lambda item: (max(event.at for event in item[1][1].events), item[0]))
        chosen = dict(oldest_first[:most])
        if len(chosen) < max(least, 1):
            return 0
        name = f"requests/archive/{milliseconds(state.now)}-{self._nonce()}.jsonl"
        files: dict[str, bytes | None] = {name: pack_archive([kept for _, kept in chosen.values()])}
        files |= {path: None for paths, _ in chosen.values() for path in paths}
        self.store.replace(files, state.revision, f"Archive {len(chosen)} requests")
        return len(chosen)

    def _decide(self, key: str, kind: str, by: str, rule: str) -> QueueEntry:
        event = self._event(kind)
        rev = self._append({key: event}, {key: {"by": by}}, f"{by}: {kind}")
        request_state = self._request_state(key, rev)
        standing = self._reader.standing(key, request_state, self.store.now())
        if event not in {request_state.cancelled, request_state.retried}:
            raise BadInputError(f"{rule}; {standing.request.model} is {standing.status.lower()}.")
        return standing

    def _end(
        self, claim: Claim, event: Event, body: dict[str, Any], then: Callable[[Request], bool] | None
    ) -> Claim | None:
        self.release_doubtful()
        event = self._same_end(claim, event, body)
        bodies, otherwise = {claim.key: body}, {"box": claim.box}
        with self._chooser.choice(claim.box, 1 if then else 0, then, {claim.key}) as choice:

            def files() -> Mapping[str, bytes]:
                with suppress(StoreError):  # who cannot see what comes next can still end this
                    return _files({claim.key: event} | choice.choose_again(), bodies, otherwise)
                return _files({claim.key: event}, bodies)

            with self._doubting(choice, claim.box):
                rev = append_late(self.store, files, f"{claim.box}: {event.kind} {claim.request.model}")
            assert rev is not None
            following = self._held(choice, claim.box, rev)
        request_state = self._request_state(claim.key, rev)
        self._ends.pop(claim.nonce, None)
        if event != request_state.done and event not in request_state.failures:
            for other in following:
                self.release(other)
            raise LeaseLostError(_lost(claim))
        return following[0] if following else None

    def _claim(self, standing: QueueEntry) -> Event:
        return self._event("claim", until=True)._replace(fencing_token=self._reader.last_token(standing.key) + 1)

    def _held(self, choice: ClaimBatch, box: str, rev: Rev) -> list[Claim]:
        """Return the look after the append: which of these claims are valid at the commit that holds them.

        Where that cannot be seen, all are given back, or they would be nobody's until their leases run out.
        """
        claims = _claims(choice, box)
        try:
            return [claim for claim in claims if self._request_state(claim.key, rev).holder == choice.claims[claim.key]]
        except StoreError:
            for claim in claims:
                try:
                    self.release(claim)
                except StoreError:
                    with self._lock:
                        self._in_doubt.append(claim)
            raise

    @contextmanager
    def _doubting(self, choice: ClaimBatch, box: str) -> Iterator[None]:
        """Remember the claims of a block whose append fails: whether they landed is seen at the next call."""
        try:
            yield
        except StoreError:
            with self._lock:
                self._in_doubt += _claims(choice, box)
            raise

    def _same_end(self, claim: Claim, event: Event, body: dict[str, Any]) -> Event:
        """Return the event of the same end that was tried before, which may have landed; else this one."""
        before, reported = self._ends.get(claim.nonce, (event, body))
        if (before.kind, before.word, reported) != (event.kind, event.word, body):
            before = event
        self._ends[claim.nonce] = before, body
        return before

    def _event(self, kind: str, claim: Claim | None = None, until: bool = False) -> Event:
        nonce = claim.nonce if claim else self._nonce()
        at = max(milliseconds(self.store.now()), self._told.get((kind, nonce), 0) + 1)
        self._told[kind, nonce] = at  # two events of one claim never share a name
        end = at + milliseconds_of(self.lease) if until else 0
        return Event(kind, claim.fencing_token if claim else 0, at, end, nonce)

    def _append(self, events: Mapping[str, Event], bodies: Mapping[str, Mapping[str, Any]], message: str) -> Rev:
        return self.store.append(_files(events, bodies), message)

    def _request_state(self, key: str, rev: Rev | None) -> RequestState:
        return self._reader.state_of(key, rev)

    def _known(self, key: str) -> QueueEntry:
        state = self.snapshot()
        if key not in state:
            raise NotFoundError(f"There is no request {key} in {self.store.name}.")
        return state[key]

    @staticmethod
    def _must_hold(claim: Claim, request_state: RequestState) -> None:
        if request_state.holder is None or (request_state.holder.fencing_token, request_state.holder.nonce) != (
            claim.fencing_token,
            claim.nonce,
        ):
            raise LeaseLostError(_lost(claim))


def _claims(choice: ClaimBatch, box: str) -> list[Claim]:
    return [
        Claim(one.key, one.request, box, event.fencing_token, event.nonce, moment(event.at), moment(event.until))
        for one, event in zip(choice.wanted, choice.claims.values(), strict=True)
    ]


def _lost(claim: Claim) -> str:
    return f"{claim.request.model} is no longer {claim.box}'s to run: its lease ran out, or somebody ended it."


def _files(
    events: Mapping[str, Event],
    bodies: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    otherwise: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, bytes]:
    """Return the file of each event, by its request's key, with what people read in it."""
    return {
        f"{folder(key)}/{event.name}": json.dumps(bodies.get(key, otherwise), ensure_ascii=False, indent=1).encode()
        for key, event in events.items()
    }
