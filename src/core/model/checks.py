"""Checks before a GPU is spent: a model's repository is read as data, and each check answers with a sentence.

Nothing is imported, rendered or loaded. The submission page shows the list; an evaluator runs it again on what it
downloads, because a repository may change between the two and a box trusts nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from src.core.errors import BadInputError
from src.core.model import chat_templates
from src.core.model import config as model_config
from src.core.model.architectures import check_architectures, check_type
from src.core.model.fit.weight_names import WeightFit
from src.core.model.memory import run_gb
from src.core.model.precision import check_quantization
from src.core.model.repository import ModelLimits, Repository
from src.core.model.safetensors import count_dtypes
from src.core.model.tokenizer import check_tokenizer

__all__ = ["SAFETY", "Check", "Facts", "ModelLimits", "Repository", "examine", "facts"]

State = Literal["passed", "noted", "refused"]

SHORTEST_CARD = 200  # characters of text below the header


@dataclass(frozen=True)
class Check:
    """One line of the list: what was looked at, how it went, and what to do if it did not."""

    key: str
    title: str
    state: State
    sentence: str


@dataclass(frozen=True)
class Facts:
    """What is known of a model after its checks."""

    revision: str
    params_b: float | None = None  # billions
    memory_gb: float | None = None  # that a run needs
    download_bytes: int | None = None
    architectures: str | None = None  # ";"-joined
    model_type: str | None = None
    license: str | None = None
    likes: int | None = None
    chat_template: str | None = None  # the file it stands in; None: there is none
    chat_template_text: str | None = None
    base_model: str | None = None
    notes: tuple[str, ...] = ()  # what a reader of the result has to know of the weights
    dtypes: Mapping[str, int] = field(default_factory=dict)


def examine(repository: Repository) -> list[Check]:
    """Return every check in order; one that cannot be made because an earlier one failed is left out."""
    done: list[Check] = []
    refused: set[str] = set()
    for key, title, needs, check in CHECKS:
        if refused & needs:
            continue
        try:
            state, sentence = check(repository)
        except BadInputError as error:
            state, sentence = "refused", str(error)
        if state == "refused":
            refused.add(key)
        done.append(Check(key, title, state, sentence))
    return done


def facts(repository: Repository) -> Facts:
    """Return what the checks learnt. Call it after `examine` refused nothing; what cannot be read is None."""
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
        license=repository.card.license if repository.card else None,
        likes=source.about.likes,
        chat_template=next(iter(repository.templates), None),
        chat_template_text=next(iter(repository.templates.values()), None),
        base_model=base if isinstance(base, str) else None,
        notes=tuple(_notes(repository.fit)),
        dtypes=count_dtypes(repository.tensors),
    )


Answer = tuple[State, str]


def _paths(repository: Repository) -> Answer:
    model_config.check_paths(repository.source.files)
    return "passed", f"{len(repository.source.files)} files at {repository.source.revision[:7]}."


def _no_code(repository: Repository) -> Answer:
    code = sorted(path for path in repository.source.files if path.lower().endswith(model_config.CODE))
    if code:
        return "noted", f"{', '.join(code[:3])}{' and more' if len(code) > 3 else ''} will not be downloaded or run."
    return "passed", "No code in the repository."


def _config(repository: Repository) -> Answer:
    for name, table in {"config": repository.config, **repository.side_files}.items():
        model_config.check_keys(table, name)
    return "passed", "Settings are plain data."


def _architecture(repository: Repository) -> Answer:
    if repository.weight_type == "Adapter":
        model_config.check_adapter(repository.config)
        return "passed", f"A {repository.config['peft_type']} adapter."
    sentence = check_type(repository.config)
    check_architectures(repository.config)
    check_quantization(repository.config, repository.precision)
    return "passed", sentence


def _weights(repository: Repository) -> Answer:
    count = len(repository.weights)
    return "passed", "safetensors, " + ("one file." if count == 1 else f"{count} files.")


def _size(repository: Repository) -> Answer:
    billions = repository.parameters / 1e9
    if repository.parameters == 0:
        raise BadInputError("The safetensors files hold no weights. Upload the model again.")
    if repository.weight_type != "Adapter":
        model_config.check_sizes(repository.config, repository.parameters, len(repository.tensors))
    model, largest = repository.source.model, repository.limits.largest_b
    most_gb = run_gb(largest, "bfloat16")
    if repository.memory_gb > most_gb:
        raise BadInputError(
            f"`{model}` at {repository.source.revision[:7]} is {billions:.3g} B in {repository.precision}, "
            f"which needs about {repository.memory_gb:.3g} GB of memory; this queue takes up to {most_gb:.3g} GB, "
            f"{largest:.3g} B in bfloat16. Choose a smaller model or a lower precision."
        )
    return (
        "passed",
        f"{billions:.3g} B numbers, about {repository.memory_gb:.3g} GB of memory in {repository.precision}.",
    )


def _fit(repository: Repository) -> Answer:
    """Compare the tensors' names with those that a loader asks for: what it does not find, it fills at random."""
    fit = repository.fit
    if fit is None:
        return "noted", "The names of this type's tensors are not known here; the evaluator compares them."
    if fit.copies:
        names = ", ".join(f"`{prefix}`" for prefix in fit.copies)
        raise BadInputError(f"The weights hold more than one model ({names}). Save the one that is meant.")
    if fit.missing:
        shown = ", ".join(f"`{name}`" for name in fit.missing[:3])
        more = f" and {len(fit.missing) - 3:,} more" if len(fit.missing) > 3 else ""
        raise BadInputError(
            f"The weights do not fit config.json: {shown}{more} {'is' if len(fit.missing) == 1 else 'are'} missing, "
            "and would be filled with random numbers. Save the model again with `save_pretrained`."
        )
    notes = list(_notes(fit))
    return ("noted", " ".join(notes)) if notes else ("passed", f"All {len(repository.tensors):,} tensors have a place.")


