"""The log of a folder store, in SQLite: an index of its manifests, which can be made from them at any time.

It answers which file, with which bytes, counts from which commit until which.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from src.core.errors import BoardError, BusyError, StoreError
from src.core.store.manifests import End, Manifest, Written


class LogDamagedError(BoardError):
    """The log is missing, or is not a log: make it again."""


class Logged(NamedTuple):
    """A commit of a dataset."""

    seq: int
    rev: str


class Doomed(NamedTuple):
    """A deleted file that still lies in the folder, for copies that are under way; `at`: when it was deleted."""

    dataset: str
    path: str
    at: str


class Log:
    """Safe for threads and processes; a forked child opens its own connection, as SQLite demands.

    Every call raises LogDamagedError if the log has to be made again.
    """

    WAIT = 30.0  # seconds for somebody else's transaction

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Return all of it or nothing, whatever is killed when."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self._local.log.in_transaction:
                    self._local.log.execute("ROLLBACK")
            raise

    def is_sound(self) -> bool:
        """Return whether the log is what was written, to the last bit that matters: reads it from end to end."""
        try:
            with self._at_one_moment():
                row = self._one("SELECT sum FROM state")
                return row is not None and self._one("PRAGMA integrity_check(1)") == ("ok",) and row[0] == self._sum()
        except LogDamagedError:
            return False

    def is_made_in(self, place: str) -> bool:
        """Return whether this log was made in `place`, and is no copy of one that was made elsewhere."""
        try:
            row = self._one("SELECT place FROM state")
            return row is not None and row[0] == f"{place}:{self._path.stat().st_ino}"
        except (LogDamagedError, FileNotFoundError):
            return False

    def end(self) -> End:
        """Return where the manifests end that are in the log."""
        row = self._one("SELECT at, line FROM state")
        if row is None:
            raise LogDamagedError
        return End(int(row[0]), bytes(row[1]))

    def make(self, manifests: Sequence[Manifest], end: End, place: str) -> None:
        """Make the log from nothing, instead of whatever is there. `place` names the folder it is made in."""
        self._disconnect()
        for suffix in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.touch()
        with self.transaction():
            for statement in SCHEMA:
                self._execute(statement)
            given_up = {(number, path) for one in manifests for number, paths in one.given_up.items() for path in paths}
            for manifest in manifests:
                if kept := _without(manifest, given_up):
                    self._apply(kept)
            place = f"{place}:{self._path.stat().st_ino}"
            values = (place, end.at, end.line, self._sum())
            self._execute("INSERT INTO state (place, at, line, sum) VALUES (?, ?, ?, ?)", *values)

    def follow(self, manifests: Iterable[Manifest], end: End) -> None:
        """Take in manifests that were appended; within a transaction."""
        more = sum(self._apply(manifest) for manifest in manifests)
        (before,) = self._one("SELECT sum FROM state") or ("0",)
        self._execute("UPDATE state SET at = ?, line = ?, sum = ?", end.at, end.line, _wrapped(int(before, 16) + more))

    def export(self) -> list[Manifest]:
        """Return the manifests that this log is the index of."""
        files: dict[int, dict[str, Written | None]] = {}
        for path, oid, size, since, until in self._all("SELECT path, oid, size, since, until FROM files"):
            files.setdefault(since, {})[path] = Written(oid, size)
            if until is not None:
                files.setdefault(until, {}).setdefault(path, None)
        rows = self._all("SELECT seq, at, dataset, rev, message FROM commits WHERE rev IS NOT NULL ORDER BY seq")
        return [
            Manifest(seq, at, dataset, rev, message, dict(sorted(files.get(seq, {}).items())))
            for seq, at, dataset, rev, message in rows
        ]

    def last(self) -> int:
        """Return the number of the newest manifest; 0 if there is none."""
        row = self._one("SELECT seq FROM sqlite_sequence WHERE name = 'commits'")
        return int(row[0]) if row else 0

    def commit(self, dataset: str, rev: str | None = None) -> Logged | None:
        """Return a commit of a dataset, the newest if none is named; None if there is none."""
        if rev is None:
            row = self._one("SELECT seq, rev FROM commits WHERE dataset = ? ORDER BY seq DESC LIMIT 1", dataset)
        else:
            row = self._one("SELECT seq, rev FROM commits WHERE dataset = ? AND rev = ?", dataset, rev)
        return Logged(*row) if row else None

    def files(self, dataset: str, folder: str, seq: int) -> list[tuple[str, str, int]]:
        """Return (path, oid, size) of the files below a folder ("" for all) at a commit, by path."""
        low, high = (f"{folder}/", f"{folder}0") if folder else ("", "\U0010ffff")  # "0" follows "/"
        query = f"SELECT path, oid, size FROM files WHERE dataset = ? AND path >= ? AND path < ? AND {AT} ORDER BY path"
        return self._all(query, dataset, low, high, seq, seq)

    def current(self, dataset: str = "", path: str = "") -> list[tuple[str, str, str]]:
        """Return (dataset, path, oid) of every file there is now, or of one."""
        query = "SELECT dataset, path, oid FROM files WHERE until IS NULL"
        if not path:
            return self._all(query)
        return self._all(f"{query} AND dataset = ? AND path = ?", dataset, path)

    def file(self, dataset: str, path: str, seq: int) -> Written | None:
        """Return which bytes a file has at a commit; None if it is not there."""
        row = self._one(f"SELECT oid, size FROM files WHERE dataset = ? AND path = ? AND {AT}", dataset, path, seq, seq)
        return Written(*row) if row else None

    def latest(self, dataset: str, path: str) -> str | None:
        """Return the newest bytes that a file had, deleted or not."""
        query = "SELECT oid FROM files WHERE dataset = ? AND path = ? ORDER BY since DESC LIMIT 1"
        row = self._one(query, dataset, path)
        return str(row[0]) if row else None

    def datasets(self) -> list[str]:
        """Return every dataset that has a commit."""
        return [row[0] for row in self._all("SELECT DISTINCT dataset FROM commits WHERE rev IS NOT NULL ORDER BY 1")]

    def since(self, dataset: str, path: str) -> int | None:
        """Return the first commit that wrote a file."""
        row = self._one("SELECT min(since) FROM files WHERE dataset = ? AND path = ?", dataset, path)
        return None if row is None or row[0] is None else int(row[0])

    def is_current(self, oid: str) -> bool:
        """Return whether some file has these bytes now."""
        return self._one("SELECT 1 FROM files WHERE oid = ? AND until IS NULL", oid) is not None

    def doomed(self, before: str) -> list[Doomed]:
        """Return the files that were deleted before a time, and still lie in the folder."""
        return [Doomed(*row) for row in self._all("SELECT dataset, path, at FROM doomed WHERE at < ?", before)]

    def forget_doomed(self, file: Doomed) -> None:
        """Note that a deleted file lies in the folder no more."""
        self._execute("DELETE FROM doomed WHERE dataset = ? AND path = ?", file.dataset, file.path)

    def _apply(self, manifest: Manifest) -> int:
        """Take in a manifest; return by how much that changes the sum of all rows."""
        number, dataset = manifest.number, manifest.dataset
        commit = (number, dataset, manifest.rev or None, manifest.at, manifest.message)
        self._execute("INSERT INTO commits (seq, dataset, rev, at, message) VALUES (?, ?, ?, ?, ?)", *commit)
        more = _row_sum(commit)
        for path, written in manifest.files.items():
            ended = self._one(
                f"SELECT {FILE} FROM files WHERE dataset = ? AND path = ? AND until IS NULL", dataset, path
            )
            if ended:
                self._execute(
                    "UPDATE files SET until = ? WHERE dataset = ? AND path = ? AND until IS NULL", number, dataset, path
                )
                more += _row_sum((*ended[:-1], number)) - _row_sum(ended)
            if written:
                row = (dataset, path, written.oid, written.size, number, None)
                self._execute(f"INSERT INTO files ({FILE}) VALUES (?, ?, ?, ?, ?, ?)", *row)
                self._execute("DELETE FROM doomed WHERE dataset = ? AND path = ?", dataset, path)
                more += _row_sum(row)
            else:
                self._execute("INSERT OR REPLACE INTO doomed VALUES (?, ?, ?)", dataset, path, manifest.at)
        return more

    @contextmanager
    def _at_one_moment(self) -> Iterator[None]:
        self._execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._local.log.execute("ROLLBACK")

    def _sum(self) -> str:
        rows = self._all("SELECT seq, dataset, rev, at, message FROM commits") + self._all(f"SELECT {FILE} FROM files")
        return _wrapped(sum(map(_row_sum, rows)))

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._all(query, *values)
        return rows[0] if rows else None

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with _in_words():
            return self._connection.execute(query, values).fetchall()

    def _execute(self, statement: str, *values: object) -> None:
        with _in_words():
            self._connection.execute(statement, values)

    @property
    def _connection(self) -> sqlite3.Connection:
        mine = self._local.log if getattr(self._local, "pid", None) == os.getpid() else None
        if mine is not None and mine.in_transaction:
            return mine  # type: ignore[no-any-return]
        try:
            file = self._path.stat().st_ino
        except FileNotFoundError:
            raise LogDamagedError from None
        if mine is None or self._local.file != file:  # somebody made the log again
            mine = sqlite3.connect(self._path, timeout=self.WAIT, isolation_level=None)
            mine.execute("PRAGMA journal_mode = WAL")
            mine.execute("PRAGMA synchronous = NORMAL")  # what a power failure takes from it the manifests still hold
            self._local.log, self._local.pid, self._local.file = mine, os.getpid(), file
        return mine  # type: ignore[no-any-return]

    def _disconnect(self) -> None:
        if getattr(self._local, "pid", None) == os.getpid():
            with suppress(sqlite3.Error):
                self._local.log.close()
        self._local.pid = None


def _without(manifest: Manifest, given_up: set[tuple[int, str]]) -> Manifest | None:
    """Return what is left of a manifest without what was given up; None if that is nothing."""
    if not given_up or not manifest.files:
        return manifest
    kept = {
        path: written
        for path, written in manifest.files.items()
        if (manifest.number, f"{manifest.dataset}/{path}") not in given_up
    }
    return replace(manifest, files=kept) if kept else None


def _row_sum(row: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=8).digest(), "big")


def _wrapped(total: int) -> str:
    return f"{total % 2**64:016x}"


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise BusyError(f"The log of the folder is being written ({error}); try again shortly.") from error
        if kind in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
            raise StoreError(
                f"The log of the folder cannot be used ({error}); check the disk and its rights."
            ) from error
        raise LogDamagedError from error
    except sqlite3.DatabaseError as error:
        raise LogDamagedError from error


FILE = "dataset, path, oid, size, since, until"
AT = "since <= ? AND (until IS NULL OR until > ?)"
SCHEMA = (
    # `rev` is missing for manifests that commit nothing
    "CREATE TABLE commits (seq INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, rev TEXT UNIQUE,"
    " at TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE INDEX commits_by_dataset ON commits (dataset, seq)",
    # a file is there from commit `since` until commit `until`
    "CREATE TABLE files (dataset TEXT NOT NULL, path TEXT NOT NULL, oid TEXT NOT NULL, size INTEGER NOT NULL,"
    " since INTEGER NOT NULL, until INTEGER, PRIMARY KEY (dataset, path, since)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX files_now ON files (dataset, path) WHERE until IS NULL",
    "CREATE TABLE doomed (dataset TEXT NOT NULL, path TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (dataset, path))",
    # one row: the folder this log was made in, where the manifests end that it holds, the sum of its rows
    "CREATE TABLE state (place TEXT NOT NULL, at INTEGER NOT NULL, line BLOB NOT NULL, sum TEXT NOT NULL)",
)
