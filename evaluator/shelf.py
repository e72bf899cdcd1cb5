"""The folders of models on this box's disk: who uses which, and which may go when room is needed.

A folder is held by a lock on a file beside it, which ends with the process that took it, however that ends.
"""

from __future__ import annotations

import fcntl
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOOK = 0.5  # seconds between two looks at a lock that somebody holds


@contextmanager
def filling(folder: Path, stop: threading.Event | None = None) -> Iterator[None]:
    """Waits until nobody uses or fills `folder`; within, nobody else does. Raises InterruptedError on `stop`."""
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(_lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB))
                break
            except BlockingIOError:
                if (stop or threading.Event()).wait(LOOK):
                    raise InterruptedError(f"stopped while another run filled {folder}") from None
        yield


@contextmanager
def using(folders: Iterable[Path]) -> Iterator[None]:
    """Within, none of these folders is filled anew or removed; others may use them too."""
    with ExitStack() as held:
        for folder in folders:
            held.enter_context(_lock(folder, fcntl.LOCK_SH))
        yield


def remove(folder: Path) -> bool:
    """Whether `folder` is gone now; one that somebody uses stays."""
    try:
        with _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    return True


def make_room(models: Path, wanted: float, keep: Path) -> int:
    """Removes models that nobody uses, the oldest first, until `wanted` bytes are free; how many are free then."""
    others = [path for path in models.iterdir() if path.is_dir() and path != keep]
    for folder in sorted(others, key=lambda path: path.stat().st_mtime):
        if shutil.disk_usage(models).free >= wanted:
            break
        remove(folder)
    return shutil.disk_usage(models).free


@contextmanager
def _lock(folder: Path, kind: int) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("a") as file:
        fcntl.flock(file, kind)
        yield
