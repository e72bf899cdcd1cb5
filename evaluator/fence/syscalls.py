"""System calls that Python has no function for, through libc, each raising OSError on failure."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
CAPABILITY_VERSION = 0x20080522


@cache
def libc() -> ctypes.CDLL:
    """Return the C library of this process. Raise OSError on systems other than Linux."""
    if not sys.platform.startswith("linux"):
        raise OSError(f"The fence needs Linux, not {platform.system()}.")
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """Return `result`. Raise OSError with errno if it is negative."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """Call the kernel by number; integers are passed as 64 bits. Raise OSError on failure."""
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return check(libc().syscall(ctypes.c_long(number), *wide), f"system call {number}")


def prctl(option: int, value: int = 0, pointer: int = 0) -> None:
    """Set an attribute of this process. Raise OSError on failure."""
    values = (ctypes.c_ulong(value), ctypes.c_ulong(pointer), ctypes.c_ulong(0), ctypes.c_ulong(0))
    check(libc().prctl(option, *values), f"prctl {option}")


def drop_capabilities() -> None:
    """Drop every capability permanently, also for programs started later; root keeps only the rights of an owner."""
    for capability in range(64):
        libc().prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)  # fails beyond the kernel's last one
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    check(libc().capset(header, none), "capset")
