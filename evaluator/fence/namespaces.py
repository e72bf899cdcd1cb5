"""The second rung: namespaces from `unshare`, and a file tree that this process mounts before it becomes the child."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable

from evaluator.fence.syscalls import check, libc, syscall
from evaluator.fence.view import STUBS, VisiblePaths

COMMAND = (
    "unshare", "--user", "--map-root-user", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child",
    "--",
)  # fmt: skip
OLD = "/.old"  # mount point of the machine's own file tree while the process leaves it

NOSUID, NODEV, NOEXEC, BIND, RECURSIVE = 2, 4, 8, 4096, 16384
MNT_DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
MOUNT_SETATTR, ATTR_READ_ONLY, AT_RECURSIVE, AT_FDCWD = 442, 1, 0x8000, -100
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def build(view: VisiblePaths) -> None:
    """Replace the machine's file tree by one with only the paths of `view`, and start the loopback interface.

    Call it in the first process of new mount, process and network namespaces. Raise OSError if the kernel refuses.
    """
    _mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "mode=755")
    os.mkdir(f"/tmp{OLD}")
    syscall(PIVOT_ROOT[os.uname().machine], b"/tmp", f"/tmp{OLD}".encode())
    os.chdir("/")
    size = f"mode=1777,size={view.memory_bytes}" if view.memory_bytes else "mode=1777"
    for path in ("/proc", "/dev/shm", "/tmp"):
        os.makedirs(path)
    _mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    for path in ("/dev/shm", "/tmp"):
        _mount("tmpfs", path, "tmpfs", NOSUID | NODEV, size)
    _bind(((f"{OLD}{path}", path) for path in view.read), read_only=True)
    _bind(((f"{OLD}{view.stubs}/{name}", f"/etc/{name}") for name in STUBS), read_only=True)
    _bind([(f"{OLD}{view.work}", view.work)], read_only=False)
    _bind(((f"{OLD}{path}", path) for path in view.devices), read_only=False)
    for link, to in (*view.links, ("/dev/fd", "/proc/self/fd")):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            os.symlink(to, link)
    check(libc().umount2(OLD.encode(), MNT_DETACH), "umount2")
    os.rmdir(OLD)
    _read_only("/", 0)
    _loopback_up()


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    words = [text.encode() if text else None for text in (source, target, kind or "")]
    done = libc().mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    check(done, f"mount {target}")


def _bind(pairs: Iterable[tuple[str, str]], *, read_only: bool) -> None:
    for source, target in pairs:
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        elif not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            open(target, "x").close()
        _mount(source, target, None, BIND | RECURSIVE)
        if read_only:
            _read_only(target, AT_RECURSIVE)


class _Attributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace"))


def _read_only(path: str, flags: int) -> None:
    wanted = _Attributes(ATTR_READ_ONLY)
    syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, ctypes.byref(wanted), ctypes.sizeof(wanted))


def _loopback_up() -> None:
    from fcntl import ioctl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack_from("h", ioctl(control, SIOCGIFFLAGS, name + bytes(24)), 16)[0]
        ioctl(control, SIOCSIFFLAGS, name + struct.pack("h22x", flags | IFF_UP))
