"""A seccomp filter: the system calls that a child may not make, on every rung.

The filter is a program for the kernel's packet filter machine (https://docs.kernel.org/userspace-api/seccomp_filter.html),
built from the tables below. libseccomp is not on every machine, and its Python bindings are not maintained.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.fence.syscalls import PR_SET_SECCOMP, prctl

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # numbers from here on are those of another interface to the same kernel

NUMBERS: dict[str, tuple[int | None, int | None]] = {  # on x86_64, on aarch64
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "pidfd_getfd": (438, 438), "kcmp": (312, 272),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "prlimit64": (302, 261), "ioprio_set": (251, 30), "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # kernel interfaces
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "modify_ldt": (154, None), "lookup_dcookie": (212, 18), "uselib": (134, None), "vhangup": (153, 58),
    # mounts and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "open_tree": (428, 428), "open_tree_attr": (467, 467), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "clone": (56, 220), "clone3": (435, 435),
    # files
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "inotify_add_watch": (254, 27), "ioctl": (16, 29), "fcntl": (72, 25),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "file_setattr": (469, 469), "truncate": (76, 45),
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437),
    # communication
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
}  # fmt: skip

FORBIDDEN = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp",
    "migrate_pages", "move_pages", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
    "acct", "quotactl", "quotactl_fd", "syslog", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "lookup_dcookie", "uselib", "vhangup", "mount",
    "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "open_tree_attr", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at", "name_to_handle_at", "fanotify_init",
    "fanotify_mark",
)  # fmt: skip
UNKNOWN = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
"""Answered as if the kernel lacked them: io_uring bypasses this filter, and it cannot see the flags of clone3."""

SHARED = (
    "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl",
    "mq_open", "mq_unlink", "inotify_add_watch", "connect", "accept", "accept4",
)  # fmt: skip
"""Forbidden if no namespace separates the child from the machine's other processes."""
ATTRIBUTES = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "utime", "utimes",
    "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
    "fremovexattr", "removexattrat", "file_setattr",
)  # fmt: skip
"""Landlock does not cover modes, owners, times and attributes of files: without mounts, changes do nothing. They are
answered with success, because libraries call them on files of their own and give up on an error."""
OWN = ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr", "prlimit64")
SIGNALS = ("kill", "tgkill", "rt_tgsigqueueinfo")

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_SEQPACKET = 1, 5
NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
F_SETSIG_OWNER = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: a signal to any process
TTY_AND_OWNER = (0x5412, 0x541C, 0x8901, 0x8902)  # TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP
O_ACCMODE, O_TRUNC = 0o3, 0o1000

LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE = 0, 4  # offsets in the kernel's seccomp_data

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, value


@dataclass(frozen=True)
class Shared:
    """What the filter needs if no namespaces separate the child from the machine's other processes."""

    pid: int  # of the child, which may signal itself and set its own limits
    landlock: int  # interface version, 0 without


def program(machine: str, shared: Shared | None) -> list[Instruction]:
    """Return the filter for a `machine` as `platform.machine()` names it. Raise OSError if it has no table."""
    if machine not in ARCHITECTURES:
        raise OSError(f"There is no table of system calls for {machine}.")
    column = list(ARCHITECTURES).index(machine)
    rules = {name: [_return(errno.EPERM)] for name in FORBIDDEN}
    rules |= {name: [_return(errno.ENOSYS)] for name in UNKNOWN}
    rules["clone"] = _unless_bits(0, NEW_NAMESPACES)
    rules["ioctl"] = _unless(1, TTY_AND_OWNER)
    rules["fcntl"] = _unless(1, F_SETSIG_OWNER)
    rules["socket"] = _only(0, (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK))  # the namespace has its own of each
    if shared is not None:
        rules |= _rules_without_namespaces(shared)
    checked: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        _return(errno.EPERM),
    ]
    for name, body in rules.items():
        number = NUMBERS[name][column]
        if number is not None:
            checked += [(EQUAL, 0, len(body), number), *body]
    return [*checked, (RETURN, 0, 0, ALLOW)]


def _rules_without_namespaces(shared: Shared) -> dict[str, list[Instruction]]:
    own = (0, shared.pid)
    rules = {name: [_return(errno.EPERM)] for name in SHARED}
    rules |= {name: [_return(0)] for name in ATTRIBUTES}
    rules |= {name: _only(0, own) for name in OWN}
    rules["setpriority"] = _both(0, (0,), 1, own)
    rules["ioprio_set"] = _both(0, (1,), 1, own)
    # socket pairs between a program's own processes, and CUDA's own sockets; no datagrams, which need no connection
    rules["socket"] = rules["socketpair"] = _both(0, (AF_UNIX,), 1, (SOCK_STREAM, SOCK_SEQPACKET), mask=0xF)
    if shared.landlock < 6:
        rules |= {name: _only(0, (shared.pid,)) for name in SIGNALS}
        rules |= {name: [_return(errno.EPERM)] for name in ("tkill", "rt_sigqueueinfo", "pidfd_send_signal")}
    if shared.landlock < 3:  # older versions cannot forbid truncation
        rules["truncate"] = [_return(errno.EPERM)]
        rules["openat2"] = [_return(errno.ENOSYS)]
        rules["open"] = _unless(1, (O_TRUNC,), mask=O_ACCMODE | O_TRUNC)
        rules["openat"] = _unless(2, (O_TRUNC,), mask=O_ACCMODE | O_TRUNC)
    return rules


def _return(error: int) -> Instruction:
    return (RETURN, 0, 0, ERRNO | error)


def _argument(index: int, mask: int | None = None) -> list[Instruction]:
    """Load the low half of an argument, which is all that the kernel reads of an int."""
    return [(LOAD, 0, 0, 16 + 8 * index), *([(AND, 0, 0, mask)] if mask is not None else [])]


def _only(index: int, values: Sequence[int], mask: int | None = None) -> list[Instruction]:
    """Allow the call only if an argument is one of `values`."""
    checks: list[Instruction] = []
    for value in values:
        checks += [(EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW)]
    return [*_argument(index, mask), *checks, _return(errno.EPERM)]


def _unless(index: int, values: Sequence[int], mask: int | None = None) -> list[Instruction]:
    """Allow the call only if an argument is none of `values`."""
    checks: list[Instruction] = []
    for value in values:
        checks += [(EQUAL, 0, 1, value), _return(errno.EPERM)]
    return [*_argument(index, mask), *checks, (RETURN, 0, 0, ALLOW)]


def _unless_bits(index: int, bits: int) -> list[Instruction]:
    """Allow the call only if an argument has none of `bits`."""
    return [*_argument(index), (ANY_BIT, 0, 1, bits), _return(errno.EPERM), (RETURN, 0, 0, ALLOW)]


def _both(
    first: int, firsts: Sequence[int], second: int, seconds: Sequence[int], mask: int | None = None
) -> list[Instruction]:
    """Allow the call only if both arguments are among the given values. `mask` applies to the second."""
    rest = _only(second, seconds, mask)
    checks: list[Instruction] = []
    for i, value in enumerate(firsts):
        checks.append((EQUAL, len(firsts) - i, 0, value))
    return [*_argument(first), *checks, _return(errno.EPERM), *rest]


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def apply(shared: Shared | None) -> None:
    """Apply the filter to this process and all it starts, permanently. Needs PR_SET_NO_NEW_PRIVS first."""
    instructions = program(platform.machine(), shared)
    filters = (_Filter * len(instructions))(*(_Filter(*instruction) for instruction in instructions))
    loaded = _Program(len(instructions), filters)
    prctl(PR_SET_SECCOMP, 2, ctypes.addressof(loaded))
