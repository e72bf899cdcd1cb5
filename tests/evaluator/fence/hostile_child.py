"""A child that tries everything: `PROBES`, each of which has to be refused. What it got is written to `FINDINGS`.

A probe returns what it got; one that is refused raises OSError. Nothing here may harm the machine if the fence fails or
is not there: only bait is written to, the machine's own files are opened and closed again, other processes get signal
0, and no packet leaves the machine.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluator.job import CHECKPOINTS, LOG, RESULTS, WORK

FINDINGS = f"{WORK}/findings.json"
Bait = dict[str, Any]
PROBES: dict[str, Callable[[Bait], object]] = {}
LIBC = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"


class RefusedError(OSError):
    """A probe that was not stopped by an error and got nothing all the same."""


def probe(function: Callable[[Bait], object]) -> Callable[[Bait], object]:
    """Enter a function in the table."""
    PROBES[function.__name__] = function
    return function


def call(number: int, *arguments: Any) -> int:
    """Return a system call by number; raise OSError if it is refused."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(LIBC.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def number(x86: int, arm: int) -> int:
    """Return the number of a system call on this machine."""
    return arm if ARM else x86


def apart(attempt: Callable[[], object]) -> int:
    """Try, in a process of its own, what would change this one; raise OSError if it is refused."""
    process = os.fork()
    if process == 0:
        try:
            attempt()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 255)
        finally:
            os._exit(255)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))
    return 1


def something(found: Any) -> Any:
    """`found`, unless it is empty."""
    if not found:
        raise RefusedError(errno.ENOENT, "nothing there")
    return found


# files


def _reader(name: str) -> None:
    def read(bait: Bait) -> str:
        return Path(bait["secrets"][name]).read_text()

    read.__name__ = f"read_{name}"
    PROBES[read.__name__] = read


for _name in ("ssh_key", "cloud_keys", "hub_token", "service_environment", "other_run", "other_model", "shared_memory",
              "beside_the_run"):  # fmt: skip
    _reader(_name)


@probe
def read_shadow_passwords(bait: Bait) -> str:
    return Path("/etc/shadow").read_text()


@probe
def read_names_of_people(bait: Bait) -> list[str]:
    lines = Path("/etc/passwd").read_text().splitlines()
    return something([line for line in lines if not line.startswith("model:")])


@probe
def read_the_checkouts_git_folder(bait: Bait) -> object:
    return os.listdir(f"{bait['repository']}/.git") or (Path(bait["repository"]) / ".git").read_text()


@probe
def list_the_home(bait: Bait) -> list[str]:
    return something([name for name in os.listdir(bait["home"]) if name not in bait["ways"]])


@probe
def list_the_checkout(bait: Bait) -> list[str]:
    return something(set(os.listdir(bait["repository"])) - {"evaluator", "src", "tests", *bait["ways"]})


@probe
def read_over_a_link(bait: Bait) -> str:
    link = Path(bait["work"]) / "link"
    link.symlink_to(bait["secrets"]["ssh_key"])
    return link.read_text()


@probe
def read_over_a_hard_link(bait: Bait) -> str:
    link = Path(bait["work"]) / "hard"
    os.link(bait["secrets"]["beside_the_run"], link)
    return link.read_text()


@probe
def read_after_renaming(bait: Bait) -> str:
    to = Path(bait["work"]) / "renamed"
    os.rename(bait["secrets"]["beside_the_run"], to)
    return to.read_text()


@probe
def read_by_a_file_handle(bait: Bait) -> int:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    mount = ctypes.c_int()
    name = os.fsencode(bait["secrets"]["ssh_key"])
    return call(number(303, 264), -100, name, handle, ctypes.byref(mount), 0)


@probe
def read_with_io_uring(bait: Bait) -> int:
    return call(425, 8, ctypes.create_string_buffer(120))


@probe
def read_a_disk(bait: Bait) -> bytes:
    for path in ("/dev/mem", "/dev/kmsg", *glob.glob("/dev/[svx]d*"), *glob.glob("/dev/nvme*")):
        try:
            return Path(path).open("rb", buffering=0).read(1)
        except OSError:
            continue
    raise RefusedError(errno.EACCES, "no device opens")


@probe
def read_the_kernels_log(bait: Bait) -> bytes:
    data = ctypes.create_string_buffer(1024)
    call(number(103, 116), 3, data, 1024)
    return data.value


