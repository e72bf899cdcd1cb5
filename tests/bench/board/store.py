"""A board of made-up rows, brought in as an operator would, and what keeping in step with it asks."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import report, shown
from tests.boards.made_up import frame

ROOT = Path(__file__).parents[3]


def imported(rows: int, folder: Path) -> Path:
    """Import a board of synthetic rows as an operator would, print the time and return the store."""
    from src.core.frames.frame import to_contents
    from src.core.suites import load

    folder.mkdir(parents=True)
    table, store = folder / "table.parquet", folder / "store"
    to_contents(frame(rows), load("open-llm-v2")).to_parquet(table)
    began = time.perf_counter()
    bring_in(table, store)
    shown(f"import of {rows:,} rows", round(time.perf_counter() - began, 1), "s")
    return store


def bring_in(table: Path, store: Path) -> None:
    """`python app.py import`."""
    command = [sys.executable, "app.py", "import", str(table), "--store", str(store)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])


def sync(rows: int, store: Path) -> None:
    """Count the store's calls in a sync after no change and after one changed file."""
    from src.board.live.snapshot import Board
    from src.core.frames.frame import to_contents
    from src.core.store import LocalStore
    from src.core.suites import load

    counted = Counting(LocalStore(store))
    board = Board(counted, None, local=True)
    began = time.perf_counter()
    board.sync()
    shown(f"first sync, {rows:,} rows", round(time.perf_counter() - began, 2), "s")
    here = len(board.snapshot("open-llm-v2").frame)
    report("rows after the first sync", here, "rows", f"{rows:,}", here == rows)
    counted.calls.clear()
    began = time.perf_counter()
    board.sync()
    took = f"{1000 * (time.perf_counter() - began):.1f} ms: {', '.join(counted.calls)}"
    n = len(counted.calls)
    report(
        f"calls of a sync without news, {rows:,} rows", n, "calls", "1, where rows come from one dataset", n == 1, took
    )
    again = store.parent / "again.parquet"
    to_contents(frame(3, seed=9), load("open-llm-v2")).to_parquet(again)
    bring_in(again, store)
    counted.calls.clear()
    began = time.perf_counter()
    board.sync()
    took_s = round(time.perf_counter() - began, 2)
    one = sum(call.startswith("read") for call in counted.calls) == 1
    calls = ", ".join(counted.calls)
    report(f"sync of one changed file, {rows:,} rows", took_s, "s", "only the changed file is read", one, calls)


class Counting:
    """A store that records its calls."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.name = store.name
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("head", "list", "read"):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(f"{name} {args[0]}")
            return found(*args, **kwargs)

        return call
