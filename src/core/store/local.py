"""The store that is a folder."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TypeVar

from src.core.errors import BadInputError, ConflictError, CorruptError, NotFoundError
from src.core.store.disk import FileSystemClock, as_store_error, refuse_network, sync_folder
from src.core.store.files import blob_id, one_dataset, split_path
from src.core.store.ledger import Ledger
from src.core.store.log import LogDamagedError, Logged
from src.core.store.manifests import Written
from src.core.store.placing import APPENDED, Placing, Staged
from src.core.store.protocol import Entry, Rev

Result = TypeVar("Result")


class LocalStore:
    """A board in a folder: files as anyone can read them, and in `.board/` the manifests that say which count.

    A commit is whole or absent whatever is killed when, and a copy of the folder, taken file by file while others
    write, opens with everything that was confirmed before the copy began. What a commit replaces or deletes is kept
    for a day: for readers at an earlier revision, and for copies that are under way. A folder without manifests is
    taken over as it is. The folder is on a local disk, and its file system's clock is the store's.
    """

    KEEP_REPLACED = 86400.0  # seconds

    def __init__(self, root: str | os.PathLike[str], clock: Callable[[], datetime] | None = None) -> None:
        self.root = Path(root).expanduser().absolute()
        self.name = str(root)
        refuse_network(self.root)
        with self._in_words():
            self._placing = Placing(self.root)
            file_clock = FileSystemClock(self.root / ".board" / "clock")
            self._clock = clock or file_clock
            self._ledger = Ledger(self.root, self.name, self._placing, self.now)
            self._log = self._ledger.log
            self._ledger.open()
            self._placing.tidy_staged(file_clock())
        self._file_clock = file_clock

    def head(self, dataset: str) -> Rev:
        return self._call(lambda: self._commit(split_path(dataset)[0], None).rev)

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        dataset, folder = split_path(prefix)
        files = self._call(lambda: self._log.files(dataset, folder, self._commit(dataset, rev).seq))
        return [Entry(f"{dataset}/{path}", oid, size) for path, oid, size in files]

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        data = self._call(lambda: self._read(path, rev))
        if data is None and self._is_log_wrong(path, rev):
            data = self._call(lambda: self._read(path, rev))
        if data is None:
            raise CorruptError(
                f"{path} in {self.name} is not what was committed: changed or deleted by hand? Put it back."
            )
        return data

    def open(self, path: str, rev: Rev | None = None) -> IO[bytes]:
        if rev is None:
            _, written = self._call(lambda: self._find(path, rev))
            with suppress(OSError):
                file = (self.root / path.strip("/")).open("rb")
                if os.fstat(file.fileno()).st_size == written.size:
                    return file
                file.close()
        return io.BytesIO(self.read(path, rev))

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        return self._call(lambda: self._write(files, message, write_once=True, expect=None))

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        return self._call(lambda: self._write(files, message, write_once=False, expect=expect))

    def order(self, paths: Sequence[str], rev: Rev | None = None) -> Sequence[str]:
        since = self._call(lambda: {path: self._log.since(*split_path(path)) for path in paths})
        if missing := [path for path, seq in since.items() if seq is None]:
            raise NotFoundError(f"There is no {missing[0]} in {self.name}.")
        return sorted(paths, key=lambda path: since[path] or 0)

    def put_back(self, path: str, data: bytes) -> None:
        """Write the bytes that a file should hold where they lie no more."""
        with self._in_words():
            for folder in self._placing.place(*split_path(path), self._placing.stage(data)):
                sync_folder(folder)

    def datasets(self) -> Sequence[str]:
        """Return the datasets that were ever written to."""
        return self._call(self._log.datasets)

    def now(self) -> datetime:
        with self._in_words():
            return self._clock()

    def take_in(self) -> Sequence[str]:
        """Make the log again; commit what lies in the folder as it lies there; return what was not committed before.

        For files that were put back by hand, or whose manifests were lost. Deleted files are left out.
        """
        return self._call(self._ledger.take_in)

    def lost(self) -> Sequence[str]:
        """Return the files that were committed once and that the folder did not hold when it was last taken stock of.

        In a copy they belong to commits that came after the copy began.
        """
        return self._call(self._ledger.lost)

    def _read(self, path: str, rev: Rev | None) -> bytes | None:
        dataset, rest = split_path(path)
        _, written = self._find(path, rev)
        kept = self._placing.kept(written.oid)
        for place in (self.root / dataset / rest, kept):
            with suppress(OSError):
                data = place.read_bytes()
                if blob_id(data) == written.oid:
                    break
        else:
            return None
        if place == kept:
            with suppress(OSError):  # it was read, all the same
                self._ledger.put_back(dataset, rest, written.oid)
        return data

    def _find(self, path: str, rev: Rev | None) -> tuple[Logged, Written]:
        dataset, rest = split_path(path)
        commit = self._commit(dataset, rev)
        written = self._log.file(dataset, rest, commit.seq)
        if written is None:
            raise NotFoundError(f"There is no {path} in {self.name} at {commit.rev[:7]}.")
        return commit, written

    def _is_log_wrong(self, path: str, rev: Rev | None) -> bool:
        """Return whether the log, and not the file, is what was damaged; then it is made again."""
        if rev is not None and rev != self.head(split_path(path)[0]):
            return False
        _, written = self._call(lambda: self._find(path, rev))
        with self._in_words():
            is_wrong = self._ledger.is_wrong(*split_path(path), written.oid)
            if is_wrong:
                self._ledger.rebuild()
        return is_wrong

    def _write(
        self,
        files: Mapping[str, bytes] | Mapping[str, bytes | None],
        message: str,
        write_once: bool,
        expect: Rev | None,
    ) -> Rev:
        dataset, wanted = one_dataset(files)
        staged: dict[str, Staged] = {}
        try:
            for path, data in wanted:
                if data is not None:
                    staged[path] = self._placing.stage(data)
            with self._ledger.turn():
                head = self._log.commit(dataset)
                if not write_once and (head.rev if head else None) != expect:
                    raise ConflictError(f"{dataset} in {self.name} moved on; read it again, then write.")
                now = {path: self._log.file(dataset, path, head.seq) if head else None for path, _ in wanted}
                then = {path: Written(*staged[path][1:]) if path in staged else None for path in now}
                changed = [path for path in now if now[path] != then[path]]
                if write_once and (taken := [path for path in changed if now[path]]):
                    raise ConflictError(f"{dataset}/{taken[0]} is there already with other bytes; it is written once.")
                if not changed and head:
                    return head.rev
                at = self.now().isoformat()
                rev = _sha1(head, dataset, at, message, [(path, then[path]) for path in changed])
                self._place(dataset, {path: staged[path] for path in changed if path in staged}, write_once)
                self._ledger.commit(dataset, rev, at, message, {path: then[path] for path in changed})
            return rev
        finally:
            self._placing.discard(staged.values())

    def _place(self, dataset: str, staged: Mapping[str, Staged], write_once: bool) -> None:
        """Give bytes their names; those they replace, and those that may be replaced, are kept under a second one."""
        if not write_once:
            self._placing.tidy(self._log, self._file_clock() - timedelta(seconds=self.KEEP_REPLACED))
        folders: set[Path] = set()
        is_keeping = False
        for path, file in staged.items():
            before = self._log.latest(dataset, path)
            if before:
                self._placing.keep(before, self.root / dataset / path, is_replaced=True)
            if before or not (write_once or APPENDED.fullmatch(dataset)):
                self._placing.keep(file.oid, file.at)
                is_keeping = True
        if is_keeping:
            self._placing.sync_old()
        for path, file in staged.items():
            try:
                folders |= {*self._placing.place(dataset, path, file)}
            except BadInputError:
                if not self._placing.make_room(self._log, dataset, path):
                    raise
                folders |= {*self._placing.place(dataset, path, file)}
        for folder in folders:
            sync_folder(folder)

    def _commit(self, dataset: str, rev: Rev | None) -> Logged:
        if rev is None:
            self._ledger.refresh()
        commit = self._log.commit(dataset, rev)
        if commit is None:
            what = f"dataset {dataset}" if rev is None else f"revision {rev} of {dataset}"
            raise NotFoundError(f"There is no {what} in {self.name}.")
        return commit

    def _call(self, call: Callable[[], Result]) -> Result:
        """Call, and once more if the log had to be made again first. Raises StoreError, never OSError."""
        with self._in_words():
            try:
                return call()
            except LogDamagedError:
                self._ledger.recover()
            try:
                return call()
            except LogDamagedError as error:
                raise CorruptError(f"The log of {self.name} cannot be read, and not be made again.") from error

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise as_store_error(error, self.name) from error


def _sha1(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
