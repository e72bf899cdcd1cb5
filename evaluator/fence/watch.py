"""The total resource use of a running child: disk, memory and processes of the child and all its descendants.

The kernel's own limits (`resource`) apply to one process or one file; a child may have many.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluator.fence.supervisor import descendants

BLOCK = 512  # bytes of a unit of st_blocks
MOST_ENTRIES = 200_000  # files and folders in the work folder
DEEPEST = 60  # levels of folders; deeper paths become too long to read
MOST_PROCESSES = 2_000
ROOM_LEFT = 2**30  # bytes of the disk that must stay free


@dataclass(frozen=True)
class Bounds:
    """Limits for a child and all its descendants together; None: no limit."""

    disk_bytes: int
    memory_bytes: int | None = None


class ExcessError(Exception):
    """Raised if a child exceeds a limit; the message names the limit."""


def check(child: int, work: Path, log: Path, bounds: Bounds) -> None:
    """Raise ExcessError if the process `child` and its descendants use more than `bounds`."""
    below = descendants(child)
    if len(below) > MOST_PROCESSES:
        raise ExcessError(f"It started more than {MOST_PROCESSES} processes.")
    used = _tree_bytes(work) + _size(log) + _deleted_bytes(below)
    if used > bounds.disk_bytes:
        raise ExcessError(f"It wrote more than {bounds.disk_bytes / 1e9:.3g} GB to its run folder.")
    if bounds.memory_bytes and _memory(below, bounds.memory_bytes) > bounds.memory_bytes:
        raise MemoryError


def disk_is_full(run: Path) -> bool:
    """Return whether the disk under a run folder has too little free space left."""
    return shutil.disk_usage(run).free < ROOM_LEFT


def _tree_bytes(folder: Path) -> int:
    """Return the bytes that a folder uses on the disk. Raise ExcessError if its structure hides them."""
    total, entries, left = 0, 0, [(str(folder), 0)]
    while left:
        path, depth = left.pop()
        if depth > DEEPEST:
            raise ExcessError(f"It made folders more than {DEEPEST} deep.")
        try:
            with os.scandir(path) as listing:
                for entry in listing:
                    about = entry.stat(follow_symlinks=False)
                    total += about.st_blocks * BLOCK
                    if stat.S_ISDIR(about.st_mode):
                        left.append((entry.path, depth + 1))
                    entries += 1
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed in the meantime
        except OSError as error:
            raise ExcessError(f"It made a folder that cannot be read: {error.strerror}.") from error
        if entries > MOST_ENTRIES:
            raise ExcessError(f"It made more than {MOST_ENTRIES} files.")
    return total


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _deleted_bytes(processes: list[int]) -> int:
    """Return the bytes of open files that were deleted, on the disk or in memory."""
    sizes: dict[tuple[int, int], int] = {}
    for process in processes:
        for about in _open_files(process):
            if stat.S_ISREG(about.st_mode) and not about.st_nlink:
                sizes[about.st_dev, about.st_ino] = about.st_blocks * BLOCK
    return sum(sizes.values())


def _open_files(process: int) -> Iterator[os.stat_result]:
    try:
        names = os.listdir(f"/proc/{process}/fd")
    except OSError:
        return  # the process has just ended
    for name in names:
        try:
            yield os.stat(f"/proc/{process}/fd/{name}")
        except OSError:
            continue


def _memory(processes: list[int], bound: int) -> int:
    """Return the bytes of main memory that processes use: an upper bound if that is below `bound`, else exact."""
    resident = sum(_field(f"/proc/{process}/status", b"VmRSS:") for process in processes)
    if resident <= bound:
        return resident
    return sum(_field(f"/proc/{process}/smaps_rollup", b"Pss:") for process in processes)  # shared pages once


def _field(path: str, name: bytes) -> int:
    try:
        with open(path, "rb") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(name)), 0)
    except OSError:
        return 0
