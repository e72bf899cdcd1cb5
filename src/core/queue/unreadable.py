"""Files of a queue that cannot be read: each costs itself, is named, and is tried again from time to time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from src.core.errors import BadInputError, CorruptError, NotFoundError

T = TypeVar("T")


class UnreadableFiles:
    """The files that could not be read, and why. Safe for threads."""

    RETRY = timedelta(minutes=1)  # a damaged file on the Hub costs several calls each time

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._reasons: dict[str, tuple[str, datetime]] = {}  # path → why, and when it was last tried

    def read(self, path: str, read: Callable[[], T]) -> T | None:
        """Return what `read` gives, or None if the file is missing, damaged, or not what it should be.

        Raises the StoreErrors that say nothing about the file, such as a store that cannot be reached.
        """
        with self._lock:
            known = self._reasons.get(path)
        now = self._now()
        if known and abs(now - known[1]) < self.RETRY:
            return None
        try:
            value = read()
        except (BadInputError, CorruptError, NotFoundError) as error:
            self.note(path, str(error))
            return None
        self.forget(path)
        return value

    def note(self, path: str, reason: str) -> None:
        """Remember why a file, or a part of it, cannot be read."""
        with self._lock:
            self._reasons[path] = (reason if path in reason else f"{path}: {reason}", self._now())

    def forget(self, path: str) -> None:
        """Remove a file from the list: it can be read after all."""
        with self._lock:
            self._reasons.pop(path, None)

    def __contains__(self, path: str) -> bool:
        return path in self._reasons

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each file, in the order of their paths; each names its file."""
        with self._lock:
            return tuple(reason for _, (reason, _) in sorted(self._reasons.items()))