@probe
def read_inherited_files(bait: Bait) -> list[str]:
    known, found = {0, 1, 2, bait["events"], *bait["pipes"]}, []
    for file in set(range(256)) - known:
        try:
            about, flags = os.fstat(file), fcntl.fcntl(file, fcntl.F_GETFL)
        except OSError:
            continue
        if not flags & os.O_PATH or not os.path.samestat(about, os.stat("/proc/self")):
            found.append(f"{file}: {about}")
    return something(found)


# writing


def _writer(name: str) -> None:
    def write(bait: Bait) -> str:
        file = os.open(bait["targets"][name], os.O_WRONLY | os.O_APPEND)
        if name not in OF_THE_MACHINE:
            os.write(file, b"written by the child")
        os.close(file)
        return name

    write.__name__ = f"write_{name}"
    PROBES[write.__name__] = write


OF_THE_MACHINE = ("checkout", "package")
for _name in (
    "shell_start",
    "benchmark_item",
    "weights",
    "job",
    "energy",
    "own_log",
    "temporary_file",
    *OF_THE_MACHINE,
):
    _writer(_name)


@probe
def make_a_file(bait: Bait) -> str:
    Path(f"{bait['home']}/new").write_text("x")
    return "made"


@probe
def replace_the_log_by_a_link(bait: Bait) -> str:
    log = Path(bait["run"]) / LOG
    log.rename(f"{log}.old")
    log.symlink_to(bait["secrets"]["ssh_key"])
    return "replaced"


@probe
def replace_the_run_folders_work(bait: Bait) -> str:
    os.rename(bait["work"], f"{bait['work']}.old")
    os.rename(f"{bait['work']}.old", bait["work"])  # the rest is to be tried too
    return "replaced"


@probe
def empty_a_file(bait: Bait) -> str:
    os.truncate(bait["targets"]["shell_start"], 0)
    return "emptied"


@probe
def empty_a_file_by_opening_it(bait: Bait) -> int:
    return os.open(bait["targets"]["weights"], os.O_RDONLY | os.O_TRUNC)


@probe
def remove_a_file(bait: Bait) -> str:
    os.unlink(bait["targets"]["shell_start"])
    return "removed"


@probe
def make_a_folder(bait: Bait) -> str:
    os.mkdir(f"{bait['home']}/made")
    return "made"


@probe
def set_attributes(bait: Bait) -> str:
    """May be answered with success and do nothing: the attributes tell."""
    path = bait["targets"]["weights"]
    for change in (
        lambda: os.chmod(path, 0o777), lambda: os.utime(path, (1, 1)), lambda: os.setxattr(path, "user.x", b"x"),
        lambda: os.fchmod(os.open(path, os.O_RDONLY), 0o777), lambda: call(452, -100, path.encode(), 0o777, 0),
    ):  # fmt: skip
        try:
            change()
        except OSError:
            continue
    about = os.stat(path)
    return something("changed" if about.st_mode & 0o777 == 0o777 or about.st_mtime == 1 or os.listxattr(path) else "")


def _opener(name: str, path: str) -> None:
    def openable(bait: Bait) -> str:
        os.close(os.open(path.format(**bait), os.O_WRONLY))  # and nothing is written
        return path

    openable.__name__ = f"open_{name}_to_write"
    PROBES[openable.__name__] = openable


for _name, _path in {
    "core_pattern": "/proc/sys/kernel/core_pattern", "sysrq": "/proc/sysrq-trigger",
    "memory_score_of_the_parent": "/proc/{parent}/oom_score_adj", "groups_of_processes": "/sys/fs/cgroup/cgroup.procs",
    "timetable": "/etc/crontab", "loader_cache": "/etc/ld.so.cache",
}.items():  # fmt: skip
    _opener(_name, _path)


# mounts and namespaces


@probe
def mount_something(bait: Bait) -> str:
    """Only who may mount learns that there is no such file system."""
    return _but_for(errno.ENODEV, number(165, 40), b"x", os.fsencode(bait["work"]), b"no such", 0, None)


@probe
def unmount_something(bait: Bait) -> str:
    """Only who may unmount learns that nothing is mounted there."""
    return _but_for(errno.EINVAL, number(166, 39), os.fsencode(bait["work"]), 0)


