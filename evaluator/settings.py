"""Settings of every run on this machine, as the command line sets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from src.core.model.checks import ModelLimits


@dataclass(frozen=True)
class ChildLimits:
    """Resource limits of a child; it is ended if it exceeds one."""

    seconds: float = 24 * 3600.0
    memory_bytes: int | None = None  # of private memory per process, and of the total memory; None: no limit
    disk_bytes: int = 64 * 2**30  # of its run folder and of every file it writes
    grace: float = 10.0  # seconds between SIGTERM and SIGKILL
    fenced: bool = True  # False: it runs with all the rights of this account


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run. `token` opens gated datasets and models; it never reaches a child."""

    workspace: Path
    backend: str = "prefix-tree"
    backend_args: dict[str, Any] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()  # benchmarks or tasks; empty: the whole suite
    limit: float | None = None  # items of each task; below 1: a share of them
    subset: int | None = None  # number of questions per benchmark: the result is an estimate, stored separately
    perturb: tuple[str, ...] = ()  # other ways to ask multiple-choice questions: "order", "labels"
    device: str | None = None
    batch_size: int | str = 8
    offline: bool = False
    limits: ChildLimits = field(default_factory=ChildLimits)
    models: ModelLimits = field(default_factory=ModelLimits)
    keep: bool = False  # weights and run folders after publishing
    token: str | None = None
    own_tasks: Path | None = None  # folder of the board's own task files
    allow_code: bool = False  # run tasks that execute the model's answers
    trust_tasks: bool = False  # run Python files beside the board's own task files
    unsupported: Mapping[str, str] = field(default_factory=dict)  # quantisation method → why this machine lacks it
    endpoints: Path | None = None  # the file of the servers that this machine may ask
    budget: Decimal | None = None  # dollars for one run on a server; None: the endpoint's own
    device_price: float | None = None  # dollars for an hour of one device

    @property
    def benchmarks(self) -> Path:
        """The folder with the benchmarks' items."""
        return self.workspace / "benchmarks"
