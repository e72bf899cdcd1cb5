"""A model's repository under examination: each file is read once, and only if a check needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from src.core.model import chat_templates
from src.core.model import config as model_config
from src.core.model.card import ModelCard, parse_card
from src.core.model.fit.weight_names import WeightFit, fit_adapter, fit_weights
from src.core.model.memory import run_gb
from src.core.model.safetensors import Tensor, count_parameters, header_length, read_header
from src.core.model.source import ModelSource

LARGEST_CARD = 4 * 2**20
TOKENIZERS = (
    {"tokenizer.json"},
    {"tokenizer.model"},
    {"vocab.json", "merges.txt"},
    {"spiece.model"},
    {"tekken.json"},
)


@dataclass(frozen=True)
class ModelLimits:
    """What a queue takes."""

    largest_b: float = 80.0  # billions of numbers, at two bytes each
    gated_allowed: bool = False


@dataclass
class Repository:
    """A model's repository. `base`: the repository that an adapter or a delta is applied to."""

    source: ModelSource
    precision: str = "bfloat16"
    weight_type: str = "Original"
    limits: ModelLimits = field(default_factory=ModelLimits)
    use_chat_template: bool | None = None  # None: use it if there is one
    base: Repository | None = None

    @cached_property
    def config(self) -> Mapping[str, Any]:
        return model_config.read_json(self.source, model_config.config_name(self.weight_type))

    @cached_property
    def side_files(self) -> Mapping[str, Mapping[str, Any]]:
        """The other tables that a loader reads, as far as they exist."""
        return {
            name: model_config.read_json(self.source, name)
            for name in model_config.SIDE_FILES
            if name in self.source.files
        }

    @cached_property
    def weights(self) -> tuple[str, ...]:
        """The files the weights are loaded from.

        Raises BadInputError if there are none or the index points elsewhere.
        """
        return model_config.weight_files(self.source, self.weight_type)

    @cached_property
    def tensors(self) -> list[Tensor]:
        found: list[Tensor] = []
        for path in self.weights:
            size = self.source.files[path]
            length = header_length(self.source.read(path, 0, 8), size, path)
            found += read_header(self.source.read(path, 8, length), size, path)
        return found

    @cached_property
    def fit(self) -> WeightFit | None:
        """How the tensors' names fit the model; None if nothing is known of its type."""
        names = [tensor.name for tensor in self.tensors]
        return fit_adapter(names) if self.weight_type == "Adapter" else fit_weights(self.config, names)

    @cached_property
    def card(self) -> ModelCard | None:
        """The model card at this commit; what a server says of it may be of another commit, or missing."""
        if "README.md" not in self.source.files:
            return None
        return parse_card(self.source.read("README.md", 0, LARGEST_CARD))

    @cached_property
    def parameters(self) -> int:
        return count_parameters(self.tensors, self.config.get("quantization_config"))

    @property
    def memory_gb(self) -> float:
        """The GB that a run needs."""
        return run_gb(self.parameters / 1e9, self.precision)

    @property
    def has_tokenizer(self) -> bool:
        """Whether the repository holds a tokenizer of its own."""
        return any(files <= set(self.source.files) for files in TOKENIZERS)

    @property
    def speaker(self) -> Repository:
        """The repository whose tokenizer and chat template a run uses: its own if it has one, else its base's."""
        return self if self.base is None or self.has_tokenizer else self.base

    @cached_property
    def templates(self) -> Mapping[str, str]:
        """The chat templates that a run may use, by the place they stand in."""
        if self.speaker is not self:
            return self.speaker.templates
        return chat_templates.find(self.source, self.side_files.get("tokenizer_config.json", {}))