@probe
def open_a_mount(bait: Bait) -> int:
    return call(428, -100, os.fsencode(bait["work"]), 1)


def _but_for(known: int, *arguments: Any) -> str:
    try:
        call(*arguments)
    except OSError as error:
        if error.errno != known:
            raise
    return "allowed"


@probe
def change_the_root(bait: Bait) -> int:
    return apart(lambda: os.chroot("/"))


@probe
def become_root_of_a_namespace(bait: Bait) -> int:
    return apart(lambda: call(number(272, 97), 0x10000000))


@probe
def start_a_process_in_a_namespace(bait: Bait) -> int:
    process = call(number(56, 220), 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    return process


@probe
def enter_a_process_namespaces(bait: Bait) -> int:
    return apart(lambda: call(number(308, 268), call(434, bait["sleeper"], 0), 0x04000000))


@probe
def load_into_the_kernel(bait: Bait) -> int:
    return call(number(321, 280), 0, ctypes.create_string_buffer(128), 128)


# other processes


@probe
def read_environments(bait: Bait) -> list[str]:
    return something([text for path in glob.glob("/proc/[0-9]*/environ") if bait["canary"] in (text := _text(path))])


@probe
def read_command_lines(bait: Bait) -> list[str]:
    own = str(os.getpid())
    texts = [_text(path) for path in glob.glob("/proc/[0-9]*/cmdline") if path.split("/")[2] != own]
    return something([text for text in texts if bait["canary"] in text])


@probe
def read_the_parents_environment(bait: Bait) -> str:
    return something(_text(f"/proc/{bait['parent']}/environ") if _is_parent(bait) else "")


@probe
def read_a_process_command_line_by_number(bait: Bait) -> str:
    text = Path(f"/proc/{bait['sleeper']}/cmdline").read_text()
    return something(text if bait["canary"] in text else "")


@probe
def read_over_a_process_root(bait: Bait) -> str:
    return Path(f"/proc/{bait['sleeper']}/root{bait['secrets']['ssh_key']}").read_text()


@probe
def read_over_the_first_process(bait: Bait) -> str:
    return Path(f"/proc/1/root{bait['secrets']['ssh_key']}").read_text()


@probe
def read_a_process_memory(bait: Bait) -> int:
    data = ctypes.create_string_buffer(8)
    there = struct.pack("PN", bait["address"], 8)
    here = struct.pack("PN", ctypes.addressof(data), 8)
    got = call(number(310, 270), bait["parent"], ctypes.c_char_p(here), 1, ctypes.c_char_p(there), 1, 0)
    return got if _is_parent(bait) or got else 0


@probe
def trace_a_process(bait: Bait) -> int:
    return call(number(101, 117), 16, bait["sleeper"], 0, 0)


@probe
def take_a_file_of_a_process(bait: Bait) -> int:
    return call(438, call(434, bait["sleeper"], 0), 0, 0)


@probe
def signal_the_parent(bait: Bait) -> str:
    os.kill(bait["parent"], 0)
    return something("reached" if _is_parent(bait) else "")


@probe
def signal_a_process(bait: Bait) -> str:
    os.kill(bait["sleeper"], 0)
    return something("reached" if _is_parent(bait) else "")


@probe
def signal_a_group(bait: Bait) -> str:
    os.killpg(bait["group"], 0)
    return something("reached" if _is_parent(bait) else "")


@probe
def signal_by_thread(bait: Bait) -> int:
    return something(call(number(234, 131), bait["sleeper"], bait["sleeper"], 0) == 0 and _is_parent(bait))


@probe
def signal_by_file(bait: Bait) -> int:
    return call(424, call(434, bait["sleeper"], 0), 0, 0, 0)


@probe
def signal_by_pipe(bait: Bait) -> int:
    read, _ = os.pipe()
    return something(fcntl.fcntl(read, fcntl.F_SETOWN, bait["sleeper"]) == 0)


@probe
def slow_a_process_down(bait: Bait) -> str:
    os.setpriority(os.PRIO_PROCESS, bait["sleeper"], 19)
    return "slowed"


@probe
def limit_a_process(bait: Bait) -> object:
    return resource.prlimit(bait["sleeper"], resource.RLIMIT_NOFILE)


@probe
def move_a_process_to_a_core(bait: Bait) -> str:
    os.sched_setaffinity(bait["sleeper"], {0})
    return "moved"


@probe
def read_shared_segments(bait: Bait) -> int:
    LIBC.shmat.restype = ctypes.c_void_p
    if LIBC.shmat(bait["segment"], None, 0o10000) in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "shmat")
    return 1


