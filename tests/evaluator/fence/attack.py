"""Lay out bait, let the hostile child at it behind one rung of the fence, print a verdict as JSON.

`python -m tests.evaluator.fence.attack RUNG FOLDER [DEVICE]`, as root or as an ordinary user.

RUNG may be `landlock-1` to `landlock-6` for the third rung as a kernel with that version of Landlock would have it, or
`strongest`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluator.fence import ladder, view
from evaluator.job import RESULTS
from evaluator.run import sandbox
from evaluator.run.run_log import RunLog
from evaluator.run_files import BadRunError, read, read_json
from evaluator.served.answers import AnswerStore
from evaluator.served.endpoints import Endpoint
from evaluator.served.gateway import Gateway
from evaluator.settings import ChildLimits
from tests.evaluator.fence.hostile_child import FINDINGS, call, number

CANARY = "CANARY-3f9a1c"


def lay_out(folder: Path, kept: ExitStack) -> dict[str, Any]:
    """Files, sockets and processes that no child may get at."""
    home, run = folder / "home", folder / "workspace" / "runs" / "mine"
    secrets = {
        "ssh_key": home / ".ssh" / "id_ed25519",
        "cloud_keys": home / ".aws" / "credentials",
        "hub_token": home / ".cache" / "huggingface" / "token",
        "service_environment": folder / "etc" / "leaderboard.env",
        "other_run": folder / "workspace" / "runs" / "other" / "work" / "results.json",
        "other_model": folder / "workspace" / "models" / "other" / "model.safetensors",
        "shared_memory": Path(f"/dev/shm/bait-{os.getpid()}"),
        "beside_the_run": folder / "workspace" / "runs" / "beside",
    }
    targets = {
        "shell_start": home / ".bashrc",
        "benchmark_item": folder / "workspace" / "benchmarks" / "org" / "set" / "items.jsonl",
        "weights": folder / "workspace" / "models" / "mine" / "model.safetensors",
        "job": run / "job.json",
        "energy": run / "energy.json",
    }
    for path in (*secrets.values(), *targets.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{CANARY} {path.name}" if path in secrets.values() else "{}")
    kept.callback(secrets["shared_memory"].unlink, missing_ok=True)
    new = {
        "temporary_file": Path(f"/tmp/bait-{os.getpid()}"), "own_log": run / "log.txt",
        "checkout": view.REPOSITORY / "evaluator" / "job.py", "package": Path(json.__file__),
    }  # fmt: skip
    new["temporary_file"].write_text("{}")
    kept.callback(new["temporary_file"].unlink, missing_ok=True)
    os.environ |= {"HOME": str(home), "HF_TOKEN": CANARY, "SOME_PASSWORD": CANARY, "SERVER_API_KEY": CANARY}
    bait: dict[str, Any] = {
        "secrets": {name: str(path) for name, path in secrets.items()},
        "targets": {name: str(path) for name, path in (targets | new).items()},
        "home": str(home), "canary": CANARY, "parent": os.getpid(), "repository": str(view.REPOSITORY),
        "processes": os.readlink("/proc/self/ns/pid"),
        # folders that are there because something below them may be seen
        "ways": sorted({part for path in view.interpreter() for part in Path(path).parts}),
    }  # fmt: skip
    sleeper = kept.enter_context(
        subprocess.Popen(  # its command line and its environment are secrets
            ["sh", "-c", "sleep 600", CANARY], env={"X": CANARY, "PATH": os.defpath}, start_new_session=True
        )
    )
    kept.callback(os.killpg, sleeper.pid, signal.SIGKILL)
    memory = ctypes.create_string_buffer(CANARY.encode())
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(0, 4096, 0o1600)
    kept.callback(libc.shmctl, segment, 0, None)
    kept.callback(lambda: memory.raw)  # it stays where it is until then
    queue = f"bait-{os.getpid()}"
    call(number(240, 180), queue.encode(), os.O_CREAT | os.O_RDWR, 0o600, None)
    kept.callback(call, number(241, 181), queue.encode())
    return bait | {
        "sleeper": sleeper.pid,
        "group": os.getpgid(sleeper.pid),
        "address": ctypes.addressof(memory),
        "segment": segment,
        "queue": queue,
    }


def listen(folder: Path, kept: ExitStack) -> tuple[dict[str, Any], list[socket.socket]]:
    """Sockets of every kind; the second are those at which something must not arrive."""
    tcp = kept.enter_context(socket.create_server(("0.0.0.0", 0)))
    found: dict[str, Any] = {"port": tcp.getsockname()[1], "address4": _address(), "port6": 1}
    listening = [tcp]
    if socket.has_ipv6:
        try:
            listening.append(kept.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6)))
            found["port6"] = listening[-1].getsockname()[1]
        except OSError:
            pass  # the machine has no IPv6
    udp = kept.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    found["datagrams"] = udp.getsockname()[1]
    found |= {"unix": str(folder / "u"), "unix datagrams": str(folder / "d"), "abstract": str(folder / "a")}
    for name, kind in (("u", socket.SOCK_STREAM), ("d", socket.SOCK_DGRAM)):
        for address in (str(folder / name), f"\0{folder / 'a'}{' datagrams' if name == 'd' else ''}"):
            unix = kept.enter_context(socket.socket(socket.AF_UNIX, kind))
            unix.bind(address)
            if kind == socket.SOCK_STREAM:
                unix.listen()
            listening.append(unix)
    return found, [*listening, udp]


def _address() -> str:
    """Return an address of this machine other than the loopback's; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))
            return str(asking.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def arrived(listening: list[socket.socket]) -> list[str]:
    """Return the sockets that received something."""
    found = []
    for each in listening:
        each.setblocking(False)
        try:
            each.accept() if each.type == socket.SOCK_STREAM else each.recv(1)
            found.append(str(each))
        except BlockingIOError:
            continue
    return found


def state(paths: list[str], folders: list[Path]) -> dict[str, Any]:
    """Contents, modes and times of files, and what lies in folders."""
    found: dict[str, Any] = {str(folder): sorted(map(str, folder.rglob("*"))) for folder in folders}
    for path in paths:
        about = os.lstat(path) if os.path.lexists(path) else None
        found[path] = about and (about.st_mode, about.st_mtime_ns, about.st_size, about.st_nlink)
    return found


def way_out(run: Path) -> Gateway:
    """Return the gateway of a child that asks a server: its pipes are one more thing that the child holds."""
    endpoint = Endpoint(name="x", base_url="http://127.0.0.1:9/v1", model="m", key_variable="SERVER_API_KEY", tries=1)
    return Gateway(endpoint, AnswerStore(run / "answers.sqlite"))


@dataclass(frozen=True)
class OldKernel(ladder.Fence):
    """The third rung on a kernel with an older Landlock; a newer one enforces no more than it is asked to."""

    version: int = 1

    def command(self, seen: view.VisiblePaths, cwd: Path, words: list[str]) -> list[str]:
        code = (
            "import sys; from evaluator.fence import enter, landlock; "
            f"landlock.version = lambda: {self.version}; enter.start(sys.argv[1:])"
        )
        whole = super().command(seen, cwd, words)
        return [sys.executable, "-P", "-c", code, *whole[len(ladder.python("")) :]]


def fence_of(rung: str) -> ladder.Fence:
    """Return the rung of that name, whatever holds here."""
    name, _, version = rung.partition("-")
    return OldKernel(name, version=int(version)) if version else ladder.Fence(name)


def attack(rung: str, folder: Path, device: str | None) -> dict[str, Any]:
    """What the child got, and what it changed."""
    with ExitStack() as kept:
        bait = lay_out(folder, kept) | {"device": device}
        sockets, listening = listen(folder, kept)
        run = folder / "workspace" / "runs" / "mine"
        (run / "task.json").write_text(json.dumps(bait | sockets))
        watched = [path for name, path in (bait["targets"] | bait["secrets"]).items() if name != "own_log"]
        before = state(watched, [folder / "home", folder / "etc", folder / "workspace" / "models"])
        if rung != "strongest":
            ladder.strongest = lambda: fence_of(rung)  # type: ignore[assignment]
        log = RunLog(run)
        gateway = way_out(run)
        failure = sandbox.run_child(
            run, folder / "workspace" / "benchmarks", ChildLimits(seconds=120), log=log,
            reads=[folder / "workspace" / "models" / "mine"], module="tests.evaluator.fence.hostile_child",
            pipes=gateway.child_ends, on_start=gateway.release_child_ends,
        )  # fmt: skip
        gateway.close()
        after = state(watched, [folder / "home", folder / "etc", folder / "workspace" / "models"])
        findings = read_json(run, FINDINGS)
        published = [str(failure), log.text(), log.tail()]
        for name in (RESULTS, "work/tasks/id_ed25519"):
            try:
                published.append(read(run, name).decode())
            except BadRunError as error:
                published.append(str(error))
        return {
            "got": {name: found["got"] for name, found in findings.items() if "got" in found},
            "refused": {name: found["refused"] for name, found in findings.items() if "refused" in found},
            "read": sorted(name for name, found in findings.items() if CANARY in json.dumps(found)),
            "changed": sorted(path for path in before if before[path] != after[path]),
            "arrived": arrived(listening),
            "published": [text for text in published if CANARY in text],
            "log": log.text(),
            "fence": str(sandbox.fence(ChildLimits())),
            "log is a file": not (run / "log.txt").is_symlink(),
        }


if __name__ == "__main__":
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    verdict = attack(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
    print(json.dumps(verdict))
