"""How the queue of a board stands, a few seconds old at most: no reader of a page costs a call to the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from weakref import WeakKeyDictionary

from huggingface_hub import get_token

from src.board.live.snapshot import Board
from src.core.errors import BoardError, ThrottledError
from src.core.queue import Queue, QueueState
from src.core.store import Store
from src.core.store.group_commit import GroupCommitStore
from src.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """The queue as last read, whose it is, and why it is no newer if it is not new."""

    state: QueueState | None  # None: it has not been read yet
    store: str
    as_of: datetime | None = None  # UTC
    problem: str | None = None
    is_sample: bool = False


class QueueWatch:
    """Looks at the queue when somebody asks and the last look is old; meanwhile everybody gets the last one.

    A first look at a large queue takes as long as it takes: a page waits a little for it, then says so.
    """

    AFTER_A_PROBLEM = 15.0  # seconds

    def __init__(
        self,
        board: Board,
        fresh: float = 4.0,
        max_wait: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fresh` and `patience` in seconds: how long a look is believed, and how long a reader waits for the first."""
        self._board, self._fresh, self._patience, self._monotonic = board, fresh, max_wait, monotonic
        self._hands = ThreadPoolExecutor(1, "queue-watch")
        self._lock = Lock()
        self._own = Queue(
            GroupCommitStore(board.store)
        )  # one for reading and writing: it knows what it has just written
        self._queue: Queue | None = None
        self._seen = Seen(None, board.store.name)
        self._look: Future[None] | None = None
        self._not_before = 0.0

    @property
    def queue(self) -> Queue:
        """The board's own queue, for writing; call `renew` after it."""
        return self._own

    def look(self) -> Seen:
        """Return how the queue stands, of the store whose rows are on screen. Never raises, never waits for long."""
        with self._lock:
            if self._queue is None or self._queue.store is not self._shown():
                self._begin()
            assert self._queue is not None
            if (self._look is None or self._look.done()) and self._monotonic() >= self._not_before:
                self._not_before = self._monotonic() + self._fresh
                self._look = self._hands.submit(self._ask, self._queue)
            look = self._look
        is_first = self._seen.state is None and self._seen.problem is None
        if look is not None:
            with suppress(Late):
                look.result(self._patience if is_first else self._patience / 4)
        return self._seen

    def renew(self) -> Seen:
        """Return the same, after something was written: what was written is in it."""
        with self._lock:
            self._not_before = 0.0
            self._look = None
        return self.look()

    def state(self) -> QueueState:
        """Return the queue as last read, for programs. Raises BoardError if it was never read."""
        seen = self.look()
        if seen.state is None:
            raise BoardError(seen.problem or f"The queue of {seen.store} is still being read; ask again in a moment.")
        return seen.state

    def _shown(self) -> Store:
        return self._own.store if self._board.shown is self._board.store else self._board.shown

    def _begin(self) -> None:
        """Start over with the store that is on screen now: the sample, then the board itself."""
        is_own = self._shown() is self._own.store
        self._queue = self._own if is_own else Queue(self._board.shown)
        self._seen = Seen(None, self._queue.store.name, is_sample=not is_own)
        self._look, self._not_before = None, 0.0

    def _ask(self, queue: Queue) -> None:
        problem = None
        try:
            state = queue.snapshot()
        except BoardError as error:
            problem = str(error)
            pause = error.retry_after if isinstance(error, ThrottledError) else self.AFTER_A_PROBLEM
            self._not_before = self._monotonic() + pause
        except Exception as error:
            log.exception("the queue of %s", queue.store.name)
            problem = f"It holds something this board cannot read ({type(error).__name__}: {error})."
        if queue is not self._queue:
            return  # the board swapped its store meanwhile
        if problem is None:
            self._seen = replace(self._seen, state=state, as_of=datetime.now(UTC), problem=None)
        else:
            self._seen = replace(self._seen, problem=problem)


_watches: WeakKeyDictionary[Board, QueueWatch] = WeakKeyDictionary()
_watches_lock = Lock()


def watch(board: Board) -> QueueWatch:
    """Return the one watch of a board: pages and programs share its looks."""
    with _watches_lock:
        if board not in _watches:
            _watches[board] = QueueWatch(board)
        return _watches[board]


def closed(board: Board, settings: Settings) -> str | None:
    """Return why nobody can submit or vote here, in a sentence; None if they can."""
    if board.shown is not board.store:
        return "This is made-up sample data: requests and votes are taken once the board itself is here."
    if settings.store is None:
        return f"This is a view of {board.store.name}: it takes no requests and no votes. Start a board of your own."
    if settings.store.startswith("hub:") and not get_token():
        return (
            f"This board may only read {board.store.name}, so it takes no requests and no votes. Its operator can "
            "set HF_TOKEN to a token that may write there."
        )
    return None
