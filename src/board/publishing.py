"""Finished runs become rows: the one writer of the published tables, run by whoever serves a board it may write to."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import Any

from src.core import suites
from src.core.errors import BadInput, NotFound
from src.core.frame import from_records
from src.core.importing import contents_path, publish, published
from src.core.queue import Queue, QueueState
from src.core.records import Request, Result
from src.core.store import Store

log = logging.getLogger(__name__)


class Publisher:
    """Keeps a store's tables in step with its queue: what it accepted counts, and what was graded anew from that."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store = store
        self._queue = queue
        self._seen: tuple[str | None, str | None] = (None, None)  # revisions of queue and results at the last look
        self._settled: set[str] | None = None  # results that are published, or are none of the queue's

    def publish_new(self) -> int:
        """Publish the rows of runs that were accepted, or graded anew, since the last look; returns how many.

        Two calls where nothing changed. Raises StoreError; what was not published then is tried again.
        """
        state = self._queue.snapshot()
        try:
            heads = (state.revision, self._store.head("results"))
        except NotFound:
            return 0  # nothing was ever evaluated
        if heads == self._seen:
            return 0
        if self._settled is None:
            self._settled = self._published()
        fresh: dict[str, list[tuple[Result, Request]]] = defaultdict(list)
        for entry in self._store.list("results", heads[1]):
            if entry.path not in self._settled and (run := self._accepted(entry.path, state)):
                fresh[run[1].suite].append(run)
        for suite, runs in fresh.items():
            publish(from_records([result for result, _ in runs], [request for _, request in runs], suite), self._store)
            self._settled.update(result.path or "" for result, _ in runs)
        self._seen = heads
        return sum(map(len, fresh.values()))

    def _published(self) -> set[str]:
        known: set[str] = set()
        for suite in suites.names():
            _, frame = published(self._store, contents_path(suite))
            if frame is not None and "result_path" in frame:
                known.update(frame["result_path"].dropna())
        return known

    def _accepted(self, path: str, state: QueueState) -> tuple[Result, Request] | None:
        """The result at `path` and its request, if the queue ended that request with it; None for any other file."""
        data = self._store.read(path)
        try:
            result = Result.read(data, path)
        except BadInput as error:
            log.warning("%s is no result and is left out of the board: %s", path, error)
            self._settle(path)
            return None
        told = json.loads(data)
        key = _claimed(told)
        if key not in state:
            self._settle(path)  # imported, or of another board: no run of this queue
            return None
        standing = state[key]
        if standing.ended is None:
            return None  # its request has not ended yet
        origin = told.get("rescored_from")
        accepted = self._queue.results(key)
        if path not in accepted and origin not in accepted:
            log.warning("%s is left out of the board: another run of that request was accepted.", path)
            self._settle(path)
            return None
        if result.model != standing.request.model:
            log.warning("%s is left out of the board: it speaks of %s.", path, result.model)
            self._settle(path)
            return None
        return result, standing.request

    def _settle(self, path: str) -> None:
        if self._settled is not None:
            self._settled.add(path)


def _claimed(told: Any) -> str:
    """The request that a result says it answers."""
    config = told.get("config") if isinstance(told, dict) else None
    claim = config.get("claim") if isinstance(config, dict) else None
    return str(claim.get("request", "")) if isinstance(claim, dict) else ""
