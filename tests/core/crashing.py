"""Death at every boundary of a write: the n-th step that leaves something behind is the last one a process takes."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from huggingface_hub.utils import httpx

from tests.hub import Hub, in_process


def killed_at(number: int, work: Callable[[], object]) -> str | None:
    """Runs `work` in a process of its own that is killed (SIGKILL) before its `number`-th step on the disk.

    The name of that step; None where the work ended before it. Steps: syncing and renaming files, making folders,
    deleting, every statement that writes to the log.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _die_at(number, writing)
            work()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return said if os.WIFSIGNALED(status) else None


def _die_at(number: int, pipe: int) -> None:
    steps = 0

    def step(name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == number:
            os.write(pipe, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            step(name)
            return real(*args, **kwargs)

        return call

    for name in ("fsync", "replace", "unlink", "mkdir", "link"):
        setattr(os, name, wrapped(name, getattr(os, name)))

    class Log(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql.startswith(("BEGIN", "INSERT", "UPDATE", "CREATE", "COMMIT")):
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
