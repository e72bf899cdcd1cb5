"""The store that is a folder."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

from src.core.errors import BadInput, Busy, Conflict, Corrupt, NotFound
from src.core.store.files import DATASET, blob_id, one_dataset, split_path
from src.core.store.log import Log, Logged
from src.core.store.protocol import Entry, Rev, system_clock


class LocalStore:
    """A board in a folder: files as anyone can read them, and in `.board/` the log of commits that says which count.

    A commit is whole or absent whatever is killed when: new bytes lie under their names before the log's transaction
    ends, and bytes they replace stay in `.board/old` for a day, so that a reader at an earlier revision finishes.
    A folder that has no log yet is taken over as it is. The folder must be on a local disk (SQLite's locks).
    """

    KEEP_REPLACED = 86400.0  # seconds

    def __init__(self, root: str | os.PathLike[str], clock: Callable[[], datetime] = system_clock) -> None:
        self.root = Path(root).expanduser().absolute()
        self.name = str(root)
        self._clock = clock
        self._house = self.root / ".board"
        for folder in ("tmp", "old"):
            (self._house / folder).mkdir(parents=True, exist_ok=True)
        self._log = Log(self._house / "log.sqlite3")
        with self._transaction():
            if self._log.is_new():
                self._log.prepare()
                self._adopt()
        self._forget("tmp", 3600.0)

    def head(self, dataset: str) -> Rev:
        return self._commit(split_path(dataset)[0], None).rev

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        dataset, folder = split_path(prefix)
        found = self._log.files(dataset, folder, self._commit(dataset, rev).seq)
        return [Entry(f"{dataset}/{path}", oid, size) for path, oid, size in found]

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        dataset, rest = split_path(path)
        commit = self._commit(dataset, rev)
        oid = self._log.oid(dataset, rest, commit.seq)
        if oid is None:
            raise NotFound(f"There is no {path} in {self.name} at {commit.rev[:7]}.")
        for place in (self.root / dataset / rest, self._house / "old" / oid):
            try:
                data = place.read_bytes()
            except OSError:
                continue
            if blob_id(data) == oid:
                return data
        raise Corrupt(f"{path} in {self.name} is not what was committed: changed or deleted by hand? Put it back.")

    def open(self, path: str, rev: Rev | None = None) -> IO[bytes]:
        dataset, rest = split_path(path)
        if rev is None and (place := self.root / dataset / rest).is_file():
            return place.open("rb")
        return io.BytesIO(self.read(path, rev))

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        return self._write(files, message, write_once=True, expect=None)

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        return self._write(files, message, write_once=False, expect=expect)

    def order(self, paths: Sequence[str], rev: Rev | None = None) -> Sequence[str]:
        since = {path: self._log.since(*split_path(path)) for path in paths}
        if missing := [path for path, seq in since.items() if seq is None]:
            raise NotFound(f"There is no {missing[0]} in {self.name}.")
        return sorted(paths, key=lambda path: since[path] or 0)

    def now(self) -> datetime:
        return self._clock()

    def _write(
        self,
        files: Mapping[str, bytes] | Mapping[str, bytes | None],
        message: str,
        write_once: bool,
        expect: Rev | None,
    ) -> Rev:
        dataset, wanted = one_dataset(files)
        staged = {path: self._stage(data) for path, data in wanted if data is not None}
        try:
            with self._transaction():
                head = self._log.commit(dataset)
                if not write_once and (head.rev if head else None) != expect:
                    raise Conflict(f"{dataset} in {self.name} moved on; read it again, then write.")
                now = {path: self._log.oid(dataset, path, head.seq) if head else None for path, _ in wanted}
                then = {path: staged[path].oid if path in staged else None for path in now}
                changed = [path for path in now if now[path] != then[path]]
                if write_once and (taken := [path for path in changed if now[path]]):
                    raise Conflict(f"{dataset}/{taken[0]} is there already with other bytes; it is written once.")
                if not changed and head:
                    return head.rev
                at = self._clock().isoformat()
                rev = _sha1(head, dataset, at, message, [(path, then[path]) for path in changed])
                seq = self._log.record(dataset, rev, at, message)
                for path in changed:
                    if oid := now[path]:
                        self._keep(dataset, path, oid)
                        self._log.end(dataset, path, seq)
                    self._place(dataset, path, staged.get(path))
                    if path in staged:
                        self._log.begin(dataset, path, staged[path].oid, staged[path].size, seq)
                for folder in {(self.root / dataset / path).parent for path in changed}:
                    _sync_folder(folder)
            return rev
        finally:
            for file in staged.values():
                file.at.unlink(missing_ok=True)

    def _stage(self, data: bytes) -> _Staged:
        at = self._house / "tmp" / uuid.uuid4().hex
        with at.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return _Staged(at, blob_id(data), len(data))

    def _keep(self, dataset: str, path: str, oid: str) -> None:
        """Leaves the bytes that are about to go where a reader at an earlier revision finds them."""
        self._forget("old", self.KEEP_REPLACED)
        kept, place = self._house / "old" / oid, self.root / dataset / path
        if kept.exists():
            os.utime(kept)
        elif place.exists():
            os.replace(self._stage(place.read_bytes()).at, kept)

    def _forget(self, folder: str, older: float) -> None:
        now = time.time()
        for file in (self._house / folder).iterdir():
            with suppress(FileNotFoundError):  # somebody else tidies up, too
                # a crash can leave the only copy of a file among the old ones
                if now - file.stat().st_mtime > older and not self._log.is_current(file.name):
                    file.unlink()

    def _place(self, dataset: str, path: str, staged: _Staged | None) -> None:
        place = self.root / dataset / path
        if staged is None:
            place.unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                while (place := place.parent) != self.root / dataset:
                    place.rmdir()
            return
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged.at, place)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise BadInput(f"{dataset}/{path} cannot be a file: it is a folder, or lies below a file.") from error

    def _commit(self, dataset: str, rev: Rev | None) -> Logged:
        commit = self._log.commit(dataset, rev)
        if commit is None:
            what = f"dataset {dataset}" if rev is None else f"revision {rev} of {dataset}"
            raise NotFound(f"There is no {what} in {self.name}.")
        return commit

    def _adopt(self) -> None:
        """Takes over a folder of files that has no log: each dataset becomes one commit."""
        for folder in sorted(self.root.iterdir()):
            files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []
            if not files or not DATASET.fullmatch(folder.name):
                continue
            rev = _sha1(folder.name, uuid.uuid4().hex)
            seq = self._log.record(folder.name, rev, self._clock().isoformat(), "files that were here before the log")
            for file in files:
                data = file.read_bytes()
                self._log.begin(folder.name, file.relative_to(folder).as_posix(), blob_id(data), len(data), seq)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._log.transaction():
                yield
        except sqlite3.OperationalError as error:
            raise Busy(f"The log of {self.name} cannot be written just now ({error}); try again shortly.") from error


class _Staged(NamedTuple):
    at: Path
    oid: str
    size: int


def _sha1(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


def _sync_folder(folder: Path) -> None:
    while not folder.exists():  # all its files are gone
        folder = folder.parent
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
