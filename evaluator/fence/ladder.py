"""Choose the rung of the fence that works on this machine: each is tried with a child that searches for holes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evaluator.fence import bubblewrap, landlock, namespaces, view
from evaluator.fence.enter import BUBBLEWRAP, LANDLOCK, NAMESPACES, plan
from evaluator.fence.view import VisiblePaths
from src.core.errors import BadInputError

RUNGS = {
    BUBBLEWRAP: "bubblewrap, Landlock, seccomp",
    NAMESPACES: "namespaces, Landlock, seccomp",
    LANDLOCK: "Landlock, seccomp",
}
"""Rung → its description, the strongest first."""
NONE = "none"
WITHOUT = (
    "WITHOUT SANDBOX: code in a model can read and change everything that this account can, including its tokens, and "
    "can use the network."
)
TRIAL_TIMEOUT = 60.0  # seconds


class NoFenceError(BadInputError):
    """Raised if no rung works on this machine."""


@dataclass(frozen=True)
class Fence:
    """The rung in use, and the reason why each stronger one is not used."""

    rung: str
    passed_over: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the description of the rung with the reasons."""
        name = RUNGS.get(self.rung, self.rung)
        return f"{name} (not used: {'; '.join(self.passed_over)})" if self.passed_over else name

    def command(self, seen: VisiblePaths, cwd: Path, words: list[str]) -> list[str]:
        """Return the command that runs `words` in `cwd` behind this fence."""
        if self.rung == NONE:
            return words
        before = {BUBBLEWRAP: bubblewrap.command(seen, str(cwd)), NAMESPACES: [*namespaces.COMMAND], LANDLOCK: []}
        return [*before[self.rung], *python("evaluator.fence.enter"), plan(self.rung, seen), *words]


def python(module: str) -> list[str]:
    """Return the command that runs a module with this interpreter, without importing from the working directory."""
    return [sys.executable, "-P", "-m", module]


@cache
def strongest() -> Fence:
    """Return the strongest rung that works here. Raise NoFenceError, with every reason, if none does."""
    reasons: list[str] = []
    for rung in RUNGS:
        problem = why_not(rung)
        if problem is None:
            return Fence(rung, tuple(reasons))
        reasons.append(f"{rung}: {problem}")
    raise NoFenceError(
        "No sandbox works here, so no model is run.\n"
        + "\n".join(f"- {reason}" for reason in reasons)
        + "\nInstall `bubblewrap`, or use a kernel with Landlock (5.13 or newer); `--without-sandbox` runs models with "
        "all the rights of this account."
    )


def why_not(rung: str) -> str | None:
    """Return the reason why a rung cannot be used on this machine; None if it works."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    program = {BUBBLEWRAP: "bwrap", NAMESPACES: "unshare"}.get(rung)
    if program and shutil.which(program) is None:
        return f"`{program}` is not installed"
    if rung == LANDLOCK and not landlock.version():
        return "the kernel has no Landlock, or the container does not allow it"
    with _trial() as (run, bait, arrived):
        work = run / "work"
        code = view.write_stubs(run / "fence", work)
        seen = view.of_run(work, run / "fence", [run])
        words = [*python("evaluator.fence.trial"), str(work), json.dumps(bait)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(code), "HOME": str(work)}
        try:
            done = subprocess.run(
                Fence(rung).command(seen, run, words),
                cwd=run, env=environment, capture_output=True, text=True, timeout=TRIAL_TIMEOUT, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        output = done.stdout.splitlines()
        if done.returncode or output[:1] != ["tried"]:
            return (done.stderr.strip().splitlines() or [f"the trial ended with code {done.returncode}"])[-1][:200]
        holes = [*output[1:], *arrived()]
        holes += ["a file was changed"] if Path(str(bait["file"])).read_bytes() != b"secret" else []
        return ", ".join(holes) or None


@contextmanager
def _trial() -> Iterator[tuple[Path, dict[str, object], Callable[[], list[str]]]]:
    """Yield a run folder, the things outside it that the child must not reach, and a check of what arrived."""
    with ExitStack() as kept:
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="fence-"))).resolve()
        run, secret = folder / "run", folder / "secret" / "file"
        (run / "work").mkdir(parents=True)
        (run / "job.json").write_text("{}")
        secret.parent.mkdir()
        secret.write_bytes(b"secret")
        shared = kept.enter_context(tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        port = kept.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix, abstract = (kept.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        names = str(folder / "socket"), f"\0{folder}"
        for listening, name in zip((unix, abstract), names, strict=True):
            listening.bind(name)
            listening.listen()
        datagrams = [
            kept.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for family in (socket.AF_INET, socket.AF_UNIX)
        ]
        datagrams[0].bind(("127.0.0.1", 0))
        datagrams[1].bind(f"\0{folder}/datagrams")
        process = kept.enter_context(
            subprocess.Popen(["sleep", "600"], env={"BAIT": "x", "PATH": os.defpath}, stdin=subprocess.DEVNULL)
        )
        kept.callback(process.kill)
        bait = {
            "run": str(run / "job.json"), "file": str(secret), "shared": shared.name, "socket": names[0],
            "abstract": names[1], "port": port.getsockname()[1], "datagrams": datagrams[0].getsockname()[1],
            "abstract datagrams": f"\0{folder}/datagrams", "pid": process.pid,
            "processes": os.readlink("/proc/self/ns/pid"),
        }  # fmt: skip

        def arrived() -> list[str]:
            return ["a datagram can be sent"] if any(_has_datagram(listening) for listening in datagrams) else []

        yield run, bait, arrived


def _has_datagram(listening: socket.socket) -> bool:
    listening.setblocking(False)
    try:
        listening.recv(1)
    except BlockingIOError:
        return False
    return True
