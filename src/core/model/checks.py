"""Checks before a GPU is spent: a model's repository is read as data, and each check answers with a sentence.

Nothing is imported, rendered or loaded. The submission page shows the list; an evaluator runs it again on what it
downloads, because a repository may change between the two and a box trusts nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from src.core.errors import BadInput
from src.core.model import chat_templates
from src.core.model import config as model_config
from src.core.model.architectures import MODEL_TYPES_LOADED
from src.core.model.safetensors import Tensor, count_dtypes, count_parameters, header_length, read_header
from src.core.model.source import ModelSource

State = Literal["passed", "noted", "refused"]

BYTES_PER_NUMBER = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "8bit": 1.0, "GPTQ": 0.6, "4bit": 0.6}
"""Memory of one number once loaded; packed formats keep their scales beside them."""

SHORTEST_CARD = 200  # characters of text below the header
LARGEST_CARD = 4 * 2**20
TOKENIZERS = ({"tokenizer.json"}, {"tokenizer.model"}, {"vocab.json", "merges.txt"}, {"spiece.model"})


@dataclass(frozen=True)
class Check:
    """One line of the list: what was looked at, how it went, and what to do where it did not."""

    key: str
    title: str
    state: State
    sentence: str


@dataclass(frozen=True)
class Limits:
    """What a queue takes."""

    largest_b: float = 80.0  # billions of numbers, at two bytes each
    gated_allowed: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of a model after its checks."""

    revision: str
    params_b: float | None = None  # billions
    memory_gb: float | None = None  # of the weights once loaded
    download_bytes: int | None = None
    architectures: str | None = None  # ";"-joined
    model_type: str | None = None
    license: str | None = None
    likes: int | None = None
    chat_template: str | None = None  # the file it stands in; None: there is none
    chat_template_text: str | None = None
    base_model: str | None = None
    dtypes: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Repository:
    """A model's repository under examination: reads each file once, and only what a check asks for."""

    source: ModelSource
    precision: str = "bfloat16"
    weight_type: str = "Original"
    limits: Limits = field(default_factory=Limits)

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
        """The files the weights are loaded from. Raises BadInput where there are none or the index points elsewhere."""
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
    def parameters(self) -> int:
        return count_parameters(self.tensors, self.config.get("quantization_config"))

    @property
    def memory_gb(self) -> float:
        return self.parameters * BYTES_PER_NUMBER.get(self.precision, 2.0) / 1e9

    @cached_property
    def templates(self) -> Mapping[str, str]:
        return chat_templates.find(self.source, self.side_files.get("tokenizer_config.json", {}))


def examine(repository: Repository) -> list[Check]:
    """Every check in order; one that cannot be made because an earlier one failed is left out."""
    done: list[Check] = []
    refused: set[str] = set()
    for key, title, needs, check in CHECKS:
        if refused & needs:
            continue
        try:
            state, sentence = check(repository)
        except BadInput as error:
            state, sentence = "refused", str(error)
        if state == "refused":
            refused.add(key)
        done.append(Check(key, title, state, sentence))
    return done


def facts(repository: Repository) -> Facts:
    """What the checks learnt. Call it after `examine` refused nothing; what cannot be read is None."""
    source = repository.source
    architectures = repository.config.get("architectures")
    base = repository.config.get("base_model_name_or_path")
    return Facts(
        revision=source.revision,
        params_b=repository.parameters / 1e9,
        memory_gb=repository.memory_gb,
        download_bytes=sum(source.files[path] for path in repository.weights),
        architectures=";".join(map(str, architectures)) if isinstance(architectures, list) else None,
        model_type=str(repository.config["model_type"]) if "model_type" in repository.config else None,
        license=source.about.license,
        likes=source.about.likes,
        chat_template=next(iter(repository.templates), None),
        chat_template_text=next(iter(repository.templates.values()), None),
        base_model=base if isinstance(base, str) else None,
        dtypes=count_dtypes(repository.tensors),
    )


Answer = tuple[State, str]


def _paths(repository: Repository) -> Answer:
    model_config.check_paths(repository.source.files)
    return "passed", f"{len(repository.source.files)} files at {repository.source.revision[:7]}."


def _no_code(repository: Repository) -> Answer:
    code = sorted(path for path in repository.source.files if path.lower().endswith(model_config.CODE))
    if code:
        raise BadInput(
            f"The repository holds code ({', '.join(code[:3])}). This board loads only what transformers knows; "
            "remove it, or upload the model without it."
        )
    return "passed", "No code in the repository."


def _config(repository: Repository) -> Answer:
    for name, table in {"config": repository.config, **repository.side_files}.items():
        model_config.check_keys(table, name)
    return "passed", "Settings are plain data."


