"""How a command ends: its exit code, an error as a sentence, a reader that went away."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable

from src.core.errors import BoardError
from src.core.redact import clean

CLOSED = 128 + 13  # what a shell shows for a program that SIGPIPE ended


def exit_code(command: Callable[[], int]) -> int:
    """Run a command and return its exit code: 1 with a `BoardError`'s sentence on standard error.

    If the reader of standard output has gone (`… | head`), end quietly with 141.
    """
    try:
        try:
            return command()
        except BoardError as error:
            print(clean(str(error)), file=sys.stderr)
            return 1
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_is_gone():
            raise  # another pipe or a connection broke
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more as it ends
        return CLOSED


def _reader_is_gone() -> bool:
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):  # no such call here, or no such file
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
