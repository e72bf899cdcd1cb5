"""What a folder store needs of an operating system: a lock, durable names, the file system's clock, errors in words."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from src.core.errors import BadInputError, BusyError, DeniedError, StoreError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|9p|ceph|lustre|glusterfs|beegfs|orangefs|davfs"
    r"|fuse\.(sshfs|rclone|s3fs|goofys|gcsfuse|glusterfs|davfs2?|blobfuse2?|mount-s3|juicefs|curlftpfs|ceph|smbnetfs)"
)
"""File systems whose locks, renames and syncs do not reach the other machines that mount them."""


POLL = 0.005  # seconds between two attempts to take a lock


@contextmanager
def locked(path: Path, wait: float) -> Iterator[bool]:
    """Hold the lock file `path` alone among all threads and processes of this machine; yield whether it is held.

    Released by the end of the process, whatever its cause. `wait`: seconds; 0 tries once. Raises OSError.
    """
    lock = FileLock(
        path,
        timeout=wait,
        mode=0o644,
        thread_local=False,
        poll_interval=POLL,
        fallback_to_soft=False,
        preserve_lock_file=FileLock is not SoftFileLock,
    )
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows does so by itself, and opens no folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileSystemClock:
    """The clock of the file system that holds `path`, by the modification time of that file when it is touched.

    All boxes that share a folder share this clock, whatever their own clocks say. If the file cannot be touched (a
    disk that was remounted read-only), the time that this machine measured since the last touch is added to that one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Return the time (UTC)."""
        try:
            now = self._touch()
        except OSError:
            if self._last is None:
                raise
            return self._last[0] + timedelta(seconds=_elapsed() - self._last[1])
        self._last = now, _elapsed()
        return now

    def _touch(self) -> datetime:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.utime(handle)  # without times: the file system's own
            return modified(os.fstat(handle))
        finally:
            os.close(handle)


def modified(file: os.stat_result) -> datetime:
    """Return when a file was modified, by the file system's clock."""
    return EPOCH + timedelta(microseconds=file.st_mtime_ns // 1000)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _elapsed() -> float:
    """Return seconds of this machine since some moment, those it slept included if it can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def refuse_network(folder: Path) -> None:
    """Raise BadInputError if `folder` lies on a network drive: locks of one machine do not hold on another."""
    kind = file_system(folder)
    if kind and NETWORK.fullmatch(kind):
        raise BadInputError(
            f"{folder} is on a network drive ({kind}), where two machines can take the same request: their locks do "
            "not reach each other. Use a folder on a local disk, or share the board through the Hub: hub:OWNER."
        )


def file_system(folder: Path) -> str | None:
    """Return the type of the file system below `folder` as the kernel names it; None if it cannot be known."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None  # no Linux
    place, best = os.path.realpath(folder), ("", "")
    for mount in mounts:
        left, _, right = mount.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        below = place == point or place.startswith(point.rstrip("/") + "/")
        if below and len(point) >= len(best[0]):  # of two at one point, the later one hides the earlier
            best = point, right.split(" ")[0]
    return best[1] or None


def as_store_error(error: OSError, name: str) -> StoreError:
    """Return what went wrong on the disk of the store `name` as one of `src.core.errors`, in a sentence."""
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreError(f"The disk of {name} is full ({reason}); nothing was written. Free some space, then retry.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        where = f" {error.filename}" if error.filename else ""
        return DeniedError(f"{name} cannot be used:{where} {reason}. Check the owner and the rights of the folder.")
    if error.errno in {errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
        return BusyError(f"{name} cannot be used just now ({reason}); try again shortly.")
    return StoreError(f"The disk of {name} failed ({reason}); check it before anything else is written there.")
