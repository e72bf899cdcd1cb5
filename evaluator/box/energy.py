"""The energy that a run used: measured on the GPUs through NVML if there are any, else estimated, and labelled so."""

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
KG_PER_KWH = 0.2698  # the default carbon intensity of the grid
CPU_WATTS_PER_CORE = 10.0  # for the estimate without a meter: a busy server core with its memory


ENERGY = "energy.json"  # in a run folder


@dataclass(frozen=True)
class Energy:
    """The energy that one run used, over all its attempts and parts."""

    method: Literal["measured (NVML, GPUs only)", "estimated"]
    kwh: float
    co2_kg: float
    seconds: float
    hardware: str

    def __add__(self, other: Energy) -> Energy:
        """Return the sum of two attempts or parts of a run."""
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
        """Read the energy recorded in a run folder; None if there is no record or it is damaged."""
        try:
            return cls(**json.loads((run / ENERGY).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, run: Path) -> None:
        """Record the energy in a run folder."""
        (run / ENERGY).write_text(json.dumps(asdict(self)), encoding="utf-8")


class Meter:
    """Measures energy while its context lasts, and adds it to what earlier attempts in the same run folder used."""

    def __init__(
        self,
        run: Path,
        gpus: Sequence[Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        period: float = 5.0,
        kg_per_kwh: float = KG_PER_KWH,
    ) -> None:
        """Prepare a meter.

        Args:
            run: the run folder in which the energy is recorded.
            gpus: objects with `joules()` (since some start; None if the card does not count), `watts()`, `name`.
            clock: returns seconds.
            period: seconds between two measurements.
            kg_per_kwh: carbon intensity of the grid.
        """
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
        """Return the energy used so far."""
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
    """Return the NVIDIA GPUs of this machine that a run may use; empty if there is no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except Exception:  # no library, no driver or no permission: measuring is not possible
        return []
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        chosen = [_find(pynvml, handles, part.strip()) for part in visible.split(",")]
        handles = list(itertools.takewhile(lambda handle: handle is not None, chosen))  # as CUDA reads it
    return [_Gpu(pynvml, handle) for handle in handles]


def _find(nvml: Any, handles: Sequence[Any], name: str) -> Any:
    """Return the card or MIG slice of an index or a UUID prefix, as CUDA reads it; None if there is none."""
    if name.isdigit():
        return handles[int(name)] if int(name) < len(handles) else None
    if name.startswith("GPU-"):
        return next((handle for handle in handles if _text(nvml.nvmlDeviceGetUUID(handle)).startswith(name)), None)
    try:
        return nvml.nvmlDeviceGetHandleByUUID(name) if name.startswith("MIG-") else None
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


class _Gpu:
    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle
        self.name = _text(nvml.nvmlDeviceGetName(handle))
        self.memory_bytes = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
        if _text(nvml.nvmlDeviceGetUUID(handle)).startswith("MIG-"):  # only complete cards have a meter
            self._handle = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)

    def joules(self) -> float | None:
        """Return the joules that the card has counted since its driver started; None on cards before Volta."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000
        except self._nvml.NVMLError:
            return None

    def watts(self) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1000
