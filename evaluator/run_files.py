"""Open and parse files that a child has written to a run folder, without trusting them.

A child may have created a link, a pipe, a device or a hundred gigabytes in place of the expected file. Links below the
run folder are not followed, only regular files are opened, and every size has a limit.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from src.core.errors import BadInputError

MIB = 2**20
MOST_JSON = 64 * MIB  # bytes of results, a task's metrics, or a model's description of itself
MOST_SAMPLES = 2**31  # bytes of a task's answers
LONGEST_LINE = 64 * MIB
PARSING = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""Exceptions of code that reads data of an unexpected shape."""


class BadRunError(BadInputError):
    """Raised if the files of a run contradict each other or contain invalid scores."""


@contextmanager
def distrust(what: str) -> Iterator[None]:
    """Convert exceptions caused by data of an unexpected shape into BadRunError."""
    try:
        yield
    except PARSING as error:
        raise BadRunError(f"{what} cannot be read: {type(error).__name__}: {str(error)[:200]}") from error


def open_file(run: Path, name: str | Path, most: int) -> BinaryIO:
    """Open the regular file `name` below `run`.

    Raise BadRunError if it is missing, a link, not a regular file or larger than `most` bytes.
    """
    try:
        file = _open(run, Path(name), os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would block
    except (OSError, ValueError) as error:
        raise BadRunError(f"{name} cannot be opened: {getattr(error, 'strerror', None) or error}.") from error
    about = os.fstat(file)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_size > most:
        os.close(file)
        size = f" or too large: {about.st_size} bytes, {most} are allowed" if stat.S_ISREG(about.st_mode) else ""
        raise BadRunError(f"{name} is not a regular file with a single name{size}.")
    return os.fdopen(file, "rb")


def is_file(run: Path, name: str | Path) -> bool:
    """Return whether `open_file` would open it."""
    try:
        open_file(run, name, MOST_SAMPLES).close()
    except BadRunError:
        return False
    return True


def read(run: Path, name: str | Path, most: int = MOST_JSON) -> bytes:
    """Return the bytes of a file below `run`. Raise BadRunError if it cannot be read."""
    with open_file(run, name, most) as file:
        data = file.read(most + 1)
    if len(data) > most:  # it has grown in the meantime
        raise BadRunError(f"{name} has more than {most} bytes.")
    return data


def read_json(run: Path, name: str | Path, most: int = MOST_JSON) -> dict[str, Any]:
    """Return the JSON object in a file below `run`. Raise BadRunError if it is invalid."""
    data = read(run, name, most)
    with distrust(str(name)):
        value = json.loads(data)
        if not isinstance(value, dict):
            raise TypeError("it is not a JSON object")
    return value


def read_lines(run: Path, name: str | Path, most: int = MOST_SAMPLES) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in the lines of a file below `run`. Raise BadRunError if one is invalid."""
    with open_file(run, name, most) as file:
        left = most
        while line := file.readline(LONGEST_LINE + 1):
            left -= len(line)
            if len(line) > LONGEST_LINE or left < 0:
                raise BadRunError(f"{name} has a line of more than {LONGEST_LINE} bytes, or grew during reading.")
            with distrust(str(name)):
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise TypeError("a line is not a JSON object")
            yield value


def remove(folder: Path) -> None:
    """Remove a folder that a child wrote, with any depth and any file modes; do not follow links."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
        return
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        subprocess.run(["chmod", "-R", "u+rwX", "--", folder], capture_output=True, check=False)
        subprocess.run(["rm", "-rf", "--", folder], capture_output=True, check=False)


def write(run: Path, name: str | Path, data: bytes) -> None:
    """Write a file below `run` atomically. Raise BadRunError if a folder on the way is a link."""
    path, part = Path(name), Path(f"{name}.part")
    try:
        with _folder(run, path) as folder:
            with suppress(FileNotFoundError):
                os.unlink(part.name, dir_fd=folder)
            descriptor = os.open(part.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part.name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except NotADirectoryError as error:
        raise BadRunError(f"{name} is behind a link.") from error


def _open(run: Path, path: Path, flags: int) -> int:
    with _folder(run, path) as folder:
        return os.open(path.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


@contextmanager
def _folder(run: Path, path: Path) -> Iterator[int]:
    """Yield a descriptor of the folder of `path` below `run`, reached without following links."""
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise ValueError(f"{path} is not in a run folder")
    at = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path.parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)
