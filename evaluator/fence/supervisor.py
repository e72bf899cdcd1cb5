"""The parent process of the child: it outlives the child only to end every process that the child started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from evaluator.fence import landlock, syscalls

ROUNDS = 200  # attempts to find and end remaining processes


def run(become: Callable[[], NoReturn], *, scoped: bool) -> NoReturn:
    """Start the child, wait for it, end its descendants and exit with its exit code (128 + n if signal n ended it).

    SIGTERM and the death of the parent end everything at once. `scoped`: no process namespace ends the descendants.
    """
    confined = _confine_signals() if scoped else False
    if scoped:
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)  # orphaned descendants become children of this process
        parent = os.getppid()
        signal.signal(signal.SIGTERM, lambda *_: _leave(128 + signal.SIGTERM, scoped, confined))
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            become()
        except OSError as error:
            os.write(2, f"the sandbox cannot be applied: {error}\n".encode())
        os._exit(125)
    syscalls.drop_capabilities()
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            _leave(code if code >= 0 else 128 - code, scoped, confined)


def descendants(of: int) -> list[int]:
    """Return the descendants of a process that /proc shows."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue  # the process has just ended
        children.setdefault(int(fields[1]), []).append(int(path.name))
    result, left = [], [of]
    while left:
        below = children.pop(left.pop(), [])
        result += below
        left += below
    return result


def _confine_signals() -> bool:
    """Forbid signals to processes outside; return whether that works, tried on the parent."""
    if landlock.version() < 6:
        return False
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    os.kill(os.getppid(), 0)  # allowed until now
    landlock.confine_signals()
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return True
    return False


def _leave(code: int, scoped: bool, confined: bool) -> NoReturn:
    if scoped:
        for _ in range(ROUNDS):
            if confined:
                _kill(-1)  # every process that we may signal, in one step that no fork can escape
            for process in descendants(os.getpid()):
                _kill(process)
            if not _reap():
                break
            time.sleep(0.01)
    os._exit(code)


def _kill(process: int) -> None:
    with suppress(OSError):
        os.kill(process, signal.SIGKILL)


def _reap() -> bool:
    """Return whether children are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
