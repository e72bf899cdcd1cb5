"""Which files of a folder store are not what was written: every file against the hash that the store has of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from src.core.errors import NotFoundError
from src.core.store.files import DATASET, blob_id_of_file, is_hand_edited
from src.core.store.local import LocalStore


@dataclass(frozen=True)
class Damage:
    """A file that is gone, or holds other bytes than were written."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}."


class _Seen(NamedTuple):
    """What identified a file when it was last verified."""

    oid: str
    size: int
    mtime: int
    ctime: int
    inode: int


class Inspection:
    """Looks through a folder store; a file that was whole before is read again only if something touched it."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._whole: dict[str, _Seen] = {}

    def __call__(self) -> tuple[str, ...]:
        """Return a sentence for each damaged file, by path."""
        return tuple(map(str, self.damages()))

    def damages(self) -> list[Damage]:
        """Return every damaged file, by path. Raises StoreError if the store cannot be read at all."""
        found: list[Damage] = []
        whole: dict[str, _Seen] = {}
        for dataset in self._datasets():
            try:
                entries = self._store.list(dataset)
            except NotFoundError:
                continue
            for entry in entries:
                if is_hand_edited(entry.path):
                    continue
                reason = self._reason(entry.path, entry.oid, entry.size, whole)
                if reason:
                    found.append(Damage(entry.path, reason))
        self._whole = whole
        return sorted(found, key=lambda damage: damage.path)

    def _datasets(self) -> list[str]:
        """Return the folders that may be datasets, and those of which the store still knows although they are gone."""
        there = {folder.name for folder in self._store.root.iterdir() if folder.is_dir()}
        return sorted(name for name in there | {*self._store.datasets()} if DATASET.fullmatch(name))

    def _reason(self, path: str, oid: str, size: int, whole: dict[str, _Seen]) -> str | None:
        place: Path = self._store.root / path
        try:
            stat = os.lstat(place)
            seen = _Seen(oid, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
            if self._whole.get(path) != seen:
                if stat.st_size != size:
                    return (
                        "is empty" if stat.st_size == 0 else f"has {stat.st_size:,} bytes where {size:,} were written"
                    )
                if blob_id_of_file(place, size) != oid:
                    return "holds other bytes than were written"
        except FileNotFoundError:
            return "is gone"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        whole[path] = seen
        return None
