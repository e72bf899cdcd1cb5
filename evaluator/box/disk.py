"""Disk errors of a run: the cause is the machine, not the model, so the request returns to the queue."""

from __future__ import annotations

import errno
import os
import uuid
from contextlib import suppress
from pathlib import Path

from evaluator.job import RunFailure

FULL = {errno.ENOSPC, errno.EDQUOT}
UNUSABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
PROBE = 1 << 20  # bytes; a run writes more than this before it ends


def failure_of(error: OSError, folder: Path) -> RunFailure | None:
    """Return the failure that an error of the disk under `folder` means; None if the disk is not the cause."""
    place = error.filename or folder
    if error.errno in FULL:
        return RunFailure("disk-full", f"The disk of {place} is full. Make room on this box.")
    if error.errno in UNUSABLE:
        return RunFailure("box", f"{place} cannot be used: {error.strerror}. Check the disk and its permissions.")
    return None


def is_full(folder: Path) -> bool:
    """Return whether the disk under `folder` is full. Try it by writing, because free space does not show quotas."""
    probe = folder / f".room-{uuid.uuid4().hex}"
    try:
        with probe.open("wb") as file:
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in FULL
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return False