def _notes(fit: WeightFit | None) -> list[str]:
    """Return what a result has to say of the weights."""
    if fit is None:
        return []
    notes = []
    if fit.prefix and fit.renamed:
        notes.append(f"The names of {len(fit.renamed):,} tensors begin `{fit.prefix}`; that is taken off.")
    if fit.surplus:
        notes.append(
            f"{len(fit.surplus):,} tensors have no place in the model and are not used: `{fit.surplus[0][:80]}`"
            f"{' and others' if len(fit.surplus) > 1 else ''}."
        )
    return notes


def _tokenizer(repository: Repository) -> Answer:
    if repository.speaker is not repository:
        return "passed", "The base model's tokenizer is used."
    if repository.weight_type == "Adapter" and not repository.has_tokenizer:
        return "passed", "The base model's tokenizer is used."
    if not repository.has_tokenizer:
        raise BadInputError("There is no tokenizer. Upload tokenizer.json (`tokenizer.save_pretrained`).")
    return check_tokenizer(repository)


def _template(repository: Repository) -> Answer:
    for name, text in repository.templates.items():
        chat_templates.check(text, name)
    whose = "" if repository.speaker is repository else " of the base model"
    if not repository.templates:
        if repository.use_chat_template:
            raise BadInputError(
                "A chat template was asked for, but there is none. Add one (`tokenizer.chat_template`), or choose no."
            )
        return "noted", "None found; prompts are sent as plain text."
    return "passed", f"Found in {next(iter(repository.templates))}{whose}."


def _license(repository: Repository) -> Answer:
    if repository.card is None or not repository.card.license:
        raise BadInputError("The model card names no licence. Add `license:` to the header of README.md.")
    return "passed", repository.card.license


def _card(repository: Repository) -> Answer:
    if repository.card is None:
        raise BadInputError("There is no model card. Add a README.md that says what the model is and how it was made.")
    if len(repository.card.text.strip()) < SHORTEST_CARD:
        raise BadInputError(
            f"The model card is shorter than {SHORTEST_CARD} characters. Say what the model is and how it was made."
        )
    return "passed", "Found."


def _access(repository: Repository) -> Answer:
    about = repository.source.about
    if about.private or (about.gated and not repository.limits.gated_allowed):
        raise BadInputError(
            f"`{repository.source.model}` is {'private' if about.private else 'gated'}. Open it, then submit."
        )
    return "passed", "Public."


CHECKS: tuple[tuple[str, str, set[str], Callable[[Repository], Answer]], ...] = (
    # key, title, the checks that must have passed before, the check
    ("access", "Readable by everyone", set(), _access),
    ("paths", "Files", set(), _paths),
    ("code", "Code", set(), _no_code),
    ("config", "Settings", {"paths"}, _config),
    ("architecture", "Architecture", {"paths", "config"}, _architecture),
    ("weights", "safetensors", {"paths"}, _weights),
    ("size", "Size", {"paths", "config", "architecture", "weights"}, _size),
    ("fit", "Weights fit", {"paths", "config", "architecture", "weights", "size"}, _fit),
    ("tokenizer", "Tokenizer", {"paths", "config", "architecture", "weights", "size"}, _tokenizer),
    ("template", "Chat template", {"paths", "config"}, _template),
    ("license", "Licence", set(), _license),
    ("card", "Model card", {"paths"}, _card),
)

SAFETY = {"paths", "config", "architecture", "weights", "size", "fit", "tokenizer", "template"}
"""What an evaluator insists on whatever the page let through; the others are manners."""
