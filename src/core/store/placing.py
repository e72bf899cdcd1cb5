"""The files of a folder store on the disk: under their own names, and in `.board/old` what was replaced lately.

A copy that is taken while somebody writes finds a file where the manifests that it already has say: for a day a
deleted file stays under its name, and the bytes of a replaced one stay in `.board/old`. There, bytes that may be
replaced lie from the start, as a second name of the same file.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from src.core.errors import BadInputError
from src.core.store.disk import modified, sync_folder
from src.core.store.files import DATASET, blob_id, blob_id_of_file
from src.core.store.log import Log

APPENDED = re.compile(r"requests|results|.+-details")
"""Datasets whose files are written once; a second name of each would double what a copy takes."""


FOREVER = "9999"
"""Later than any time in ISO format."""


class Staged(NamedTuple):
    """Bytes on the disk that have no place yet."""

    at: Path
    oid: str
    size: int


class Placing:
    """Puts files where they belong, and finds them. `root`: the store's folder; the writer holds its lock."""

    KEEP_STAGED = timedelta(hours=1)

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging, self._old = root / ".board" / "tmp", root / ".board" / "old"
        for folder in (self._staging, self._old):
            folder.mkdir(parents=True, exist_ok=True)

    def stage(self, data: bytes) -> Staged:
        """Write bytes durably, with no name that counts."""
        at = self._staging / uuid.uuid4().hex
        try:
            with at.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                at.unlink(missing_ok=True)
            raise
        return Staged(at, blob_id(data), len(data))

    def discard(self, staged: Iterable[Staged]) -> None:
        """Drop staged bytes that found no place."""
        for file in staged:
            with suppress(OSError):
                file.at.unlink(missing_ok=True)

    def kept(self, oid: str) -> Path:
        """Return where bytes lie that were replaced, or may be."""
        return self._old / oid

    def find(self, dataset: str, path: str, oid: str) -> Path | None:
        """Return where the bytes of a file lie, its own place first; None if they are nowhere."""
        places = (self._root / dataset / path, self.kept(oid))
        return next((place for place in places if _holds(place, oid)), None)

    def keep(self, oid: str, place: Path, is_replaced: bool = False) -> None:
        """Give bytes a name among the old ones: as long as they count, and for a day from `is_replaced` on."""
        kept = self.kept(oid)
        if not kept.exists():
            second = self._staging / uuid.uuid4().hex
            try:
                os.link(place, second)
            except FileNotFoundError:
                return
            except OSError:  # a file system without links
                second = self.stage(place.read_bytes()).at
            os.replace(second, kept)
        if is_replaced:
            os.utime(kept)

    def sync_old(self) -> None:
        """Make the names of the old bytes durable."""
        sync_folder(self._old)

    def place(self, dataset: str, path: str, staged: Staged) -> list[Path]:
        """Put staged bytes under their name; return the folders to sync. Raises BadInputError if something is there."""
        place = self._root / dataset / path
        changed = [place.parent]
        while not changed[-1].exists():
            changed.append(changed[-1].parent)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged.at, place)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise BadInputError(f"{dataset}/{path} cannot be a file: it is a folder, or lies below a file.") from error
        return changed

    def put_back(self, dataset: str, path: str, oid: str) -> None:
        """Put old bytes back under their name; what is there goes among the old."""
        place = self._root / dataset / path
        if place.is_file():
            self.keep(blob_id(place.read_bytes()), place)
        with suppress(BadInputError):  # a folder is in its way: it is found among the old
            self.place(dataset, path, self.stage(self.kept(oid).read_bytes()))

    def tidy(self, log: Log, before: datetime) -> None:
        """Remove what was deleted or replaced before a time; within a transaction of the log."""
        for file in log.doomed(before.isoformat()):
            self._remove(file.dataset, file.path)
            log.forget_doomed(file)
        for kept in _older(self._old, before):
            if not log.is_current(kept.name):  # a crash can leave the only copy of a file here
                kept.unlink(missing_ok=True)

    def make_room(self, log: Log, dataset: str, path: str) -> bool:
        """Remove deleted files above or below a path, which still lie there; return whether there were any."""
        doomed = [file for file in log.doomed(FOREVER) if file.dataset == dataset]
        in_the_way = [one for one in doomed if f"{path}/".startswith(f"{one.path}/") or one.path.startswith(f"{path}/")]
        for file in in_the_way:
            self._remove(file.dataset, file.path)
            log.forget_doomed(file)
        return bool(in_the_way)

    def tidy_staged(self, now: datetime) -> None:
        """Remove what writers that died left behind."""
        for staged in _older(self._staging, now - self.KEEP_STAGED):
            staged.unlink(missing_ok=True)

    def lying(self) -> Iterator[tuple[str, str, Path]]:
        """Yield (dataset, path, place) of every file that lies in the folder, committed or not."""
        for folder in sorted(self._root.iterdir()):
            if folder.is_dir() and DATASET.fullmatch(folder.name):
                for place in sorted(place for place in folder.rglob("*") if place.is_file()):
                    yield folder.name, place.relative_to(folder).as_posix(), place

    def _remove(self, dataset: str, path: str) -> None:
        place = self._root / dataset / path
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            place.unlink()
        with suppress(OSError):  # not empty
            while (place := place.parent) != self._root / dataset:
                place.rmdir()


def _holds(place: Path, oid: str) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return blob_id_of_file(place, place.stat().st_size) == oid
    return False


def _older(folder: Path, than: datetime) -> Iterator[Path]:
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # somebody else tidies up, too
            if modified(file.stat()) < than:
                yield file
