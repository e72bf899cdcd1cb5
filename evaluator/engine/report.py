"""The report of what ran, stored in a result: equal for an interrupted and an uninterrupted run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

MODEL_NAME = "prefix-tree"
ENGINE_VERSION = "2"  # raise it when answers may change: stored responses of another version are not read

PACKAGES = ("lm_eval", "transformers", "torch", "tokenizers", "peft", "bitsandbytes", "compressed-tensors")


class NotFiniteError(ValueError):
    """Raised if a model's answer is NaN."""


@dataclass
class Verification:
    """Random documents scored again by stock in the same run."""

    documents: int = 0
    requests: int = 0
    largest_difference: float | None = None  # nats, over log-likelihood requests
    greedy_changed: int = 0  # requests whose `is_greedy` stock sees otherwise
    texts_changed: int = 0  # generated texts that differ from stock's


def all_of(parts: Iterable[Verification]) -> Verification | None:
    """Merge verifications of different documents; return None if there are none."""
    verifications = list(parts)
    if not verifications:
        return None
    differences = [part.largest_difference for part in verifications if part.largest_difference is not None]
    return Verification(
        documents=sum(part.documents for part in verifications),
        requests=sum(part.requests for part in verifications),
        largest_difference=max(differences, default=None),
        greedy_changed=sum(part.greedy_changed for part in verifications),
        texts_changed=sum(part.texts_changed for part in verifications),
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
    generation_defaults: str | None = None  # the suite's choice: "model" (its own settings count) or "none"
    generation_settings: dict[str, Any] = field(default_factory=dict)  # those that count, without its special tokens
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
        """Return the report as plain values."""
        return asdict(self)

    def determined(self) -> dict[str, Any]:
        """Return the fields that are only known after work, as far as this process knows them."""
        return {name: value for name in DETERMINED if (value := getattr(self, name)) is not None}


DETERMINED = (
    "scoring", "scoring_reason", "scoring_difference", "attention", "pack_tokens", "generation", "generation_reason",
)  # fmt: skip


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that an answer depends on."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed
