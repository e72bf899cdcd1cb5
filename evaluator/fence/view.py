"""The paths of this machine that a child may see: an allow-list, the same for every rung of the fence."""

from __future__ import annotations

import glob
import json
import os
import site
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = ("evaluator", "src")  # of the repository; .git, .env and everything else in it stay outside

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/rocm*", "/nix/store", "/run/opengl-driver")
SETTINGS = (  # in /etc: what the loader, the C library and numerical libraries read; no user names, no keys
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "nsswitch.conf", "OpenCL",
)  # fmt: skip
HARDWARE = (
    "/sys/devices/system", "/sys/bus/pci", "/sys/devices/pci*", "/sys/class/drm", "/sys/class/kfd",
    "/sys/devices/virtual/kfd", "/sys/module/nvidia*", "/sys/module/amdgpu", "/sys/kernel/mm/transparent_hugepage",
)  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom")
GPUS = ("nvidia*", "nvidia-caps/*", "dri/*", "kfd", "dxg")
OF_PROCESSES = ("self", "cpuinfo", "meminfo", "stat", "version", "filesystems", "loadavg", "uptime", "driver/nvidia*",
                "sys/vm/overcommit_memory", "sys/kernel/osrelease", "sys/kernel/cap_last_cap")  # fmt: skip
"""Of the machine's own /proc, on the rung without a separate one: the child itself, and facts about the machine."""

STUBS = {
    "passwd": "model:x:{uid}:{gid}:model:{home}:/bin/sh\n",
    "group": "model:x:{gid}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
"""Replacements for files in /etc that name users and machines."""


@dataclass(frozen=True)
class VisiblePaths:
    """Resolved paths; every other path does not exist for the child or cannot be opened."""

    read: tuple[str, ...]
    links: tuple[tuple[str, str], ...]  # symbolic link → its target, for names that lead to `read`
    work: str  # the one folder that can be written to
    stubs: str  # the folder of `STUBS`
    devices: tuple[str, ...]
    memory_bytes: int | None = None  # size limit of each tmpfs


def of_run(
    work: Path, stubs: Path, more: Iterable[Path], module: str = "evaluator", memory_bytes: int | None = None
) -> VisiblePaths:
    """Return the view of a child that runs `module` and writes to `work`.

    `more`: what it reads besides interpreter, packages and code: its run folder, the model, the benchmarks.
    """
    wanted = [*SYSTEM, *(f"/etc/{name}" for name in SETTINGS), *HARDWARE, *interpreter()]
    paths = [path for pattern in wanted for path in sorted(glob.glob(pattern))]
    paths += [str(REPOSITORY / name) for name in _packages(module)]
    paths += [str(path) for folder in more for path in (folder, *_link_targets(folder))]
    existing: dict[str, None] = {}
    links: dict[str, str] = {}
    for path in paths:
        real = _follow(os.path.abspath(path), links)
        if os.path.exists(real):
            existing[real] = None
    read = tuple(path for path in sorted(existing) if not any(parent in existing for parent in _parents(path)))
    kept = {link: to for link, to in links.items() if not any(parent in read for parent in _parents(link))}
    devices = tuple(path for name in (*DEVICES, *GPUS) for path in sorted(glob.glob(f"/dev/{name}")))
    nodes = tuple(path for path in devices if not os.path.isdir(path))
    return VisiblePaths(
        read, tuple(sorted(kept.items())), str(work.resolve()), str(stubs.resolve()), nodes, memory_bytes
    )


def interpreter() -> list[str]:
    """Return the folders from which a child's Python, its packages and their libraries are read."""
    places = [sys.executable, sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *_search_path()]
    for name in ("LD_LIBRARY_PATH", "CUDA_HOME"):
        places += os.environ.get(name, "").split(os.pathsep)
    too_much = {os.path.sep, str(REPOSITORY), *map(str, REPOSITORY.parents), os.path.expanduser("~")}
    return [glob.escape(place) for place in places if place and os.path.abspath(place) not in too_much]


@cache
def _search_path() -> tuple[str, ...]:
    """Return a child's module search path, without the PYTHONPATH and working directory of this process."""
    code = "import json, sys; print(json.dumps(sys.path))"
    base = user_packages()
    environment = {"HOME": os.devnull, "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    environment |= {"PYTHONUSERBASE": base} if base else {}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, check=True)
    return tuple(json.loads(done.stdout))


def user_packages() -> str | None:
    """Return the folder of `pip install --user` if this process imports packages from it, else None."""
    return site.getuserbase() if site.ENABLE_USER_SITE and site.getusersitepackages() in sys.path else None


def write_stubs(folder: Path, home: Path, module: str = "evaluator") -> Path:
    """Write the replacements for files in /etc; return the folder from which a child imports this project's code.

    The folder contains links, because importing from the repository itself would require permission to list it.
    """
    code = folder / "code"
    code.mkdir(parents=True, exist_ok=True)
    for name, text in STUBS.items():
        (folder / name).write_text(text.format(uid=os.getuid(), gid=os.getgid(), home=home), encoding="utf-8")
    for name in _packages(module):
        if not (code / name).is_symlink():
            (code / name).symlink_to(REPOSITORY / name)
    return code


def _packages(module: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*CODE, module.partition(".")[0])))


def _parents(path: str) -> Iterable[str]:
    return map(str, Path(path).parents)


def _link_targets(folder: Path) -> list[Path]:
    """Return the targets of links at the top of a folder: cached datasets are often links into a folder of blobs."""
    entries = [*folder.glob("*"), *folder.glob("*/*")] if folder.is_dir() else []
    return [entry.resolve() for entry in entries if entry.is_symlink()]


def _follow(path: str, links: dict[str, str]) -> str:
    """Return the path with links resolved; add every link on the way to `links`."""
    parts, at, steps = [part for part in path.split(os.sep) if part], "", 0
    while parts:
        here = f"{at}/{parts[0]}"
        if os.path.islink(here) and (steps := steps + 1) < 40:
            to = os.readlink(here)
            links[here] = to
            parts = [part for part in to.split(os.sep) if part and part != "."] + parts[1:]
            if to.startswith(os.sep):
                at = ""
        elif parts[0] == "..":
            at, parts = os.path.dirname(at), parts[1:]
        else:
            at, parts = here, parts[1:]
    return at or os.sep
