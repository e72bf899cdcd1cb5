"""What a run drew: measured on the GPUs through NVML where there are any, else estimated, and labelled as which."""

from __future__ import annotations

import itertools
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

JOULES_PER_KWH = 3.6e6
KG_PER_KWH = 0.2698  # the mean grid that the board always reckoned with
CPU_WATTS_PER_CORE = 10.0  # for the estimate where nothing measures: a busy server core with its memory


ENERGY = "energy.json"  # in a run folder


@dataclass(frozen=True)
class Energy:
    """What one run used. Of a run in several attempts or parts, all of them together."""

    method: Literal["measured (NVML, GPUs only)", "estimated"]
    kwh: float
    co2_kg: float
    seconds: float
    hardware: str

    def __add__(self, other: Energy) -> Energy:
        hardware = dict.fromkeys([*self.hardware.split("; "), *other.hardware.split("; ")])
        return Energy(
            method=self.method if self.method == other.method else "estimated",
            kwh=self.kwh + other.kwh,
            co2_kg=self.co2_kg + other.co2_kg,
            seconds=self.seconds + other.seconds,
            hardware="; ".join(hardware),
        )

    @classmethod
    def read(cls, run: Path) -> Energy | None:
        """What a run folder has noted so far; None where nothing is there, or nothing whole."""
        try:
            return cls(**json.loads((run / ENERGY).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, run: Path) -> None:
        (run / ENERGY).write_text(json.dumps(asdict(self)), encoding="utf-8")


class Meter:
    """Counts while it runs, and adds to what earlier attempts of the same run folder counted."""

    def __init__(
        self,
        run: Path,
        gpus: Sequence[Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        period: float = 5.0,
        kg_per_kwh: float = KG_PER_KWH,
    ) -> None:
        """`gpus`: objects with `joules()` (since some start; None where the card cannot tell), `watts()`, `name`."""
        self._run = run
        self._gpus = list_gpus() if gpus is None else list(gpus)
        self._clock, self._period, self._kg_per_kwh = clock, period, kg_per_kwh
        self._before = Energy.read(run)
        self._joules = self._seconds = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Meter:
        self._at = self._clock()
        self._counters = [gpu.joules() for gpu in self._gpus]
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._add()

    def energy(self) -> Energy:
        """So far."""
        measured = bool(self._gpus)
        kwh = self._joules / JOULES_PER_KWH
        names = [gpu.name for gpu in self._gpus]
        parts = [f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
        own = Energy(
            method="measured (NVML, GPUs only)" if measured else "estimated",
            kwh=kwh,
            co2_kg=kwh * self._kg_per_kwh,
            seconds=self._seconds,
            hardware=", ".join(parts) or f"{os.cpu_count()} CPU cores ({platform.machine()})",
        )
        return self._before + own if self._before else own

    def _tick(self) -> None:
        while not self._stop.wait(self._period):
            self._add()

    def _add(self) -> None:
        now = self._clock()
        passed, self._at = now - self._at, now
        self._seconds += passed
        if not self._gpus:
            self._joules += passed * CPU_WATTS_PER_CORE * (os.cpu_count() or 1)
        for i, gpu in enumerate(self._gpus):
            counted = gpu.joules()
            before, self._counters[i] = self._counters[i], counted
            known = counted is not None and before is not None
            self._joules += counted - before if known else gpu.watts() * passed
        self.energy().write(self._run)


def list_gpus() -> list[Any]:
    """The NVIDIA GPUs of this machine that a run may use; none where there is no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except Exception:  # no library, no driver, no permission: then there is nothing to measure with
        return []
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        found = [_find(pynvml, handles, part.strip()) for part in visible.split(",")]
        handles = list(itertools.takewhile(lambda handle: handle is not None, found))  # as CUDA reads it
    return [_Gpu(pynvml, handle) for handle in handles]


def _find(nvml: Any, handles: Sequence[Any], name: str) -> Any:
    """The card or slice that CUDA calls so: its index, or its UUID as far as it is told; None where there is none."""
    if name.isdigit():
        return handles[int(name)] if int(name) < len(handles) else None
    if name.startswith("GPU-"):
        return next((handle for handle in handles if _words(nvml.nvmlDeviceGetUUID(handle)).startswith(name)), None)
    try:
        return nvml.nvmlDeviceGetHandleByUUID(name) if name.startswith("MIG-") else None
    except nvml.NVMLError:
        return None


def _words(said: str | bytes) -> str:
    return said.decode() if isinstance(said, bytes) else said


class _Gpu:
    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle
        self.name = _words(nvml.nvmlDeviceGetName(handle))
        self.memory_bytes = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
        if _words(nvml.nvmlDeviceGetUUID(handle)).startswith("MIG-"):  # only whole cards have a meter
            self._handle = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)

    def joules(self) -> float | None:
        """Counted by the card since its driver started; None on cards before Volta."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError:
            return None

    def watts(self) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1000
