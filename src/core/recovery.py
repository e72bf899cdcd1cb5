"""Tables whose published file cannot be read, built again from the other files that hold their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property

import pandas as pd

from src.core import suites
from src.core.acceptance import Verdict, judge
from src.core.errors import BadInputError, CorruptError, NotFoundError
from src.core.frames.frame import from_contents, from_records, read_table
from src.core.frames.merging import merged
from src.core.queue import Queue
from src.core.records import Request, Result
from src.core.store import Store
from src.core.table_paths import history_path


class Recovery:
    """The rows that a store's results and dated tables hold. Results win: they are the source of every row.

    `problems`: file that could not be read on the way → why, in a sentence that names it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        return self._problems

    def frame(self, suite: str) -> tuple[pd.DataFrame | None, str]:
        """Return the tidy frame of one suite, and what it was built from in words.

        None if no file holds a row of it.
        """
        results, requests = self._records
        measured = from_records(results, requests, suite)
        kept = self.newest_day(suite)
        frames = ([kept[1]] if kept else []) + ([measured] if len(measured) else [])
        sources = (["results"] if len(measured) else []) + ([f"the table of {kept[0]}"] if kept else [])
        return (merged(frames) if frames else None), " and ".join(sources)

    def newest_day(self, suite: str) -> tuple[date, pd.DataFrame] | None:
        """Return the newest dated table of a suite that is whole, and its day."""
        try:
            paths = [entry.path for entry in self._store.list(f"history/{suite}")]
        except NotFoundError:
            return None
        days = []
        for path in paths:
            try:
                days.append(date.fromisoformat(path.rpartition("/")[2].removesuffix(".parquet")))
            except ValueError:
                continue
        for day in sorted(days, reverse=True):
            path = history_path(suite, day)
            try:
                return day, from_contents(read_table(self._store.read(path), path), suite)
            except (BadInputError, CorruptError, NotFoundError) as error:
                self._note(path, error)
        return None

    @cached_property
    def _records(self) -> tuple[list[Result], list[Request]]:
        queue = Queue(self._store)
        state = queue.snapshot()
        for problem in state.problems:
            self._problems.setdefault(problem.partition(":")[0], problem)
        results = []
        for path in self._result_paths():
            try:
                data = self._store.read(path)
                result = Result.read(data, path)
            except (BadInputError, CorruptError, NotFoundError) as error:
                self._note(path, error)
                continue
            if judge(result, json.loads(data), queue, state).verdict in {Verdict.ACCEPTED, Verdict.FOREIGN}:
                results.append(result)
        return results, [entry.request for entry in state.standings.values()]

    def _result_paths(self) -> list[str]:
        try:
            paths = [entry.path for entry in self._store.list("results")]
        except NotFoundError:
            return []
        return [path for path in paths if path.rpartition("/")[2].startswith("results_") and path.endswith(".json")]

    def _note(self, path: str, error: Exception) -> None:
        self._problems[path] = str(error) if path in str(error) else f"{path}: {error}"


def suites_of_history(store: Store) -> tuple[str, ...]:
    """Return the suites that have dated tables."""
    try:
        held = {entry.path.split("/")[1] for entry in store.list("history")}
    except NotFoundError:
        return ()
    return tuple(name for name in suites.names() if name in held)
