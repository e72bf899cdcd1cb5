"""Run an untrusted model in a sandboxed child process, with no token, an empty home, resource limits and a timeout.

`evaluator.fence` decides what the child can see and reach; `run_files` reads what it wrote. A run folder belongs to the
evaluator and is read-only for the child, except its folder `work`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evaluator.fence import SANDBOX, ladder, syscalls, view, watch
from evaluator.fence.enter import LANDLOCK
from evaluator.fence.ladder import NONE, Fence
from evaluator.job import LOG, NOT_COUNTED, RESULTS, WORK, RunFailure
from evaluator.run.events import Event, read_events
from evaluator.run.run_log import RunLog
from evaluator.run_files import is_file, remove
from evaluator.settings import ChildLimits
from src.core.queue.failures import FAILURES

REPOSITORY = view.REPOSITORY
NEEDED = ("fcntl", "resource", "pwd")
"""Modules that Windows lacks."""

PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "OMP_NUM_THREADS",
          "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "ROCR_VISIBLE_DEVICES")  # fmt: skip
CACHES = {
    "HF_HOME": "hf",
    "XDG_CACHE_HOME": "xdg",
    "TORCH_HOME": "torch",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TORCH_EXTENSIONS_DIR": "extensions",
    "TRITON_HOME": "triton",
    "TRITON_CACHE_DIR": "triton/cache",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
    "VLLM_CACHE_ROOT": "vllm",
    "MPLCONFIGDIR": "matplotlib",
}
"""Variable that names a library's cache → its folder in the run. What a model compiled is deleted after its run."""
TEMPORARY = ("home", "tmp", "cache", "datasets")  # in the work folder, created for each child and removed after it


@dataclass(frozen=True)
class Child:
    """A module to run on a run folder, and the paths it may read besides that folder."""

    run: Path
    cwd: Path
    reads: tuple[Path, ...] = ()
    nltk_data: Path | None = None
    module: str = "evaluator.child.harness"
    pipes: tuple[int, ...] = ()  # descriptors that it inherits and finds in its arguments


def fence(limits: ChildLimits) -> Fence:
    """Return the fence for a child. Raise NoFenceError if `limits` require one and none works here."""
    require_limits()
    return ladder.strongest() if limits.fenced else Fence(NONE)


def require_limits() -> None:
    """Raise NoFenceError on a system where what a model uses cannot be limited, with a fence or without."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ladder.NoFenceError(
            f"A model's memory, disk and files cannot be limited here: this Python has no module {', '.join(missing)}. "
            "Models run on Linux: in WSL 2 on Windows, in a container or virtual machine on macOS."
        )


def describe(limits: ChildLimits) -> str:
    """Return a line about the sandbox for the terminal, or a warning if there is none."""
    if not limits.fenced:
        return ladder.WITHOUT
    try:
        return f"sandbox: {fence(limits)}"
    except ladder.NoFenceError as error:
        return str(error)


def run_child(
    run: Path,
    benchmarks: Path,
    limits: ChildLimits,
    *,
    log: RunLog | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    stop: threading.Event | None = None,
    nltk_data: Path | None = None,
    reads: Iterable[Path] = (),
    module: str = "evaluator.child.harness",
    pipes: tuple[int, ...] = (),
    on_start: Callable[[], None] = lambda: None,
) -> RunFailure | None:
    """Run the job of folder `run`; return the reason if it failed, or None if it wrote `results.json`.

    The child works in `benchmarks` and may read that folder, `run`, `reads` (the model) and `nltk_data`. The child and
    all its descendants have ended when this returns. Setting `stop` ends it. `log` decides which of its output may be
    published. `pipes`: descriptors that it inherits; `on_start` is called once it has them. Raise NoFenceError if no
    sandbox works.
    """
    log = log or RunLog(run)
    work = run.resolve() / WORK
    child = Child(run.resolve(), benchmarks.resolve(), tuple(reads), nltk_data, module, pipes)
    work.mkdir(exist_ok=True)
    for name in TEMPORARY:  # do not reuse a cached option order of an earlier run
        remove(work / name)
        (work / name).mkdir()
    reported: dict[str, RunFailure] = {}
    own = fence(limits)
    try:
        process, events = _start(child, limits, own)
    finally:
        on_start()
    listener = threading.Thread(target=_listen, args=(events, on_event, reported, log), daemon=True)
    listener.start()
    try:
        ended = _wait(process, work, limits, stop)
    finally:
        _end(process, limits.grace if own.rung == LANDLOCK else 0.0)
        listener.join(timeout=limits.grace)
        for name in TEMPORARY:
            remove(work / name)
    if process.returncode == 0 and ended is None and is_file(run, RESULTS):
        return None
    return ended or reported.get("failed") or _explain(process.returncode, log)


def _start(child: Child, limits: ChildLimits, own: Fence) -> tuple[subprocess.Popen[bytes], int]:
    """Start the child; return it and the read end of the pipe on which it reports its progress."""
    work, stubs = child.run / WORK, child.run / "fence"
    code = view.write_stubs(stubs, work / "home", child.module)
    more = [child.run, child.cwd, *child.reads, *([child.nltk_data] if child.nltk_data else [])]
    seen = view.of_run(work, stubs, more, child.module, limits.memory_bytes)
    read, write = os.pipe()
    words = [*ladder.python(child.module), str(child.run), str(write), *map(str, child.pipes)]
    if sys.platform.startswith("linux"):  # a child of the same user may otherwise read this process's environment
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    try:
        with (child.run / LOG).open("ab") as written:
            process = subprocess.Popen(
                own.command(seen, child.cwd, words),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                cwd=child.cwd,
                env=environment(work, code, child.nltk_data, own),
                pass_fds=[write, *child.pipes],
                start_new_session=True,
                preexec_fn=lambda: _limit(limits),  # noqa: PLW1509  (system calls only, nothing that takes a lock)
            )
    finally:
        os.close(write)
    return process, read


def environment(work: Path, code: Path, nltk_data: Path | None, own: Fence) -> dict[str, str]:
    """Return the child's environment variables: an allow-list, and settings that turn off network use of libraries."""
    home, base = work / "home", view.user_packages()
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    return passed | {
        "HOME": str(home),
        "USER": "model",
        "LOGNAME": "model",
        "TMPDIR": str(work / "tmp"),
        **{name: str(work / "cache" / folder) for name, folder in CACHES.items()},
        "HF_DATASETS_CACHE": str(work / "datasets"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "USE_HUB_KERNELS": "NO",
        "NLTK_DATA": str(nltk_data or home),
        "PYTHONPATH": str(code),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "true",
        SANDBOX: str(own),
        **({"PYTHONUSERBASE": base} if base else {}),
    }


def _limit(limits: ChildLimits) -> None:
    """Apply the limits; called in the child between fork and exec."""
    import resource

    if sys.platform.startswith("linux"):
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)  # the child ends when the evaluator dies
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.disk_bytes, limits.disk_bytes))
    if limits.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))


