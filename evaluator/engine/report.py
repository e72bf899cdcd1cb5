"""What ran, in a form that travels inside a result: the same for an interrupted run and an uninterrupted one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

ENGINE_VERSION = "1"  # raise it when answers may change: stored responses of another version are not read

PACKAGES = ("lm_eval", "transformers", "torch", "tokenizers", "peft", "bitsandbytes", "compressed-tensors")


@dataclass
class Verification:
    """Random documents scored again by stock in the same run."""

    documents: int = 0
    requests: int = 0
    largest_difference: float | None = None  # nats, over log-likelihood requests
    greedy_changed: int = 0  # requests whose `is_greedy` stock sees otherwise
    texts_changed: int = 0  # generated texts that differ from stock's


def all_of(parts: Iterable[Verification]) -> Verification | None:
    """Verifications of different documents as one; None if there are none."""
    found = list(parts)
    if not found:
        return None
    differences = [part.largest_difference for part in found if part.largest_difference is not None]
    return Verification(
        documents=sum(part.documents for part in found),
        requests=sum(part.requests for part in found),
        largest_difference=max(differences, default=None),
        greedy_changed=sum(part.greedy_changed for part in found),
        texts_changed=sum(part.texts_changed for part in found),
    )


@dataclass
class EngineReport:
    """Engine, versions, dtypes and settings of a run; `as_dict` goes under `config.engine` of a result."""

    engine: str = "prefix-tree"
    engine_version: str = ENGINE_VERSION
    scoring: str | None = None  # packed, rows or stock
    scoring_reason: str | None = None
    scoring_difference: float | None = None  # nats from stock on the self-check
    attention: str | None = None
    generation: str | None = None  # continuous, rolling or stock
    generation_reason: str | None = None
    device: str | None = None
    dtype: str | None = None
    softmax_dtype: str = "float32"
    autocast: str | None = None
    quantization: str | None = None
    pack_tokens: int | None = None
    max_length: int | None = None
    verification: Verification | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def found_out(self) -> dict[str, Any]:
        """What only working shows, as far as this process has worked."""
        return {name: value for name in FOUND_OUT if (value := getattr(self, name)) is not None}


FOUND_OUT = (
    "scoring", "scoring_reason", "scoring_difference", "attention", "pack_tokens", "generation", "generation_reason",
)  # fmt: skip


def installed_versions() -> dict[str, str]:
    """Versions of the packages that an answer depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
