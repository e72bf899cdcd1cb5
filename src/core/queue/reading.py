"""How the queue reads its store: the names of what is new, and the bodies that somebody has to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from src.core.errors import BadInput, NotFound
from src.core.lifecycle import Status
from src.core.queue import archive, old
from src.core.queue.events import (
    KEY,
    POISON,
    Event,
    Story,
    folder,
    is_possible,
    likely_order,
    milliseconds,
    moment,
    order_is_plain,
    plain_order,
    request_key,
    tell,
)
from src.core.queue.failures import AGAIN, failure
from src.core.queue.state import FailureReport, QueueState, Standing, estimate, precedence
from src.core.queue.votes import Votes
from src.core.records import Request
from src.core.store import Entry, Rev, Store

DATASET = "requests"


class Reader:
    """What one process knows of a queue. Events never vanish, so an older listing can never take back a newer one."""

    PARALLEL = 8  # reads at a time
    RECENT = 50  # finished runs that an estimate looks at

    def __init__(self, store: Store, votes: Votes) -> None:
        self._store, self._votes = store, votes
        self._rev: Rev | None = None
        self._paths: set[str] = set()
        self._names: dict[str, frozenset[str]] = {}  # key → files of its folder
        self._seen: dict[str, Rev] = {}  # key → a revision that has them
        self._before: dict[str, Story] = {}  # key → how an old file says it stands
        self._stories: dict[str, Story] = {}
        self._requests: dict[str, Request] = {}
        self._bodies: dict[str, dict[str, Any]] = {}  # path → content, of what is on show
        self._settled: dict[str, Standing] = {}  # finished and cancelled: they change no more
        self._made: dict[str, tuple[Story, object, Standing]] = {}  # key → what its standing was made of, and it
        self._problems: dict[str, str] = {}

    def look(self) -> QueueState:
        """Everything, as of the newest revision."""
        try:
            rev = self._store.head(DATASET)
        except NotFound:
            return QueueState(self._store.now(), {})
        if rev != self._rev:
            self._take(self._store.list(DATASET, rev), rev)
            self._rev = rev
        self._votes.refresh(self._store.now())
        return self._state()

    def story(self, key: str, rev: Rev | None) -> Story:
        """How a request stands at `rev`: one call. None: as far as known, no call."""
        if rev is None:
            return self._stories.get(key) or self._before.get(key) or Story()
        prefix = folder(key) + "/"
        names = frozenset(entry.path.removeprefix(prefix) for entry in self._store.list(folder(key), rev))
        story = self._tell(key, names, rev)
        if names >= self._names.get(key, frozenset()):
            self._keep(key, names, story, rev)
        return story

    def results(self, key: str) -> tuple[str, ...]:
        """The result files of a finished request."""
        done = self.story(key, None).done
        told = self._body(key, done).get("results") if done else None
        return tuple(map(str, told)) if isinstance(told, list | tuple) else ()

    def settled_files(self, before: int) -> dict[str, tuple[list[str], archive.Kept]]:
        """Requests that ended before a time, by key: their loose files, in order, and what the archive keeps."""
        found = {}
        for key, story in list(self._stories.items()):
            end = story.done or story.cancelled
            if end and end.at < before and key in self._requests and key not in self._before:
                ordered = self._ordered(key, self._names[key], self._seen[key])
                found[key] = (
                    [f"{folder(key)}/{event.name}" for event in ordered],
                    archive.Kept(key, self._requests[key], story, tuple(ordered), self.results(key)),
                )
        return found

    def slots(self, key: str) -> int:
        """How often a request was taken, as far as known."""
        return self.story(key, None).slots

    def standing(self, key: str, story: Story, now: datetime) -> Standing:
        """One request as the page shows it, without its place."""
        request = self._request(key, story)
        ms = milliseconds(now)
        status = story.status(ms)
        standing = Standing(
            key=key,
            request=request.model_copy(update={"status": status, "attempts": story.attempts}),
            status=status,
            submitted=moment(story.submitted.at) if story.submitted and story.submitted.at else request.submitted_time,
            votes=self._votes.count(request.model, request.revision),
            attempts=story.attempts,
            slot=story.slots or None,
            failure=self._report(key, story, status),
        )
        if status is Status.RUNNING and story.holder and story.spoken:
            said = self._body(key, story.spoken)
            return replace(
                standing,
                box=str(said["box"]) if said.get("box") else None,
                since=moment(story.holder.at),
                until=moment(story.until),
                progress=progress if isinstance(progress := said.get("progress"), dict) else {},
            )
        if status is Status.PENDING and ms < story.again_at():
            return replace(standing, again_at=moment(story.again_at()))
        if story.done:
            took = timedelta(milliseconds=story.done.at - story.began) if story.began else None
            return replace(standing, ended=moment(story.done.at), took=took)
        end = story.cancelled or (story.failures[-1] if story.failures and not story.holder else None)
        if end:
            return replace(standing, ended=moment(end.at))
        if status is Status.FAILED:  # lost by every box
            return replace(standing, ended=moment(story.until))
        return standing

    def _take(self, entries: Sequence[Entry], rev: Rev) -> None:
        paths = {entry.path for entry in entries}
        fresh = paths - self._paths
        self._paths |= fresh
        self._read_archives(sorted(path for path in fresh if archive.PATH.fullmatch(path)), rev)
        self._read_old(sorted(path for path in fresh if old.PATH.fullmatch(path)), rev)
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

    def _tell(self, key: str, names: Iterable[str], rev: Rev) -> Story:
        return tell(self._ordered(key, names, rev), self._before.get(key))

    def _ordered(self, key: str, names: Iterable[str], rev: Rev) -> list[Event]:
        events = [event for event in map(Event.parse, names) if event]
        if order_is_plain(events):
            return plain_order(events)
        prefix, likely = folder(key) + "/", likely_order(events)
        paths = self._store.order([prefix + event.name for event in likely], rev)
        ordered = [event for path in paths if (event := Event.parse(path.removeprefix(prefix)))]
        # who copies a board writes its files in an order of their own
        return ordered if is_possible(ordered, is_known=key in self._before) else likely

    def _keep(self, key: str, names: frozenset[str], story: Story, rev: Rev) -> None:
        known = self._stories.get(key)
        if known and known.submitted != story.submitted:
            self._requests.pop(key, None)  # cancelled, then submitted anew
        self._names[key], self._stories[key], self._seen[key] = names, story, rev
        self._settled.pop(key, None)

    def _state(self) -> QueueState:
        now = self._store.now()
        standings = dict(self._settled)
        for key, story in (self._before | self._stories).items():
            if key in standings or (story.submitted is None and key not in self._requests):
                continue
            try:
                standings[key] = self._remembered(key, story, now)
            except (BadInput, NotFound) as error:
                self._problems[key] = str(error)
                continue
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
        return QueueState(now, standings, self._rev, tuple(self._problems.values()))

    def _remembered(self, key: str, story: Story, now: datetime) -> Standing:
        """The same standing, made anew only where something changed it: an event, a vote, or the time."""
        request, ms = self._request(key, story), milliseconds(now)
        mark = (story.status(ms), ms < story.again_at(), self._votes.count(request.model, request.revision))
        known = self._made.get(key)
        if known is None or known[0] is not story or known[1] != mark:
            known = self._made[key] = (story, mark, self.standing(key, story, now))
        return known[2]

    def _report(self, key: str, story: Story, status: Status) -> FailureReport | None:
        lost = status is Status.FAILED and story.attempts >= POISON and story.holder is not None
        if not lost and (not story.failures or status in {Status.FINISHED, Status.CANCELLED}):
            return None
        if lost:
            kind = failure("lost")
            message = f"{story.attempts} boxes took it and none came back."
            return FailureReport("lost", kind.title, kind.advice, message, at=moment(story.until))
        last, waits = story.failures[-1], status is Status.PENDING
        kind, said = failure(last.word), self._body(key, last)
        return FailureReport(
            last.word,
            kind.title,
            AGAIN if waits else kind.advice,
            str(said.get("message", "")),
            str(said.get("log", "")),
            moment(last.at),
            moment(last.until) if last.until and waits else None,
        )

    def _request(self, key: str, story: Story) -> Request:
        if key not in self._requests:
            if story.submitted is None:
                raise NotFound(f"There is no request {key}.")
            self._requests[key] = self._parse(f"{folder(key)}/{story.submitted.name}", self._seen.get(key))
        return self._requests[key]

    def _body(self, key: str, event: Event) -> dict[str, Any]:
        """What people read in an event; empty where it came without one (old boards) or cannot be read."""
        path = f"{folder(key)}/{event.name}"
        if path not in self._bodies and event.slot:
            try:
                said = json.loads(self._store.read(path, self._seen.get(key)))
            except (ValueError, RecursionError):
                said = {}
            self._bodies[path] = said if isinstance(said, dict) else {}
        return self._bodies.get(path, {})

    def _read_bodies(self, keys: Sequence[str], rev: Rev) -> None:
        def read(key: str) -> None:
            submitted = self._stories[key].submitted
            if submitted is not None:
                path = f"{folder(key)}/{submitted.name}"
                with suppress(BadInput, NotFound):  # told when the state is made
                    self._requests[key] = self._parse(path, rev)

        self._all(read, keys)

    def _read_old(self, paths: Sequence[str], rev: Rev) -> None:
        def read(path: str) -> None:
            try:
                request = self._parse(path, rev)
            except BadInput as error:
                self._problems[path] = str(error)
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
            self._requests[key], self._before[key] = request, old.story_of(request)

        self._all(read, paths)

    def _read_archives(self, paths: Sequence[str], rev: Rev) -> None:
        for path in paths:
            for kept in archive.read(self._store.read(path, rev)):
                if isinstance(kept, str):
                    self._problems[path] = f"{path}: {kept}"
                    continue
                self._requests[kept.key], self._before[kept.key] = kept.request, kept.story
                self._stories.pop(kept.key, None)
                self._names.pop(kept.key, None)
                if kept.story.done:
                    self._bodies[f"{folder(kept.key)}/{kept.story.done.name}"] = {"results": list(kept.results)}

    def _parse(self, path: str, rev: Rev | None) -> Request:
        try:
            return Request.read(self._store.read(path, rev))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error

    def _all(self, read: Any, items: Sequence[str]) -> None:
        if len(items) < self.PARALLEL:
            for item in items:
                read(item)
            return
        with ThreadPoolExecutor(self.PARALLEL) as pool:
            list(pool.map(read, items))
