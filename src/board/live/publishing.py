"""Publish the rows of finished runs: the only writer of the published tables, in the process that serves the board."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import NamedTuple

from src.core import suites
from src.core.acceptance import Verdict, judge
from src.core.errors import BadInputError, CorruptError, NotFoundError
from src.core.frames.frame import from_records
from src.core.published import publish, published
from src.core.queue import Queue, QueueState
from src.core.records import Request, Result
from src.core.recovery import Recovery
from src.core.store import Store
from src.core.table_paths import contents_path

log = logging.getLogger(__name__)


class Publisher:
    """Keeps a store's tables in step with its queue: accepted results count, and those graded again from them."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store = store
        self._queue = queue
        self._seen: tuple[str | None, str | None] = (None, None)  # revisions of queue and results at the last look
        self._settled: set[str] | None = None  # results that are published, or are none of the queue's
        self._problems: dict[str, str] = {}
        self._queue_problems: tuple[str, ...] = ()

    def publish_new(self) -> int:
        """Publish the rows of runs that were accepted, or graded again, since the last look; return how many.

        Two calls if nothing changed. Raises StoreError; what was not published then is tried again.
        """
        state = self._queue.snapshot()
        self._queue_problems = state.problems
        try:
            heads = (state.revision, self._store.head("results"))
        except NotFoundError:
            return 0  # nothing was ever evaluated
        if heads == self._seen:
            return 0
        if self._settled is None:
            self._settled = self._published()
        self._problems.clear()
        fresh: dict[str, list[AcceptedRun]] = defaultdict(list)
        for entry in self._store.list("results", heads[1]):
            if not entry.path.rpartition("/")[2].startswith("results_"):  # roots of private exams
                continue
            if entry.path not in self._settled and (run := self._accepted(entry.path, state)):
                for suite in [run.request.suite] if run.request else suites.names():
                    fresh[suite].append(run)
        published_now: set[str] = set()
        for suite, runs in fresh.items():
            frame = from_records([run.result for run in runs], [run.request for run in runs if run.request], suite)
            if len(frame) or any(run.request for run in runs):
                publish(frame, self._store)
            published_now.update(run.result.path or "" for run in runs)
        self._settled.update(published_now)
        self._seen = heads
        return len(published_now)

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the queue and the results could not be read at the last look, in a sentence for each file."""
        return (*self._queue_problems, *self._problems.values())

    def _published(self) -> set[str]:
        known: set[str] = set()
        for suite in suites.names():
            try:
                _, frame = published(self._store, contents_path(suite))
            except (BadInputError, CorruptError):  # the sync names it; the rows of its other sources are as good
                frame, _ = Recovery(self._store).frame(suite)
            if frame is not None and "result_path" in frame:
                known.update(frame["result_path"].dropna())
        return known

    def _accepted(self, path: str, state: QueueState) -> AcceptedRun | None:
        """Return the result at `path`, if the queue ended its request with it; None for any other file."""
        try:
            data = self._store.read(path)
        except CorruptError as error:
            log.warning("%s", error)
            self._problems[path] = str(error)
            return None
        try:
            result = Result.read(data, path)
        except BadInputError as error:
            log.warning("%s is no result and is left out of the board: %s", path, error)
            self._settle(path)
            return None
        judged = judge(result, json.loads(data), self._queue, state)
        if judged.verdict is Verdict.ACCEPTED:
            return AcceptedRun(result, judged.request)
        if judged.verdict is not Verdict.OPEN:
            self._settle(path)
        if judged.verdict in {Verdict.OTHER_RUN, Verdict.OTHER_MODEL}:
            log.warning("%s is left out of the board: %s.", path, judged.verdict.value)
        return None

    def _settle(self, path: str) -> None:
        if self._settled is not None:
            self._settled.add(path)


class AcceptedRun(NamedTuple):
    """An accepted result and its request; None if that can no longer be read."""

    result: Result
    request: Request | None
