"""A disk that refuses: from its n-th writing step on, or at that one alone, every write of this process fails."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CODES = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO)
CALLS = ("fsync", "replace", "unlink", "mkdir", "link", "pwrite", "truncate", "ftruncate", "utime", "rmdir")
STATEMENTS = ("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT")
SQLITE = {
    errno.ENOSPC: (sqlite3.SQLITE_FULL, "database or disk is full"),
    errno.EROFS: (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    errno.EACCES: (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
    errno.EIO: (sqlite3.SQLITE_IOERR, "disk I/O error"),
}


class Disk:
    """Counts the writing steps of this process and refuses some. `steps`: their names since `failing` began."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self._refused: Callable[[int], bool] | None = None
        self._code = 0
        for name in CALLS:
            # nothing is synced: nobody pulls the plug here, and a busy disk makes these tests wait
            patch.setattr(os, name, self._watched(name, _nothing if name == "fsync" else getattr(os, name)))
        opened, opened_by_number = io.open, os.open
        watched, disk = self._watched, self

        def open_file(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not {*mode} & {*"wax+"}:
                return opened(file, mode, *args, **kwargs)
            disk.step("open", file)
            made = opened(file, mode, *args, **kwargs)
            made.write = watched("write", made.write)  # type: ignore[method-assign]
            return made

        def open_number(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR):
                disk.step("open", path)
            return opened_by_number(path, flags, *args, **kwargs)

        patch.setattr(io, "open", open_file)
        patch.setattr("builtins.open", open_file)
        patch.setattr(os, "open", open_number)

        class Log(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                if sql.startswith(STATEMENTS):
                    try:
                        disk.step(sql.partition("(")[0].strip()[:24])
                    except OSError as error:
                        raise _of_sqlite(error) from error
                return super().execute(sql, *args)

        connect = sqlite3.connect
        patch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **{"factory": Log, **kwargs}))

    @contextmanager
    def failing(self, number: int, code: int, lasting: bool) -> Iterator[list[str]]:
        """Within, the `number`-th step fails with `code`; `lasting`: so do all that follow."""
        self.steps, self._code = [], code
        self._refused = (lambda step: step >= number) if lasting else (lambda step: step == number)
        try:
            yield self.steps
        finally:
            self._refused = None

    def step(self, name: str, path: object = None) -> None:
        if self._refused is None:
            return
        self.steps.append(name)
        if self._refused(len(self.steps)):
            raise OSError(self._code, os.strerror(self._code), *([str(path)] if path else []))

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.step(name, next((each for each in args if isinstance(each, str | os.PathLike)), None))
            return real(*args, **kwargs)

        return call


def _nothing(handle: int) -> None:
    pass


def _of_sqlite(error: OSError) -> sqlite3.OperationalError:
    code, words = SQLITE[error.errno or 0]
    made = sqlite3.OperationalError(words)
    made.sqlite_errorcode = code
    return made
