"""A child that tests a rung of the fence: `python -P -m evaluator.fence.trial WORK BAIT` prints a line per hole.

BAIT is JSON and names what the evaluator has prepared for the trial: files, listening sockets and a process.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def holes(bait: dict[str, Any]) -> list[str]:
    """Return what the child can reach and should not."""
    tries: dict[str, Callable[[], object]] = {
        "a file can be read": Path(bait["file"]).read_bytes,
        "a file can be written": lambda: Path(bait["file"]).write_bytes(b"x"),
        "a file can be emptied": lambda: os.truncate(bait["file"], 0),
        "a folder can be listed": lambda: os.listdir(os.path.dirname(bait["file"])),
        "a file of the run can be written": lambda: Path(bait["run"]).write_bytes(b"x"),
        "the network is there": lambda: _connect(socket.AF_INET, ("127.0.0.1", bait["port"])),
        "a unix socket is there": lambda: _connect(socket.AF_UNIX, bait["socket"]),
        "an abstract socket is there": lambda: _connect(socket.AF_UNIX, bait["abstract"]),
        "another process can be read": lambda: _environment(bait["pid"]),
        "another process gets signals": lambda: _signal(bait["pid"], bait["processes"]),
        "memory is shared with other processes": lambda: Path(bait["shared"]).read_bytes(),
    }
    reachable = []
    for name, attempt in tries.items():
        try:
            attempt()
        except OSError:
            continue
        reachable.append(name)
    _send(socket.AF_INET, ("127.0.0.1", bait["datagrams"]))  # the evaluator checks whether they arrive
    _send(socket.AF_UNIX, bait["abstract datagrams"])
    return reachable


def _connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(address)


def _send(family: int, address: Any) -> None:
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", address)


def _environment(pid: int) -> None:
    if b"BAIT=" not in Path(f"/proc/{pid}/environ").read_bytes():
        raise FileNotFoundError


def _signal(pid: int, namespace: str) -> None:
    os.kill(pid, 0)
    if os.readlink("/proc/self/ns/pid") != namespace:
        raise ProcessLookupError  # another process with the same number in a separate namespace


if __name__ == "__main__":
    work, bait = Path(sys.argv[1]), json.loads(sys.argv[2])
    (work / "written").write_text("x")
    Path("/dev/null").write_text("x")
    if not Path(bait["run"]).read_bytes() or len(os.urandom(8)) < 8:
        sys.exit("a file that the child needs is missing")
    print("\n".join(["tried", *holes(bait)]), flush=True)
