"""Where a stranger's model runs: a child process with no token, no network, an empty home, limits and an end.

On Linux with user namespaces the child gets its own network (none), process table and mounts; where those are not
allowed, Python's sockets are closed instead. Which of the two it was is written into the result.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evaluator.job import LOG, NOBODYS_FAULT, RESULTS, Failure
from evaluator.run_log import RunLog
from src.core.queue.failures import FAILURES

REPOSITORY = Path(__file__).resolve().parents[1]
SANDBOX = "EVALUATOR_SANDBOX"
HIDDEN = "EVALUATOR_HIDDEN"

LADDER = {
    # a shell is the first process: it tells by 128 + n which signal ended the child, which unshare does not
    "namespaces: user, network, process, mount": (
        *("unshare", "-Urnmpf", "--kill-child", "--mount-proc"),
        *("sh", "-c", '"$@"; exit $?', "sh"),
    ),
    "namespaces: user, network": ("unshare", "-Urn"),
}
SOCKETS_CLOSED = "Python sockets closed"

PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "OMP_NUM_THREADS",
          "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "ROCR_VISIBLE_DEVICES")  # fmt: skip
SECRET_FILES = ("~/.cache/huggingface/token", "~/.cache/huggingface/stored_tokens", "~/.netrc", "~/.git-credentials")


@dataclass(frozen=True)
class Limits:
    """What a child may use before it is ended."""

    seconds: float = 24 * 3600.0
    memory_bytes: int | None = None  # of private memory; None: no limit of ours
    file_bytes: int = 256 * 2**30  # of one file it writes
    grace: float = 10.0  # seconds between asking it to stop and killing it


Event = Mapping[str, Any]


@cache
def strength() -> str:
    """The strongest way of shutting a child in that this machine allows."""
    for name, command in LADDER.items():
        try:
            done = subprocess.run([*command, "true"], capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return name
    return SOCKETS_CLOSED


def environment(run: Path, datasets_cache: Path, nltk_data: Path | None) -> dict[str, str]:
    """Everything the child finds in its environment: an allow-list, and no network for any library that asks."""
    home = run / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    return passed | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_DATASETS_CACHE": str(datasets_cache),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "USE_HUB_KERNELS": "NO",
        "NLTK_DATA": str(nltk_data or home),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "true",
        SANDBOX: strength(),
        HIDDEN: os.pathsep.join(str(path) for path in secret_files()),
    }


def secret_files() -> list[Path]:
    """Files on this machine that hold a token and must not be readable in the child."""
    from huggingface_hub import constants

    known = [Path(name).expanduser() for name in SECRET_FILES]
    known += [Path(constants.HF_TOKEN_PATH), Path(constants.HF_STORED_TOKENS_PATH)]
    return [path for path in dict.fromkeys(known) if path.is_file()]


def run_child(
    run: Path,
    benchmarks: Path,
    limits: Limits,
    *,
    log: RunLog | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    stop: threading.Event | None = None,
    nltk_data: Path | None = None,
    module: str = "evaluator.harness",
) -> Failure | None:
    """Run the job of folder `run` to its end and return why it failed, or None where `results.json` is there.

    The child works in `benchmarks`. It and everything it started are dead when this returns. Setting `stop` ends it.
    `log` says what of its words may leave the box.
    """
    log = log or RunLog(run)
    cache_folder = run / "datasets"
    shutil.rmtree(cache_folder, ignore_errors=True)  # a frozen option order of an earlier run must not come back
    read, write = os.pipe()
    command = [sys.executable, "-P", "-m", module, str(run.resolve()), str(write)]
    command = [*LADDER.get(strength(), ()), *command]
    _hide_own_memory()
    with (run / LOG).open("ab") as written:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            cwd=benchmarks,
            env=environment(run.resolve(), cache_folder.resolve(), nltk_data),
            pass_fds=[write],
            start_new_session=True,
            preexec_fn=lambda: _limit(limits),  # noqa: PLW1509  (system calls only, nothing that takes a lock)
        )
    os.close(write)
    told: dict[str, Failure] = {}
    listener = threading.Thread(target=_listen, args=(read, on_event, told, log), daemon=True)
    listener.start()
    try:
        ended = _wait(child, limits, stop)
    finally:
        _kill_group(child)
        listener.join(timeout=limits.grace)
        shutil.rmtree(cache_folder, ignore_errors=True)
        shutil.rmtree(run / "home", ignore_errors=True)
    if child.returncode == 0 and (run / RESULTS).exists():
        return None
    return ended or told.get("failed") or _explain(child.returncode, run, log)


def close_doors() -> None:
    """Called by the child before it imports anything else: what the parent could not shut from outside."""
    hidden = [path for path in os.environ.pop(HIDDEN, "").split(os.pathsep) if path]
    name = os.environ.get(SANDBOX, "")
    libc = ctypes.CDLL(None, use_errno=True)
    if "mount" in name:
        for path in hidden:
            libc.mount(b"/dev/null", path.encode(), None, MS_BIND, None)
    if name == SOCKETS_CLOSED:
        _close_sockets()
    _drop_capabilities(libc)


MS_BIND = 4096
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
CAPABILITY_VERSION = 0x20080522


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Throw the keys away: being root inside the namespaces must not allow undoing them."""
    if not sys.platform.startswith("linux"):
        return
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    libc.capset(header, nothing)


