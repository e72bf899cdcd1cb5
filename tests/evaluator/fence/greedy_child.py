"""A child that takes more than its share of the machine, in the way that `task.json` names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from evaluator.job import WORK

BLOCK = b"x" * 2**20


def many_files(work: Path, size: int) -> None:
    for number in range(6):  # each smaller than a file may be
        (work / f"{number}").write_bytes(b"x" * (size // 2))
    time.sleep(600)


def a_file_without_a_name(work: Path, size: int) -> None:
    files = []
    for number in range(6):
        files.append((work / f"{number}").open("wb", buffering=0))
        (work / f"{number}").unlink()
        files[-1].write(b"x" * (size // 2))
    time.sleep(600)


def a_long_log(work: Path, size: int) -> None:
    for _ in range(4 * size // len(BLOCK)):
        os.write(1, BLOCK)
    time.sleep(600)


def deep_folders(work: Path, size: int) -> None:
    os.chdir(work)
    for _ in range(3000):  # deeper than a path can name, and than Python's own removal can go
        os.mkdir("d")
        os.chdir("d")
    time.sleep(600)


def closed_folders(work: Path, size: int) -> None:
    (work / "closed").mkdir()
    (work / "closed" / "file").write_bytes(b"x")
    (work / "closed").chmod(0)
    time.sleep(600)


def memory_of_many_processes(work: Path, size: int) -> None:
    code = f"import time; x = bytearray(b'x' * {size // 4}); time.sleep(600)"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(8)]
    started[0].wait()


def memory_without_a_process(work: Path, size: int) -> None:
    for _ in range(6):
        os.write(os.memfd_create("x"), b"x" * (size // 2))
    time.sleep(600)


def many_processes(work: Path, size: int) -> None:
    for _ in range(400):
        if os.fork() == 0:
            time.sleep(600)
    time.sleep(600)


WAYS: dict[str, Callable[[Path, int], None]] = {
    way.__name__: way
    for way in (
        many_files, a_file_without_a_name, a_long_log, deep_folders, closed_folders, memory_of_many_processes,
        memory_without_a_process, many_processes,
    )
}  # fmt: skip

if __name__ == "__main__":
    run = Path(sys.argv[1])
    task = json.loads((run / "task.json").read_text())
    WAYS[task["way"]](run / WORK, task["size"])
