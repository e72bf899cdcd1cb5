"""What makes two runs one row: the model, and every setting that changes its answers.

Harmless differences (batch size, machine, which engine ran the same weights) are not part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from src.core.untrusted import mapping

SERVED = (
    "openai", "anthropic", "litellm", "textsynth", "watsonx", "cohere", "google", "mistral", "together", "openrouter",
    "-completions", "-chat", "endpoint", "inference-providers", "tgi", "groq", "grok", "bedrock", "azureai",
)  # fmt: skip
"""Parts of the names of backends that ask a server, whose weights and precision nobody can check."""
THINKING = ("enable_thinking", "thinking", "reasoning_effort", "reasoning_tokens", "thinking_budget", "effort")
ARGUMENTS = ("gguf_file", "add_bos_token", "system_instruction", *THINKING)
"""Model arguments that change answers and that no other field of a result says."""
HARMLESS = {"do_sample": ("False", "false"), "temperature": ("0", "0.0")}
"""Generation arguments with the values that every run has unless set otherwise."""


class RunRecord(Protocol):
    """What a run's identity is read from."""

    @property
    def model(self) -> str: ...
    @property
    def revision(self) -> str | None: ...
    @property
    def precision(self) -> str | None: ...
    @property
    def chat_template(self) -> str | None: ...
    @property
    def settings(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class RunIdentity:
    """The identity of one run. None is unknown; `configuration` is None for a run with nothing out of the ordinary."""

    model: str
    precision: str | None = None
    revision: str | None = None
    chat_template: bool | None = None
    configuration: str | None = None

    @classmethod
    def of(cls, result: RunRecord) -> RunIdentity:
        """Return the identity of a result."""
        parts = tuple(_configuration(result))
        return cls(
            model=result.model,
            precision=result.precision,
            revision=result.revision,
            chat_template=used_template(result),
            configuration=", ".join(parts) or None,
        )

    def agrees(self, other: RunIdentity) -> bool:
        """Return whether both could be one: what both know is equal, and so is the configuration."""
        return (self.model, self.configuration) == (other.model, other.configuration) and all(
            None in pair or pair[0] == pair[1]
            for pair in (
                (self.precision, other.precision),
                (self.revision, other.revision),
                (self.chat_template, other.chat_template),
            )
        )

    def filled(self, other: RunIdentity) -> RunIdentity:
        """Return this identity with what only `other` knows."""
        return replace(
            self,
            precision=self.precision or other.precision,
            revision=self.revision or other.revision,
            chat_template=self.chat_template if self.chat_template is not None else other.chat_template,
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        """What the run does not say about itself."""
        named = {"precision": self.precision, "revision": self.revision, "chat template": self.chat_template}
        return tuple(name for name, value in named.items() if value is None)

    def differences(self, other: RunIdentity) -> tuple[str, ...]:
        """Return in words how this run was configured otherwise than `other`."""
        words = []
        if self.chat_template is not other.chat_template and self.chat_template is not None:
            words.append("with a chat template" if self.chat_template else "without a chat template")
        ours, theirs = ((each.configuration or "").split(", ") for each in (self, other))
        return (*words, *(part for part in ours if part and part not in theirs))


def joined(identities: Sequence[RunIdentity]) -> dict[RunIdentity, RunIdentity]:
    """Map each identity to the one it is part of: a run that does not say all belongs to the only run it fits."""
    known = list(dict.fromkeys(identities))
    whole: dict[RunIdentity, RunIdentity] = {}
    for each in known:
        fitting = [other for other in known if other != each and len(other.unknown) < len(each.unknown)]
        fitting = [other for other in fitting if each.agrees(other)]
        whole[each] = each.filled(fitting[0]) if len(fitting) == 1 else each
    return {each: whole.get(target, target) for each, target in whole.items()}


def used_template(result: RunRecord) -> bool | None:
    """Return whether a chat template was used; a dump that speaks of templates at all says no by null."""
    if result.chat_template is not None:
        return True
    return False if "chat_template_sha" in result.settings else None


def arguments(text: Any) -> dict[str, str]:
    """Return lm-eval's `model_args` or `gen_kwargs`, "pretrained=org/name,dtype=auto" or already a mapping."""
    if isinstance(text, Mapping):
        return {str(name): str(value) for name, value in text.items()}
    pairs = (part.partition("=") for part in str(text or "").split(","))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def backend_of(result: RunRecord) -> str | None:
    """Return the harness's name for what ran the model."""
    backend = mapping(result.settings.get("config")).get("model")
    return str(backend) if backend else None


def is_served(backend: str | None) -> bool:
    """Return whether a backend asks a server instead of running weights."""
    return backend is not None and any(word in backend.lower() for word in SERVED)


def _configuration(result: RunRecord) -> Iterator[str]:
    config = mapping(result.settings.get("config"))
    given = {**arguments(config.get("model_args")), **arguments(config.get("metadata"))}
    if file := given.get("gguf_file"):
        yield str(file)
    if isinstance(result.chat_template, str) and result.chat_template:
        yield f"chat template {_mark(result.chat_template)}"
        if result.settings.get("fewshot_as_multiturn") is False:
            yield "examples in one turn"
    if system := result.settings.get("system_instruction") or given.get("system_instruction"):
        yield f"system prompt {_mark(str(system))}"
    if is_served(backend := backend_of(result)):
        yield f"served ({backend})"
    sampling = arguments(config.get("gen_kwargs"))
    for name in ARGUMENTS[1:]:
        if name != "system_instruction" and (value := given.get(name) or sampling.pop(name, None)):
            yield f"{name} {value}"
    for name, value in sorted(sampling.items()):
        if name not in ("until", "stop") and value not in ("", "None", *HARMLESS.get(name, ())):
            yield f"{name} {value}"
    if str(repeats := config.get("repeats") or 1) != "1":
        yield f"{repeats} repeats"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
