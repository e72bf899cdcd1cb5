"""Test whether the prefix-tree engine works on this machine, in a sandboxed child; store the outcome per version.

The parent does not import torch. If the self-test of a plain Llama falls back to stock execution, something on this
machine is incompatible with the engine (a new release, a driver). Then every model runs with stock execution, and the
reason is shown on the terminal, the page and in the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evaluator import engine
from evaluator.box.energy import list_gpus
from evaluator.child.engine_selftest import INPUT
from evaluator.engine.report import installed_versions
from evaluator.job import RESULTS
from evaluator.run import sandbox
from evaluator.run_files import distrust, read_json, remove
from evaluator.settings import ChildLimits, RunSettings
from src.core.errors import BoardError

KEPT = "engine.json"  # in the workspace
MOST_KEPT = 20
LIMITS = ChildLimits(seconds=300.0, disk_bytes=2**30)
CHILD = "evaluator.child.engine_selftest"


@dataclass(frozen=True)
class EngineStatus:
    """How the engine runs a plain Llama on this machine. `scoring` is None if the self-test did not end."""

    scoring: str | None = None
    generation: str | None = None
    reason: str = ""

    @property
    def is_off(self) -> bool:
        """Whether every model must run with stock execution."""
        return self.scoring == "stock"

    def sentence(self) -> str:
        """Return one line for a terminal or a log."""
        name = engine.MODEL_NAME
        if self.scoring is None:
            return f"engine: NOT TESTED, each model is checked as it loads: {self.reason}"
        if self.is_off:
            return f"engine: OFF, every model runs the stock way: {self.reason}"
        if self.generation == "stock":
            return f"engine: {name} ({self.scoring}); texts are generated the STOCK way: {self.reason}"
        slower = "" if self.scoring == "packed" else f", SLOWER than packed: {self.reason}"
        return f"engine: {name} ({self.scoring}){slower}"


def look(settings: RunSettings) -> EngineStatus | None:
    """Return the engine's status, from an earlier self-test or a new one; None for a backend without the engine."""
    if settings.backend != engine.MODEL_NAME:
        return None
    key = fingerprint(settings.device)
    kept = read_kept(settings.workspace / KEPT)
    with suppress(KeyError, TypeError):
        return EngineStatus(**kept[key])
    status = _test(settings)
    if status.scoring is not None:  # a test that did not end proves nothing about the next
        write_kept(settings.workspace / KEPT, dict(list(kept.items())[1 - MOST_KEPT :]) | {key: asdict(status)})
    return status


def apply(settings: RunSettings, status: EngineStatus | None) -> RunSettings:
    """Return settings that make every model run with stock execution if the engine is off.

    An engine mode that the operator forces in the backend's arguments is kept.
    """
    if status is None or not status.is_off or settings.backend_args.get("engine", "auto") != "auto":
        return settings
    return replace(settings, backend_args={**settings.backend_args, "engine_off": status.reason})


def fingerprint(device: str | None) -> str:
    """Return a hash of what the self-test's outcome depends on: versions, the engine's code, machine and device."""
    code = hashlib.sha256()
    for path in sorted(Path(engine.__file__).parent.rglob("*.py")):
        code.update(path.read_bytes())
    about = {
        "versions": installed_versions(),
        "python": platform.python_version(),
        "code": code.hexdigest(),
        "machine": [platform.node(), platform.machine(), _processor()],
        "gpus": [gpu.name for gpu in list_gpus()],
        "visible": [os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")],
        "device": device,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


def _test(settings: RunSettings) -> EngineStatus:
    settings.workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="selftest-", dir=settings.workspace))
    try:
        (folder / INPUT).write_text(json.dumps({"device": settings.device}), encoding="utf-8")
        limits = replace(LIMITS, fenced=settings.limits.fenced)
        failure = sandbox.run_child(folder, folder, limits, module=CHILD)
        if failure is not None:
            last = (failure.traceback or "").strip().rpartition("\n")[2]
            return EngineStatus(reason=_line(f"{failure.message} {last}"))
        outcome = read_json(folder, RESULTS)
        with distrust("The self-test's outcome"):
            slow = "scoring" if outcome["scoring"] != "packed" else "generation"
            return EngineStatus(outcome["scoring"], outcome["generation"], _line(outcome[f"{slow}_reason"]))
    except BoardError as error:  # no sandbox works here, or the child left no readable outcome
        return EngineStatus(reason=_line(error))
    finally:
        remove(folder)


def _line(text: object) -> str:
    return " ".join(str(text).split())[:300]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def read_kept(path: Path) -> dict[str, Any]:
    """Return the outcomes of earlier tests; empty if there are none or they cannot be read."""
    with suppress(OSError, ValueError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept if isinstance(kept, dict) else {}
    return {}


def write_kept(path: Path, kept: dict[str, Any]) -> None:
    """Write outcomes of tests, atomically."""
    with suppress(OSError):  # a full disk costs a self-test at the next start, nothing more
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        part.replace(path)
