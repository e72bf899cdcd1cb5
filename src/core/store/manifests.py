"""The manifests of a folder store: one line of JSON a commit, in `.board/commits.jsonl`. They say which files count.

Lines are appended and synced, and never change afterwards. So a copy of the file, whenever it is taken, begins with
every commit that was confirmed before, and at worst ends in half a line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from src.core.store.disk import sync_folder


class Written(NamedTuple):
    """The bytes a file has from a commit on: their git blob id and their size."""

    oid: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """A commit: what it wrote, by path within its dataset; None: deleted.

    `given_up`: number of an earlier commit → paths with dataset, which it names and which do not count any more,
    because their bytes are not in this copy of the folder. Such a manifest commits nothing itself.
    """

    number: int
    at: str
    dataset: str = ""
    rev: str = ""
    message: str = ""
    files: Mapping[str, Written | None] = field(default_factory=dict)
    given_up: Mapping[int, list[str]] = field(default_factory=dict)

    def line(self) -> bytes:
        """Return the line of this manifest, which ends in a checksum of what precedes it."""
        fields: dict[str, object] = {"number": self.number, "at": self.at}
        if self.given_up:
            fields["given_up"] = self.given_up
        else:
            fields |= {"dataset": self.dataset, "rev": self.rev, "message": self.message, "files": self.files}
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[:-1].encode()
        return body + SUM % _checksum(body)

    @classmethod
    def parse(cls, line: bytes) -> Manifest | None:
        """Return the manifest of a line with its newline; None if it is not what was written."""
        body, end = line[:-SUM_LENGTH], line[-SUM_LENGTH:]
        if end != SUM % _checksum(body):
            return None
        fields = json.loads(body + b"}")
        files = {path: Written(*file) if file else None for path, file in fields.pop("files", {}).items()}
        given_up = {int(number): paths for number, paths in fields.pop("given_up", {}).items()}
        return cls(**fields, files=files, given_up=given_up)


class End(NamedTuple):
    """Where the last known line ends, in bytes, and the end of that line itself, by which it is recognised."""

    at: int
    line: bytes = b""


class Reading(NamedTuple):
    """What a file of manifests holds. `damaged`: lines that are not what was written."""

    manifests: list[Manifest]
    end: End
    damaged: int


class Manifests:
    """The file of manifests. Only the holder of the store's lock writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self) -> int:
        """Return the length of the file in bytes; 0 if there is none."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def holds(self, end: End) -> bool:
        """Return whether the last known line is where it was."""
        return end.at == 0 or (self.size() >= end.at and self._read(end.at - len(end.line), end.at) == end.line)

    def read(self, start: int = 0) -> Reading:
        """Read the lines from a byte on; half a line at the end, of a write that was cut off, does not count."""
        manifests, damaged, at, last, number = list[Manifest](), 0, start, b"", 0
        for line in _lines(self._read(start)):
            at, last = at + len(line), line
            manifest = Manifest.parse(line)
            if manifest is None or manifest.number <= number:
                damaged += 1
            else:
                manifests.append(manifest)
                number = manifest.number
        return Reading(manifests, End(at, last[-SUM_LENGTH:]), damaged)

    def append(self, manifests: Iterable[Manifest], at: int) -> End:
        """Write lines from byte `at` on, over whatever a write that was cut off left there, and sync them."""
        lines = [manifest.line() for manifest in manifests]
        is_new = not self._path.exists()
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            if os.fstat(handle).st_size != at:
                os.ftruncate(handle, at)
            _write(handle, b"".join(lines), at)
            os.fsync(handle)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(handle, at)
            raise
        finally:
            os.close(handle)
        if is_new:
            sync_folder(self._path.parent)
        return End(at + sum(map(len, lines)), lines[-1][-SUM_LENGTH:])

    def cut(self, at: int) -> None:
        """Drop what follows byte `at`: a write that was cut off or did not become a commit."""
        with suppress(FileNotFoundError):
            os.truncate(self._path, at)

    def rewrite(self, manifests: Iterable[Manifest]) -> End:
        """Replace the file by these lines; what it held stays beside it as `commits.jsonl.damaged`."""
        made = self._path.with_suffix(".jsonl.new")
        made.unlink(missing_ok=True)
        end = Manifests(made).append(manifests, 0) if (manifests := list(manifests)) else End(0)
        with suppress(FileNotFoundError):
            os.replace(self._path, self._path.with_suffix(".jsonl.damaged"))
        if manifests:
            os.replace(made, self._path)
        sync_folder(self._path.parent)
        return end

    def names_other(self, dataset: str, path: str, oid: str) -> bool:
        """Return whether the newest manifest that names a file names other bytes than `oid` for it."""
        name = json.dumps(path, ensure_ascii=False).encode()
        newest: Written | None = None
        for line in _lines(self._read(0)):
            if name in line and (manifest := Manifest.parse(line)) and manifest.dataset == dataset:
                newest = manifest.files.get(path, newest)
        return newest is None or newest.oid != oid

    def _read(self, start: int, end: int | None = None) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, start))
                return file.read() if end is None else file.read(end - start)
        except FileNotFoundError:
            return b""


def _lines(data: bytes) -> list[bytes]:
    """Return the whole lines of some bytes, each with its newline."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


def _write(handle: int, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        count = os.pwrite(handle, left, at)
        left, at = left[count:], at + count


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()


SUM = b',"sum":"%s"}\n'
SUM_LENGTH = len(SUM % _checksum(b""))
