"""What every part of the API works on: the board, its past, its queue, and the answers already made."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

from src.board.api.answers import Answer, Answers
from src.board.history import History
from src.board.snapshot import Board, Snapshot
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
    answers: Answers
    _queue: tuple[float, QueueState] | None = None
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, board: Board, history: History | None = None, queue: Callable[[], QueueState] | None = None) -> Context:
        """`queue` tells how the queue stands; without it the board's store is asked."""
        return cls(board, history or History(board.store), queue, Answers())

    def snapshot(self, suite: str | None = None, at: date | None = None) -> Snapshot:
        """The rows now, or as they were at the end of a day. Raises NotFound for a suite or a day that is not kept."""
        current = self.board.snapshot(suite)
        return self.history.at(current.suite.name, at) if at else current

    def queue(self) -> QueueState:
        """How the queue stands, at most a quarter of a minute old. Raises StoreError."""
        with self._lock:
            now = time.monotonic()
            if self._queue is None or now - self._queue[0] > QUEUE_FOR:
                if self.ask_queue is None:
                    self.ask_queue = Queue(self.board.store).snapshot
                self._queue = (now, self.ask_queue())
            return self._queue[1]

    def answer(
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
    ) -> Response:
        """What `make` gives, made once for each address and snapshot; 304 where the reader has it already.

        `site`: the address in the answer's own links, where it has some, so that no reader gets another's. `asked`:
        what the answer depends on, where many addresses ask for the same.
        """
        # the frame's identity too: a revision may be read in two ways by two versions of a store's files
        about = (snapshot.suite.name, snapshot.revision, snapshot.source, id(snapshot.frame)) if snapshot else ()
        key = (request.url.path, request.url.query if asked is None else asked, site, *about)
        kept = self.answers.get(key, lambda: (Answer(make()), snapshot.frame if snapshot is not None else None))
        settled = at is not None and at < datetime.now(UTC).date()
        headers = {"Cache-Control": PAST if settled else LIVE, "Vary": "Accept-Encoding"}
        if snapshot is not None:
            headers["Board-As-Of"] = snapshot.as_of.astimezone(UTC).isoformat(timespec="seconds")
        if filename:
            headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        if links:
            headers["Link"] = links
        return self.answers.send(request, kept, media, headers)
