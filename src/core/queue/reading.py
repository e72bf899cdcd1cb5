"""How the queue reads its store: the names of what is new, and the bodies that somebody has to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from src.core.errors import NotFoundError
from src.core.lifecycle import Status
from src.core.queue.archive import ARCHIVE_PATH, ArchivedRequest, read_archive
from src.core.queue.events import (
    KEY,
    MAX_CLAIMS,
    Event,
    RequestState,
    folder,
    is_possible,
    likely_order,
    milliseconds,
    moment,
    order_is_plain,
    plain_order,
    replay,
    request_key,
)
from src.core.queue.failures import AGAIN, failure
from src.core.queue.old import OLD_PATH, state_of_old_request
from src.core.queue.state import FailureReport, QueueEntry, QueueState, estimate, precedence
from src.core.queue.unreadable import UnreadableFiles
from src.core.queue.votes import Votes
from src.core.records import Request
from src.core.store import Entry, Rev, Store
from src.core.store.salvage import salvaged

DATASET = "requests"
GONE = b'{"gone": true}'
"""What a repair writes in place of a request that nobody can read any more: no problem, and no request."""


class QueueReader:
    """What one process knows of a queue. Events never vanish, so an older listing can never take back a newer one."""

    PARALLEL = 8  # reads at a time
    RECENT = 50  # finished runs that an estimate looks at, and whose last words are read

    def __init__(self, store: Store, votes: Votes) -> None:
        self._store, self._votes = store, votes
        self._rev: Rev | None = None
        self._paths: set[str] = set()
        self._names: dict[str, frozenset[str]] = {}  # key → files of its folder
        self._seen: dict[str, Rev] = {}  # key → a revision that has them
        self._before: dict[str, RequestState] = {}  # key → how an old file says it stands
        self._request_states: dict[str, RequestState] = {}
        self._requests: dict[str, Request] = {}
        self._bodies: dict[str, dict[str, Any]] = {}  # path → content, of what is on show
        self._settled: dict[str, QueueEntry] = {}  # finished and cancelled: they change no more
        self._made: dict[
            str, tuple[RequestState, object, QueueEntry]
        ] = {}  # key → what its standing was made of, and it
        self._unreadable = UnreadableFiles(store.now)

    def look(self) -> QueueState:
        """Return everything, as of the newest revision."""
        try:
            rev = self._store.head(DATASET)
        except NotFoundError:
            return QueueState(self._store.now(), {})
        if rev != self._rev:
            self._take(self._store.list(DATASET, rev), rev)
            self._rev = rev
        self._votes.refresh(self._store.now())
        return self._state()

    def state_of(self, key: str, rev: Rev | None) -> RequestState:
        """Return how a request stands at `rev`: one call. None: as far as known, no call."""
        if rev is None:
            return self._request_states.get(key) or self._before.get(key) or RequestState()
        prefix = folder(key) + "/"
        names = frozenset(entry.path.removeprefix(prefix) for entry in self._store.list(folder(key), rev))
        request_state = self._tell(key, names, rev)
        if names >= self._names.get(key, frozenset()):
            self._keep(key, names, request_state, rev)
        return request_state

    def results(self, key: str) -> tuple[str, ...]:
        """Return the result files of a finished request."""
        done = self.state_of(key, None).done
        data = self._body(key, done).get("results") if done else None
        return tuple(map(str, data)) if isinstance(data, list | tuple) else ()

    def _at_end(self, key: str, request_state: RequestState, name: str) -> str | None:
        """Return what the box wrote at the end of a finished request: its "engine" or "trial", if read already."""
        return (
            _word(self._bodies.get(f"{folder(key)}/{request_state.done.name}", {}).get(name))
            if request_state.done
            else None
        )

    def settled_files(self, before: int) -> dict[str, tuple[list[str], ArchivedRequest]]:
        """Return requests that ended before a time, by key: their loose files, in order, and what the archive keeps."""
        found = {}
        for key, request_state in list(self._request_states.items()):
            end = request_state.done or request_state.cancelled
            if end and end.at < before and key in self._requests and key not in self._before:
                if (
                    request_state.done
                    and not self.results(key)
                    and f"{folder(key)}/{request_state.done.name}" in self._unreadable
                ):
                    continue  # archived, what ended it would be lost for good
                ordered = self._ordered(key, self._names[key], self._seen[key])
                found[key] = (
                    [f"{folder(key)}/{event.name}" for event in ordered],
                    ArchivedRequest(
                        key,
                        self._requests[key],
                        request_state,
                        tuple(ordered),
                        self.results(key),
                        self._at_end(key, request_state, "engine"),
                        self._at_end(key, request_state, "trial"),
                    ),
                )
        return found

    def is_accepted(self, key: str, fencing_token: int, nonce: str) -> bool:
        """Return whether the queue ended a request with the run of this claim.

        Known from names, whatever bodies say.
        """
        done = self.state_of(key, None).done
        return done is not None and (done.fencing_token, done.nonce) == (fencing_token, nonce)

    def knows(self, key: str) -> bool:
        """Return whether anything happened to this request, even if the request itself cannot be read."""
        return key in self._request_states or key in self._before

    def last_token(self, key: str) -> int:
        """Return how often a request was taken, as far as known."""
        return self.state_of(key, None).last_token

    def standing(self, key: str, request_state: RequestState, now: datetime) -> QueueEntry:
        """Return one request as the page shows it, without its place."""
        request = self._request(key, request_state)
        ms = milliseconds(now)
        status = request_state.status(ms)
        standing = QueueEntry(
            key=key,
            request=request.model_copy(update={"status": status, "attempts": request_state.attempts}),
            status=status,
            submitted=moment(request_state.submitted.at)
            if request_state.submitted and request_state.submitted.at
            else request.submitted_time,
            votes=self._votes.count(request.model, request.revision),
            attempts=request_state.attempts,
            fencing_token=request_state.last_token or None,
            failure=self._report(key, request_state, status),
        )
        if status is Status.RUNNING and request_state.holder and request_state.latest:
            data = self._body(key, request_state.latest)
            return replace(
                standing,
                box=str(data["box"]) if data.get("box") else None,
                since=moment(request_state.holder.at),
                until=moment(request_state.until),
                progress=(progress := data["progress"] if isinstance(data.get("progress"), dict) else {}),
                engine=_word(progress.get("engine")),
            )
        if status is Status.PENDING and ms < request_state.again_at():
            return replace(standing, again_at=moment(request_state.again_at()))
        if request_state.done:
            took = timedelta(milliseconds=request_state.done.at - request_state.began) if request_state.began else None
            return replace(
                standing,
                ended=moment(request_state.done.at),
                took=took,
                engine=self._at_end(key, request_state, "engine"),
                trial=self._at_end(key, request_state, "trial"),
            )
        end = request_state.cancelled or (
            request_state.failures[-1] if request_state.failures and not request_state.holder else None
        )
        if end:
            return replace(standing, ended=moment(end.at))
        if status is Status.FAILED:  # lost by every box
            return replace(standing, ended=moment(request_state.until))
        return standing

    def _take(self, entries: Sequence[Entry], rev: Rev) -> None:
        paths = {entry.path for entry in entries}
        fresh = paths - self._paths
        self._paths |= fresh
        self._read_archives(sorted(path for path in fresh if ARCHIVE_PATH.fullmatch(path)), rev)
        self._read_old(sorted(path for path in fresh if OLD_PATH.fullmatch(path)), rev)
        changed: dict[str, set[str]] = {}
        for path in fresh:
            parts = path.split("/")
            if len(parts) == 5 and parts[1] == "queue" and KEY.fullmatch(parts[3]) and Event.parse(parts[4]):
                changed.setdefault(parts[3], set()).add(parts[4])
        for key, names in changed.items():
            whole = frozenset(names) | self._names.get(key, frozenset())
            if whole != self._names.get(key):
                self._keep(key, whole, self._tell(key, whole, rev), rev)
        self._read_bodies([key for key in changed if key not in self._requests], rev)
        ended = sorted((done.at, key) for key in changed if (done := self._request_states[key].done))
        self._all(self._read_end, [key for _, key in ended[-self.RECENT :]])
        self._paths -= {path for path in fresh if path in self._unreadable}  # read again at the next revision

    def _tell(self, key: str, names: Iterable[str], rev: Rev) -> RequestState:
        return replay(self._ordered(key, names, rev), self._before.get(key))

    def _ordered(self, key: str, names: Iterable[str], rev: Rev) -> list[Event]:
        events = [event for event in map(Event.parse, names) if event]
        if order_is_plain(events):
            return plain_order(events)
        prefix, likely = folder(key) + "/", likely_order(events)
        paths = self._store.order([prefix + event.name for event in likely], rev)
        ordered = [event for path in paths if (event := Event.parse(path.removeprefix(prefix)))]
        # who copies a board writes its files in an order of their own
        return ordered if is_possible(ordered, is_known=key in self._before) else likely

    def _keep(self, key: str, names: frozenset[str], request_state: RequestState, rev: Rev) -> None:
        known = self._request_states.get(key)
        if known and known.submitted != request_state.submitted:
            self._requests.pop(key, None)  # cancelled, then submitted again
        self._names[key], self._request_states[key], self._seen[key] = names, request_state, rev
        self._settled.pop(key, None)

    def _state(self) -> QueueState:
        now = self._store.now()
        standings = dict(self._settled)
        for key, request_state in (self._before | self._request_states).items():
            if key in standings or self._find_request(key, request_state) is None:
                continue
            standings[key] = self._remembered(key, request_state, now)
            if standings[key].status in {Status.FINISHED, Status.CANCELLED}:
                self._settled[key] = standings[key]
        waiting = [one for one in standings.values() if one.status is Status.PENDING]
        waiting.sort(key=lambda one: (precedence(one.submitted, one.votes), one.key))
        ended = sorted((one for one in standings.values() if one.took), key=lambda one: one.ended or now)
        took = [one.took for one in ended[-self.RECENT :] if one.took]
        running = sum(one.status is Status.RUNNING for one in standings.values())
        pace = estimate(1, took, running)
        for place, one in enumerate(waiting, start=1):
            standings[one.key] = replace(one, place=place, wait=pace * place if pace else None)
        return QueueState(now, standings, self._rev, (*self._unreadable.problems, *self._votes.problems))

    def _remembered(self, key: str, request_state: RequestState, now: datetime) -> QueueEntry:
        """Return the entry, made again only if something changed it: an event, a vote, or the time."""
        request, ms = self._request(key, request_state), milliseconds(now)
        mark = (
            request_state.status(ms),
            ms < request_state.again_at(),
            self._votes.count(request.model, request.revision),
        )
        known = self._made.get(key)
        if known is None or known[0] is not request_state or known[1] != mark:
            known = self._made[key] = (request_state, mark, self.standing(key, request_state, now))
        return known[2]

    def _report(self, key: str, request_state: RequestState, status: Status) -> FailureReport | None:
        lost = status is Status.FAILED and request_state.attempts >= MAX_CLAIMS and request_state.holder is not None
        if not lost and (not request_state.failures or status in {Status.FINISHED, Status.CANCELLED}):
            return None
        if lost:
            kind = failure("lost")
            message = f"{request_state.attempts} boxes took it and none came back."
            return FailureReport("lost", kind.title, kind.advice, message, at=moment(request_state.until))
        last, waits = request_state.failures[-1], status is Status.PENDING
        kind, data = failure(last.word), self._body(key, last)
        return FailureReport(
            last.word,
            kind.title,
            AGAIN if waits else kind.advice,
            str(data.get("message", "")),
            str(data.get("log", "")),
            moment(last.at),
            moment(last.until) if last.until and waits else None,
        )

    def _request(self, key: str, request_state: RequestState) -> Request:
        request = self._find_request(key, request_state)
        if request is None:
            raise NotFoundError(f"There is no request {key}, or it cannot be read.")
        return request

    def _find_request(self, key: str, request_state: RequestState) -> Request | None:
        """Return the request behind a key, from the submission that counts, else from another one of the same key."""
        if key not in self._requests:
            names = [request_state.submitted.name] if request_state.submitted else []
            others = (event for event in map(Event.parse, self._names.get(key, ())) if event)
            names += sorted({event.name for event in others if event.kind == "request"} - {*names})
            if not names and self._names.get(key):
                self._unreadable.note(folder(key), "the request is gone; only what happened to it later is left.")
            for number, name in enumerate(names):
                request = self._parse(f"{folder(key)}/{name}", self._seen.get(key))
                if request is not None and (number == 0 or request_key(request) == key):
                    self._requests[key] = request
                    break
        return self._requests.get(key)

    def _body(self, key: str, event: Event) -> dict[str, Any]:
        """Return what people read in an event; empty if it came without one (old boards) or cannot be read."""
        path = f"{folder(key)}/{event.name}"
        if path not in self._bodies and event.fencing_token:
            data = self._unreadable.read(path, lambda: self._store.read(path, self._seen.get(key)))
            if data is None:
                return {}
            try:
                body = json.loads(data)
            except (ValueError, RecursionError):
                body = {}
            self._bodies[path] = body if isinstance(body, dict) else {}
        return self._bodies.get(path, {})

    def _read_bodies(self, keys: Sequence[str], rev: Rev) -> None:
        def read(key: str) -> None:
            submitted = self._request_states[key].submitted
            request = self._parse(f"{folder(key)}/{submitted.name}", rev) if submitted else None
            if request is not None:
                self._requests[key] = request

        self._all(read, keys)

    def _read_end(self, key: str) -> None:
        """Read what a box wrote as it finished a request: the way it ran is shown if that can be read."""
        if done := self._request_states[key].done:
            self._body(key, done)

    def _read_old(self, paths: Sequence[str], rev: Rev) -> None:
        def read(path: str) -> None:
            request = self._parse(path, rev)
            if request is None:
                return
            key = request_key(request)
            known = self._requests.get(key)
            if (
                known
                and known.submitted_time
                and request.submitted_time
                and known.submitted_time > request.submitted_time
            ):
                return  # an older file of the same thing
            self._requests[key], self._before[key] = request, state_of_old_request(request)

        self._all(read, paths)

    def _read_archives(self, paths: Sequence[str], rev: Rev) -> None:
        for path in paths:
            data = self._unreadable.read(path, lambda path=path: self._store.read(path, rev))  # type: ignore[misc]
            for kept in read_archive(salvaged(self._store, path) if data is None else data):
                if isinstance(kept, str):
                    self._unreadable.note(path, kept)
                    continue
                self._requests[kept.key], self._before[kept.key] = kept.request, kept.state
                self._request_states.pop(kept.key, None)
                self._names.pop(kept.key, None)
                if kept.state.done:
                    self._bodies[f"{folder(kept.key)}/{kept.state.done.name}"] = {
                        "results": list(kept.results),
                        "engine": kept.engine,
                        "trial": kept.trial,
                    }

    def _parse(self, path: str, rev: Rev | None) -> Request | None:
        def read() -> Request | None:
            data = self._store.read(path, rev)
            return None if data == GONE else Request.read(data)

        return self._unreadable.read(path, read)

    def _all(self, read: Any, items: Sequence[str]) -> None:
        if len(items) < self.PARALLEL:
            for item in items:
                read(item)
            return
        with ThreadPoolExecutor(self.PARALLEL) as pool:
            list(pool.map(read, items))


def _word(value: object) -> str | None:
    """Return a short text that a box wrote, None for anything else."""
    return value[:80] if isinstance(value, str) and value else None
