"""Landlock: restrictions that a process applies to itself, for files, TCP ports, abstract sockets and signals.

See https://docs.kernel.org/userspace-api/landlock.html. Versions 1 to 7 of the interface are used if the kernel has
them; `seccomp` covers what an older one lacks. We use no library: those on PyPI are drafts or very young, and no other
layer of the fence checks this one.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from evaluator.fence.syscalls import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
RULE_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in range(13, 16))  # versions 2, 3 and 5

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
WRITE |= REFER | TRUNCATE
DEVICE = READ | WRITE_FILE | TRUNCATE | IOCTL_DEV
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the rights that a rule for a file may name

TCP = 0b11  # bind and connect; version 4
SCOPED = 0b11  # no abstract unix sockets and signals of outside processes; version 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the interface version of this kernel; 0 if it has no Landlock."""
    try:
        return syscall(CREATE_RULESET, 0, 0, 1)
    except OSError:
        return 0


def handled(abi: int) -> int:
    """Return the rights on files that a kernel of version `abi` can withhold."""
    return (1 << 13 + (abi >= 2) + (abi >= 3) + (abi >= 5)) - 1


def restrict(rules: Iterable[tuple[str, int]], abi: int, *, network: bool) -> None:
    """Allow this process and its children only `rules` (path, rights); from version 4, `network` also forbids TCP.

    Paths that do not exist are skipped. From version 6, signals and abstract sockets outside are forbidden too.
    """
    files = handled(abi)
    ruleset = _create(_Ruleset(files, TCP if network and abi >= 4 else 0, SCOPED if abi >= 6 else 0), abi)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & files)
        syscall(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def confine_signals() -> None:
    """Forbid this process and its children to send signals to other processes. Raise OSError before version 6."""
    ruleset = _create(_Ruleset(0, 0, SCOPED), 6)
    try:
        syscall(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _create(attributes: _Ruleset, abi: int) -> int:
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    return syscall(CREATE_RULESET, ctypes.byref(attributes), size, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= OF_FILES
        syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(_PathBeneath(rights, parent)), 0)
    finally:
        os.close(parent)
