"""Models that were looked at a moment ago: somebody who fills in a form asks about the same one again and again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from src.core.model.source import HubModel, ModelSource


class RecentModels:
    """A way to look a model up that remembers the last ones, and what was read of them, for `keep` seconds."""

    MOST = 32  # models
    LARGEST = 2**20  # bytes of one read that is remembered

    def __init__(
        self,
        look: Callable[[str, str], ModelSource] = HubModel,
        keep: float = 90.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._keep, self._monotonic = look, keep, monotonic
        self._known: OrderedDict[tuple[str, str], tuple[float, ModelSource]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, model: str, revision: str) -> ModelSource:
        """The model's repository. Raises what the look itself raises; that is not remembered."""
        key = (model, revision)
        with self._lock:
            found = self._known.get(key)
            if found and self._monotonic() - found[0] < self._keep:
                return found[1]
        source = _Remembering(self._look(model, revision), self.LARGEST)
        with self._lock:
            self._known[key] = (self._monotonic(), source)
            self._known.move_to_end(key)
            while len(self._known) > self.MOST:
                self._known.popitem(last=False)
        return source


class _Remembering:
    """A source at one commit: what was read of it once is true for ever."""

    def __init__(self, source: ModelSource, largest: int) -> None:
        self._source, self._largest = source, largest
        self._read: dict[tuple[str, int, int], bytes] = {}
        self.model, self.revision = source.model, source.revision
        self.about, self.files = source.about, source.files

    def read(self, path: str, start: int, length: int) -> bytes:
        key = (path, start, length)
        if key in self._read:
            return self._read[key]
        data = self._source.read(path, start, length)
        if len(data) <= self._largest and sum(map(len, self._read.values())) < 4 * self._largest:
            self._read[key] = data
        return data
