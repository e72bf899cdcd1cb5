"""What whoever serves a board does in its store before each look: publish finished runs, archive old requests."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from src.board.publishing import Publisher
from src.core.errors import Conflict
from src.core.queue import Queue
from src.core.store import Store


class Upkeep:
    """Call it before each look at the store. Raises StoreError; what was not done then is done at a later call."""

    TIDY = timedelta(hours=6)
    WORTH_A_COMMIT = 100  # ended requests; the Hub counts commits, and wants few files in a dataset

    def __init__(self, store: Store) -> None:
        self._queue = Queue(store)
        self._publisher = Publisher(store, self._queue)
        self._tidied: datetime | None = None

    def __call__(self) -> None:
        self._publisher.publish_new()
        now = self._queue.store.now()
        if self._tidied and now - self._tidied < self.TIDY:
            return
        with suppress(Conflict):  # somebody wrote meanwhile: at the next call
            if not self._queue.tidy(least=self.WORTH_A_COMMIT):
                self._tidied = now
