"""Models that were looked at a moment ago: somebody who fills in a form asks about the same one again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from cachetools import LRUCache, TTLCache, cached

from src.core.model.source import HubModel, ModelSource


class RecentModels:
    """A way to look a model up that remembers the last ones, and what was read of them, for `keep` seconds."""

    MOST = 32  # models

    def __init__(
        self,
        look: Callable[[str, str], ModelSource] = HubModel,
        keep: float = 90.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        known: TTLCache[Any, ModelSource] = TTLCache(self.MOST, keep, monotonic)
        self._look = cached(known, lock=Lock())(lambda *model: _Remembering(look(*model)))

    def __call__(self, model: str, revision: str) -> ModelSource:
        """Return the model's repository. Raises what the look itself raises; that is not remembered."""
        return self._look(model, revision)


class _Remembering:
    """A source at one commit: what was read of it once is true for ever."""

    ROOM = 4 * 2**20  # bytes of one model that are remembered

    def __init__(self, source: ModelSource) -> None:
        self.read = cached(LRUCache(self.ROOM, getsizeof=len), lock=Lock())(source.read)
        self.model, self.revision = source.model, source.revision
        self.about, self.files = source.about, source.files