@probe
def open_a_message_queue(bait: Bait) -> int:
    return call(number(240, 180), bait["queue"].encode(), os.O_RDONLY, 0, None)


@probe
def read_the_keyring(bait: Bait) -> int:
    return call(number(250, 219), 0, -3, 0)


# network


def _connect(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> str:
    with socket.socket(family, kind) as connection:
        connection.settimeout(5)
        connection.connect(address)
        connection.send(b"x")
    return "connected"


@probe
def connect_over_tcp(bait: Bait) -> str:
    return _connect(socket.AF_INET, ("127.0.0.1", bait["port"]))


@probe
def connect_over_tcp_6(bait: Bait) -> str:
    return _connect(socket.AF_INET6, ("::1", bait["port6"]))


@probe
def connect_to_the_machines_address(bait: Bait) -> str:
    return _connect(socket.AF_INET, (bait["address4"], bait["port"]))


@probe
def find_a_way_outside(bait: Bait) -> str:
    """Connecting a datagram socket sends nothing: it only looks for the way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect(("192.0.2.1", 9))
        return str(connection.getsockname())


@probe
def send_a_datagram(bait: Bait) -> str:
    """Return the evaluator sees whether it arrives."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", ("127.0.0.1", bait["datagrams"]))
    raise RefusedError(errno.ENETUNREACH, "sent, to whomever")


@probe
def run_another_program_on_the_network(bait: Bait) -> str:
    code = f"import socket; socket.create_connection(('127.0.0.1', {bait['port']}), 5)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=False)
    return something("connected" if done.returncode == 0 else "")


@probe
def connect_to_a_unix_socket(bait: Bait) -> str:
    return _connect(socket.AF_UNIX, bait["unix"])


@probe
def send_to_a_unix_socket(bait: Bait) -> str:
    return _connect(socket.AF_UNIX, bait["unix datagrams"], socket.SOCK_DGRAM)


@probe
def connect_to_an_abstract_socket(bait: Bait) -> str:
    return _connect(socket.AF_UNIX, f"\0{bait['abstract']}")


@probe
def send_to_an_abstract_socket(bait: Bait) -> str:
    return _connect(socket.AF_UNIX, f"\0{bait['abstract']} datagrams", socket.SOCK_DGRAM)


@probe
def send_from_a_pair(bait: Bait) -> str:
    ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendto(b"x", bait["unix datagrams"])
    return "sent"


@probe
def talk_to_the_hypervisor(bait: Bait) -> str:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    return "opened"


@probe
def listen_to_the_wire(bait: Bait) -> str:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    return "opened"


@probe
def ping(bait: Bait) -> str:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    return "opened"


@probe
def use_the_kernels_ciphers(bait: Bait) -> str:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
    return "opened"


@probe
def see_network_cards(bait: Bait) -> list[str]:
    return something([name for _, name in socket.if_nameindex() if name != "lo"])


def _byte_of(device: str) -> bytes:
    with open(device, "r+b", buffering=0) as file:
        return file.read(1)


def _text(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _is_parent(bait: Bait) -> bool:
    """Return whether process numbers mean here what they mean to the evaluator."""
    return os.readlink("/proc/self/ns/pid") == bait["processes"]


def main(run: Path, events: int, *pipes: int) -> None:
    bait = json.loads((run / "task.json").read_text()) | {"run": str(run), "events": events, "pipes": pipes}
    bait["work"] = str(run / WORK)
    findings: dict[str, dict[str, str]] = {}
    for name, attempt in PROBES.items():
        try:
            findings[name] = {"got": repr(attempt(bait))}
        except OSError as error:
            findings[name] = {"refused": str(error)}
    device = bait.get("device")
    findings["device"] = {"got": repr(_byte_of(device))} if device else {}
    findings["environment"] = {"got": json.dumps(dict(os.environ))}
    (run / FINDINGS).write_text(json.dumps(findings))
    # what the evaluator reads next leads to a secret
    (run / RESULTS).symlink_to(bait["secrets"]["ssh_key"])
    (run / CHECKPOINTS).symlink_to(Path(bait["secrets"]["ssh_key"]).parent)
    print("the child was here", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
