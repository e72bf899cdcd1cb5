"""The log of commits of a folder, in SQLite: which file, with which bytes, counts from which commit until which."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class Logged(NamedTuple):
    """A commit of a dataset."""

    seq: int
    rev: str


class Log:
    """Safe for threads and processes; a forked child opens its own connection, as SQLite demands."""

    WAIT = 30.0  # seconds for somebody else's transaction

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, whatever is killed when. Raises sqlite3.OperationalError where others take too long."""
        log = self._connection
        log.execute("BEGIN IMMEDIATE")
        try:
            yield
            log.execute("COMMIT")
        except BaseException:
            if log.in_transaction:
                log.execute("ROLLBACK")
            raise

    def is_new(self) -> bool:
        """Whether there is nothing in it yet, not even its tables."""
        return self._one("SELECT 1 FROM sqlite_master WHERE name = 'commits'") is None

    def prepare(self) -> None:
        """Makes the tables."""
        for statement in SCHEMA:
            self._connection.execute(statement)

    def commit(self, dataset: str, rev: str | None = None) -> Logged | None:
        """A commit of a dataset, the newest where none is named; None where there is none."""
        if rev is None:
            row = self._one("SELECT seq, rev FROM commits WHERE dataset = ? ORDER BY seq DESC LIMIT 1", dataset)
        else:
            row = self._one("SELECT seq, rev FROM commits WHERE dataset = ? AND rev = ?", dataset, rev)
        return Logged(*row) if row else None

    def files(self, dataset: str, folder: str, seq: int) -> list[tuple[str, str, int]]:
        """(path, oid, size) of what lies below a folder ("" for all) at a commit, by path."""
        low, high = (f"{folder}/", f"{folder}0") if folder else ("", "\U0010ffff")  # "0" follows "/"
        query = f"SELECT path, oid, size FROM files WHERE dataset = ? AND path >= ? AND path < ? AND {AT} ORDER BY path"
        return self._connection.execute(query, (dataset, low, high, seq, seq)).fetchall()

    def oid(self, dataset: str, path: str, seq: int) -> str | None:
        """Which bytes a file has at a commit; None where it is not there."""
        row = self._one(f"SELECT oid FROM files WHERE dataset = ? AND path = ? AND {AT}", dataset, path, seq, seq)
        return str(row[0]) if row else None

    def since(self, dataset: str, path: str) -> int | None:
        """The first commit that wrote a file."""
        row = self._one("SELECT min(since) FROM files WHERE dataset = ? AND path = ?", dataset, path)
        return None if row is None or row[0] is None else int(row[0])

    def is_current(self, oid: str) -> bool:
        """Whether some file has these bytes now."""
        return self._one("SELECT 1 FROM files WHERE oid = ? AND until IS NULL", oid) is not None

    def record(self, dataset: str, rev: str, at: str, message: str) -> int:
        """A new commit; its number."""
        statement = "INSERT INTO commits (dataset, rev, at, message) VALUES (?, ?, ?, ?)"
        return int(self._connection.execute(statement, (dataset, rev, at, message)).lastrowid or 0)

    def begin(self, dataset: str, path: str, oid: str, size: int, seq: int) -> None:
        """A file has these bytes from this commit on."""
        statement = "INSERT INTO files (dataset, path, oid, size, since) VALUES (?, ?, ?, ?, ?)"
        self._connection.execute(statement, (dataset, path, oid, size, seq))

    def end(self, dataset: str, path: str, seq: int) -> None:
        """A file has its bytes, or is there, until this commit."""
        statement = "UPDATE files SET until = ? WHERE dataset = ? AND path = ? AND until IS NULL"
        self._connection.execute(statement, (seq, dataset, path))

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        return self._connection.execute(query, values).fetchone()  # type: ignore[no-any-return]

    @property
    def _connection(self) -> sqlite3.Connection:
        if getattr(self._local, "pid", None) != os.getpid():
            log = sqlite3.connect(self._path, timeout=self.WAIT, isolation_level=None)
            log.execute("PRAGMA journal_mode = WAL")
            log.execute("PRAGMA synchronous = FULL")
            self._local.log, self._local.pid = log, os.getpid()
        return self._local.log  # type: ignore[no-any-return]


AT = "since <= ? AND (until IS NULL OR until > ?)"
SCHEMA = (
    "CREATE TABLE commits (seq INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, rev TEXT NOT NULL UNIQUE,"
    " at TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE INDEX commits_by_dataset ON commits (dataset, seq)",
    # a file is there from commit `since` until commit `until`
    "CREATE TABLE files (dataset TEXT NOT NULL, path TEXT NOT NULL, oid TEXT NOT NULL, size INTEGER NOT NULL,"
    " since INTEGER NOT NULL, until INTEGER, PRIMARY KEY (dataset, path, since)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX files_now ON files (dataset, path) WHERE until IS NULL",
)
