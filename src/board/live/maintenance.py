"""The upkeep of a store by the process that serves its board: publish finished runs, archive old requests."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from src.board.live.publishing import Publisher
from src.core.errors import ConflictError
from src.core.queue import Queue
from src.core.store import Store


class Maintenance:
    """Call it before each look at the store; it returns what it could not read, in a sentence for each file.

    Raises StoreError; what was not done then is done at a later call.
    """

    TIDY = timedelta(hours=6)
    WORTH_A_COMMIT = 100  # ended requests; the Hub counts commits, and wants few files in a dataset

    def __init__(self, store: Store) -> None:
        self._queue = Queue(store)
        self._publisher = Publisher(store, self._queue)
        self._tidied: datetime | None = None

    def __call__(self) -> tuple[str, ...]:
        self._publisher.publish_new()
        now = self._queue.store.now()
        if not self._tidied or now - self._tidied >= self.TIDY:
            with suppress(ConflictError):  # somebody wrote meanwhile: at the next call
                if not self._queue.tidy(least=self.WORTH_A_COMMIT):
                    self._tidied = now
        return self._publisher.problems
