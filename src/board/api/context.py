"""What every part of the API works on: the board, its past, its queue, and the answers already made."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from src.board.api.answers import AnswerCache, CachedAnswer
from src.board.live.history import History
from src.board.live.per_frame import identity
from src.board.live.snapshot import Board, Snapshot
from src.core.queue.actions import Queue
from src.core.queue.state import QueueState

QUEUE_FOR = 15.0  # seconds that a look at the queue is believed
LIVE = "public, max-age=30, stale-while-revalidate=300"
PAST = "public, max-age=86400, stale-while-revalidate=604800"


@dataclass
class Context:
    """One board as the API sees it."""

    board: Board
    history: History
    ask_queue: Callable[[], QueueState] | None
    answers: AnswerCache[CachedAnswer]
    _queue: tuple[float, QueueState] | None = None
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, board: Board, history: History | None = None, queue: Callable[[], QueueState] | None = None) -> Context:
        """`queue` tells how the queue stands; without it the board's store is asked."""
        return cls(board, history or History(board.store), queue, AnswerCache())

    def snapshot(self, suite: str | None = None, at: date | None = None) -> Snapshot:
        """Return the rows now, or as they were at the end of a day.

        Raises NotFoundError for a suite or a day that is not kept.
        """
        current = self.board.snapshot(suite)
        return replace(self.history.at(current.suite.name, at), identity=current.identity) if at else current

    async def snapshot_for(self, suite: str | None, at: date | None = None) -> Snapshot:
        """Return the same from the event loop, which does not wait for the store."""
        return await run_in_threadpool(self.snapshot, suite, at) if at else self.snapshot(suite)

    def queue(self) -> QueueState:
        """Return how the queue stands, at most a quarter of a minute old. Raises StoreError."""
        with self._lock:
            now = time.monotonic()
            if self._queue is None or now - self._queue[0] > QUEUE_FOR:
                if self.ask_queue is None:
                    self.ask_queue = Queue(self.board.store).snapshot
                self._queue = (now, self.ask_queue())
            return self._queue[1]

    async def answer(
        self,
        request: Request,
        snapshot: Snapshot | None,
        make: Callable[[], bytes],
        *,
        media: str = "application/json",
        at: date | None = None,
        filename: str | None = None,
        links: str | None = None,
        site: str = "",
        asked: Hashable = None,
        is_kept: bool = True,
    ) -> Response:
        """Return what `make` gives, made once for each path, snapshot and `asked`; 304 if the reader has it already.

        What is kept is sent at once; only what must be made waits for a thread.

        `asked`: the parameters that the answer depends on, as they were understood, so that others change nothing.
        `is_kept`: whether the next reader of the same address gets it too. `site`: the address in the answer's own
        links if it has some, so that no reader gets another's.
        """
        # the frame's identity too: a revision may be read in two ways by two versions of a store's files
        about = (snapshot.suite.name, snapshot.revision, snapshot.source, identity(snapshot.frame)) if snapshot else ()
        about = (*about, snapshot.identity) if snapshot else ()
        key = (request.url.path, asked, site, *about)
        settled = at is not None and at < datetime.now(UTC).date()
        headers = {"Cache-Control": PAST if settled else LIVE, "Vary": "Accept-Encoding"}
        if snapshot is not None:
            headers["Board-As-Of"] = snapshot.as_of.astimezone(UTC).isoformat(timespec="seconds")
        if filename:
            headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        if links:
            headers["Link"] = links
        if not is_kept:
            return await run_in_threadpool(lambda: AnswerCache(0).send(request, CachedAnswer(make()), media, headers))
        if (kept := self.answers.peek(key)) is not None:
            return self.answers.send(request, kept, media, headers)

        def made() -> Response:
            return self.answers.send(request, self.answers.get(key, lambda: CachedAnswer(make())), media, headers)

        return await run_in_threadpool(made)
