"""The model cache on this machine's disk: which folders are in use, and which may be deleted to free space.

A folder is protected by a lock on a file beside it. The kernel releases the lock when the process ends.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

RETRY_SECONDS = 0.5  # between two attempts to take a lock


@contextmanager
def filling(folder: Path, stop: threading.Event | None = None) -> Iterator[None]:
    """Hold `folder` exclusively: wait until no other run uses or fills it. Raise InterruptedError if `stop` is set."""
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(_lock(folder))
                break
            except BlockingIOError:
                if (stop or threading.Event()).wait(RETRY_SECONDS):
                    raise InterruptedError(f"Stopped while another run was filling {folder}.") from None
        yield


@contextmanager
def using(folders: Iterable[Path]) -> Iterator[None]:
    """Hold these folders in shared mode: other runs may use them too, but none is refilled or removed."""
    with ExitStack() as held:
        for folder in folders:
            held.enter_context(_lock(folder, shared=True))
        yield


def remove(folder: Path) -> bool:
    """Remove `folder` unless it is in use; return whether it was removed."""
    try:
        with _lock(folder):
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    return True


def make_room(models: Path, wanted: float, keep: Path) -> int:
    """Remove unused models, the oldest first, until `wanted` bytes are free; return how many bytes are free."""
    others = [path for path in models.iterdir() if path.is_dir() and path != keep]
    for folder in sorted(others, key=lambda path: path.stat().st_mtime):
        if shutil.disk_usage(models).free >= wanted:
            break
        remove(folder)
    return shutil.disk_usage(models).free


def room_for(models: Path, wanted: float) -> float:
    """Return how many bytes a download may take: those that are free, or with the models here removed if too few."""
    place = next(folder for folder in (models, *models.parents) if folder.exists())
    free = float(shutil.disk_usage(place).free)
    if free >= wanted or not models.is_dir():
        return free
    return free + sum(path.stat().st_size for path in models.rglob("*") if path.is_file())


@contextmanager
def _lock(folder: Path, shared: bool = False) -> Iterator[None]:
    import fcntl  # not on Windows, where nothing runs

    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
