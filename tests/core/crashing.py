"""Death at every boundary of a write: the n-th step that leaves something behind is the last one a process takes."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from huggingface_hub.utils import httpx

from tests.core.processes import PROCESSES
from tools.hub import Hub, in_process

LONGEST = 30  # seconds that a write may take


def killed_at(number: int, work: Callable[[], object]) -> str | None:
    """Runs `work` in a process of its own that is killed (SIGKILL) before its `number`-th step on the disk.

    The name of that step; None where the work ended before it. `work` can be pickled. Steps: syncing and renaming
    files, making folders, deleting, every statement that writes to the log.
    """
    hears, tells = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_die_or_end, args=(number, tells, work), daemon=True)
    process.start()
    process.join(LONGEST)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"step {number} has not come after {LONGEST} s")
    return str(hears.recv()) if process.exitcode == -signal.SIGKILL else None


def _die_or_end(number: int, tells: Connection, work: Callable[[], object]) -> None:
    _die_at(number, tells)
    work()


def _die_at(number: int, tells: Connection) -> None:
    steps = 0

    def step(name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == number:
            tells.send(name)
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            step(name)
            return real(*args, **kwargs)

        return call

    for name in ("fsync", "replace", "unlink", "mkdir", "link", "pwrite", "ftruncate", "utime"):
        setattr(os, name, wrapped(name, getattr(os, name)))

    class Log(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql.startswith(("BEGIN", "INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT")):
                step(sql.partition("(")[0].strip()[:24])
            return super().execute(sql, *args)

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Log, **kwargs)  # type: ignore[assignment, misc]


class Killed(BaseException):
    """The client is dead: nothing it holds matters any more."""


@contextmanager
def dying_client(hub: Hub, number: int) -> Iterator[list[str]]:
    """Within, this process's Hub client dies at its `number`-th half of a writing call.

    Before the request leaves, or before its answer is heard. Yields the names of the halves so far.
    """
    from huggingface_hub.utils import get_session

    with in_process(hub):
        transport = get_session()._transport
        real, steps = transport.handle_request, list[str]()

        def step(name: str) -> None:
            steps.append(name)
            if len(steps) == number:
                raise Killed(name)

        def handle(request: httpx.Request) -> httpx.Response:
            kind = _kind(request.url.path)
            if kind is None:
                return real(request)
            step(f"before {kind}")
            answer = real(request)
            step(f"after {kind}")
            return answer

        transport.handle_request = handle  # type: ignore[method-assign]
        yield steps


def _kind(path: str) -> str | None:
    """What a call writes; None for one that only reads, and at which it makes no difference to die."""
    return next((kind for kind in ("preupload", "commit", "lfs", "repos/create") if kind in path), None)