def _architecture(repository: Repository) -> Answer:
    if repository.weight_type == "Adapter":
        model_config.check_adapter(repository.config)
        return "passed", f"A {repository.config['peft_type']} adapter."
    model_type = repository.config.get("model_type")
    if model_type not in MODEL_TYPES_LOADED:
        raise BadInput(
            f"Models of type {str(model_type)[:60]!r} are not taken: transformers must know them as text decoders "
            "without code of their own."
        )
    model_config.check_quantization(repository.config, repository.precision)
    return "passed", f"{model_type}, which transformers knows."


def _weights(repository: Repository) -> Answer:
    count = len(repository.weights)
    return "passed", "safetensors, " + ("one file." if count == 1 else f"{count} files.")


def _size(repository: Repository) -> Answer:
    billions = repository.parameters / 1e9
    if repository.parameters == 0:
        raise BadInput("The safetensors files hold no weights. Upload the model again.")
    if repository.weight_type != "Adapter":
        model_config.check_sizes(repository.config, repository.parameters, len(repository.tensors))
    model, largest = repository.source.model, repository.limits.largest_b
    if repository.memory_gb > largest * 2:
        raise BadInput(
            f"`{model}` at {repository.source.revision[:7]} is {billions:.3g} B in {repository.precision}, "
            f"{repository.memory_gb:.3g} GB; this queue takes up to {largest * 2:.3g} GB. Choose a smaller model "
            "or a lower precision."
        )
    return "passed", f"{billions:.3g} B numbers, {repository.memory_gb:.3g} GB in {repository.precision}."


def _tokenizer(repository: Repository) -> Answer:
    if repository.weight_type == "Adapter":
        return "passed", "The base model's tokenizer is used."
    present = set(repository.source.files)
    if not any(files <= present for files in TOKENIZERS):
        raise BadInput("There is no tokenizer. Upload tokenizer.json (`tokenizer.save_pretrained`).")
    if (large := max(repository.source.files.get(name, 0) for name in TOKENIZER_FILES)) > LARGEST_TOKENIZER:
        raise BadInput(f"The tokenizer is {large / 2**20:,.0f} MiB; at most {LARGEST_TOKENIZER // 2**20} are taken.")
    return "passed", "Found."


def _template(repository: Repository) -> Answer:
    for name, text in repository.templates.items():
        chat_templates.check(text, name)
    if not repository.templates:
        return "noted", "None found; prompts are sent as plain text."
    return "passed", f"Found in {next(iter(repository.templates))}."


def _license(repository: Repository) -> Answer:
    if not repository.source.about.license:
        raise BadInput("The model card names no licence. Add `license:` to the header of README.md.")
    return "passed", str(repository.source.about.license)


def _card(repository: Repository) -> Answer:
    if "README.md" not in repository.source.files:
        raise BadInput("There is no model card. Add a README.md that says what the model is and how it was made.")
    text = repository.source.read("README.md", 0, LARGEST_CARD).decode("utf-8", "replace")
    if text.startswith("---"):
        text = text[3:].partition("\n---")[2]
    if len(text.strip()) < SHORTEST_CARD:
        raise BadInput(
            f"The model card is shorter than {SHORTEST_CARD} characters. Say what the model is and how it was made."
        )
    return "passed", "Found."


def _access(repository: Repository) -> Answer:
    about = repository.source.about
    if about.private or (about.gated and not repository.limits.gated_allowed):
        raise BadInput(
            f"`{repository.source.model}` is {'private' if about.private else 'gated'}. Open it, then submit."
        )
    return "passed", "Public."


TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "spiece.model")
LARGEST_TOKENIZER = 256 * 2**20

CHECKS: tuple[tuple[str, str, set[str], Callable[[Repository], Answer]], ...] = (
    # key, title, the checks that must have passed before, the check
    ("access", "Readable by everyone", set(), _access),
    ("paths", "Files", set(), _paths),
    ("code", "No code of its own", set(), _no_code),
    ("config", "Settings", {"paths"}, _config),
    ("architecture", "Architecture", {"paths", "config"}, _architecture),
    ("weights", "safetensors", {"paths"}, _weights),
    ("size", "Size", {"paths", "config", "architecture", "weights"}, _size),
    ("tokenizer", "Tokenizer", {"paths"}, _tokenizer),
    ("template", "Chat template", {"paths", "config"}, _template),
    ("license", "Licence", set(), _license),
    ("card", "Model card", {"paths"}, _card),
)

SAFETY = {"paths", "code", "config", "architecture", "weights", "size", "tokenizer", "template"}
"""What an evaluator insists on whatever the page let through; the others are manners."""