CHECK_SECONDS = 1.0  # between two checks of what a child uses


def _wait(
    child: subprocess.Popen[bytes], work: Path, limits: ChildLimits, stop: threading.Event | None
) -> RunFailure | None:
    end, next_check = time.monotonic() + limits.seconds, 0.0
    bounds = watch.Bounds(limits.disk_bytes, limits.memory_bytes)
    while True:
        try:
            child.wait(timeout=0.2)
            return None
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        if stop is not None and stop.is_set():
            return RunFailure("stopped", "The evaluation was stopped by the evaluator's owner.")
        if now > end:
            hours = limits.seconds / 3600
            return RunFailure("timed-out", f"The evaluation did not end within {hours:.3g} hours and was stopped.")
        if now >= next_check and sys.platform.startswith("linux"):
            problem = _excess(child.pid, work, bounds)
            if problem is not None:
                return problem
            # a check takes at most a tenth of the time
            next_check = time.monotonic() + max(CHECK_SECONDS, 10 * (time.monotonic() - now))


def _excess(child: int, work: Path, bounds: watch.Bounds) -> RunFailure | None:
    try:
        watch.check(child, work, work.parent / LOG, bounds)
    except MemoryError:
        most = (bounds.memory_bytes or 0) / 1e9
        return RunFailure("out-of-memory", f"The evaluation took more than {most:.3g} GB of memory and was stopped.")
    except watch.ExcessError as error:
        return RunFailure("over-limit", f"{error} The evaluation was stopped.")
    if watch.disk_is_full(work.parent):
        return RunFailure("disk-full", "The disk under the run folder has less than a gigabyte left.")
    return None


def _end(child: subprocess.Popen[bytes], grace: float) -> None:
    """End the child and its descendants immediately: answers are on disk before they are reported.

    `grace`: seconds for a supervisor to end descendants that no process namespace ends.
    """
    if grace:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.poll() is None:
        child.kill()
    child.wait()


def _listen(events: int, on_event: Callable[[Event], None], reported: dict[str, RunFailure], log: RunLog) -> None:
    with os.fdopen(events, "rb") as lines:
        for event in read_events(lines):
            log.record(event)
            if event["event"] == "failed":
                fields = {key: str(event.get(key) or "")[:20_000] for key in ("code", "message", "traceback")}
                code = fields["code"] if fields["code"] in CHILD_CODES else "harness"
                reported["failed"] = log.publishable(RunFailure(code, fields["message"], fields["traceback"]))
            on_event(event)


CHILD_CODES = FAILURES.keys() - NOT_COUNTED - {"server", "budget"}
"""Codes that a child may report. An untrusted model must not stop the evaluator or avoid that the attempt counts."""
MEMORY = re.compile(r"^MemoryError|OutOfMemoryError|Cannot allocate memory", re.MULTILINE)


def _explain(code: int, log: RunLog) -> RunFailure:
    tail = log.text(4000)
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL) or MEMORY.search(log.tail()):
        return RunFailure("out-of-memory", "The evaluation was killed, most likely because memory ran out.", tail)
    if code == 0:
        return RunFailure("crashed", "The evaluation ended without a result.", tail)
    return RunFailure("crashed", f"The evaluation ended with exit code {code}.", tail)
