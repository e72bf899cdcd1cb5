"""Where the answers behind a row lie in a store, and the file of one task opened when somebody looks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from src.board.model.samples import SampleFile
from src.core.errors import BadInputError, NotFoundError, StoreError
from src.core.items.details import write_twin
from src.core.names import details_dataset, time_of_path
from src.core.store import Store
from src.core.suites import Suite, is_withheld

LONGEST_LINES = 64_000_000  # bytes of JSON lines that are read whole if no twin was published beside them
KEPT_OPEN = 64

SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d.:-]+)\.(?P<form>parquet|jsonl)")


class DetailFiles:
    """The published answers of one board."""

    def __init__(self, store: Store, suite: Suite) -> None:
        self._store = store
        self._metrics = {task.name: each.metrics for each in suite.benchmarks for task in each.tasks}
        self._opened = lru_cache(maxsize=KEPT_OPEN)(self._open)

    def tasks(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Task → path of the answers of this row's run, or of the newest run if the row does not say which it is."""
        model = row["model"]
        try:
            entries = self._store.list(details_dataset(model))
        except (NotFoundError, BadInputError):
            return {}
        named = ((SAMPLES.fullmatch(entry.path.rsplit("/", 1)[-1]), entry.path) for entry in entries)
        found = [(match, path) for match, path in named if match]
        written = row.get("result_path")
        when = time_of_path(written) if isinstance(written, str) else None
        mine = [each for each in found if time_of_path(each[1]) == when] or found
        # the newest last, and of one run's two forms the twin last
        mine.sort(key=lambda each: (each[0]["time"], each[0]["form"]))
        return {match["task"]: path for match, path in mine}

    def open(self, row: Mapping[str, Any], task: str) -> SampleFile | None:
        """Return the answers of this row's run on `task`.

        None if none were published, or they cannot be read now.
        """
        path = self.tasks(row).get(task)
        try:
            return self._opened(path) if path else None
        except StoreError:
            return None

    def _open(self, path: str) -> SampleFile:
        if path.endswith(".parquet"):
            return SampleFile(self._store.open(path))
        match = SAMPLES.fullmatch(path.rsplit("/", 1)[-1])
        task = match["task"] if match else ""
        with self._store.open(path) as lines:
            if lines.seek(0, io.SEEK_END) > LONGEST_LINES:
                raise NotFoundError(f"{path} has no parquet twin and is too large to read whole; download it instead.")
            lines.seek(0)
            twin = io.BytesIO()
            answers = (json.loads(line) for line in lines if line.strip())
            write_twin(answers, self._metrics.get(task, ("acc",)), twin, gated=is_withheld(task))
        twin.seek(0)
        return SampleFile(twin)