def _close_sockets() -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError("an evaluation has no network")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        setattr(socket.socket, name, refuse)
    socket.getaddrinfo = refuse


def _hide_own_memory() -> None:
    """A child of the same user may otherwise read this process's first environment, token and all, from /proc."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _limit(limits: Limits) -> None:
    """Runs in the child between fork and exec."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # an evaluator that dies takes it along
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))
    if limits.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))


def _wait(child: subprocess.Popen[bytes], limits: Limits, stop: threading.Event | None) -> Failure | None:
    end = time.monotonic() + limits.seconds
    while True:
        try:
            child.wait(timeout=0.2)
            return None
        except subprocess.TimeoutExpired:
            if stop is not None and stop.is_set():
                return Failure("stopped", "The evaluation was stopped by the evaluator's owner.")
            if time.monotonic() > end:
                hours = limits.seconds / 3600
                return Failure("timed-out", f"The evaluation did not end within {hours:.3g} hours and was stopped.")


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Nothing in a run is worth a goodbye: answers are on disk before they are told."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()
    child.wait()


def _listen(read: int, on_event: Callable[[Event], None], told: dict[str, Failure], log: RunLog) -> None:
    with os.fdopen(read, "r", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line[:100_000])
            except ValueError:
                continue  # a child may write what it likes
            if not isinstance(event, dict) or not isinstance(event.get("event"), str):
                continue
            log.hear(event)
            if event["event"] == "failed":
                said = {key: str(event.get(key) or "")[:20_000] for key in ("code", "message", "traceback")}
                code = said["code"] if said["code"] in ITS_OWN else "harness"
                told["failed"] = log.may_say(Failure(code, said["message"], said["traceback"]))
            on_event(event)


ITS_OWN = FAILURES.keys() - NOBODYS_FAULT
"""What a child may say of itself. A stranger's model is at work in it: it shall not end the box, nor go uncounted."""
MEMORY = re.compile(r"^MemoryError|OutOfMemoryError|Cannot allocate memory", re.MULTILINE)


def _explain(code: int, run: Path, log: RunLog) -> Failure:
    tail, end = log.text(4000), (run / LOG).read_bytes()[-4000:].decode("utf-8", "replace")
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL) or MEMORY.search(end):
        return Failure("out-of-memory", "The evaluation was killed, most likely because memory ran out.", tail)
    if code == 0:
        return Failure("crashed", "The evaluation ended without a result.", tail)
    return Failure("crashed", f"The evaluation ended with exit code {code}.", tail)
