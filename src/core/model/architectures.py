"""Which models generate text: by their type, and by the architectures that their configuration names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from src.core.errors import BadInputError
from src.core.model.fit.known import decoder, known, model_types

OTHER_HEADS = re.compile(
    r"For(Sequence|Token|Image|Audio|Video)\w*Classification$|ForQuestionAnswering$|ForMaskedLM$|ForMultipleChoice$"
    r"|ForNextSentencePrediction$|RewardModel$|EmbeddingModel$|ForEmbedding$|ForRetrieval$|ForScore$"
)
"""Names of heads that are not a language model's, of transformers and of others."""


def check_type(config: Mapping[str, Any]) -> str:
    """Return a sentence about the model type. Raise BadInputError if transformers has no text decoder for it."""
    model_type = config.get("model_type")
    if model_type in model_types():
        return f"{model_type}, which transformers knows."
    inner = decoder(config)
    if inner is not None:
        return f"{model_type}: its text model ({inner['model_type']}) is evaluated."
    raise BadInputError(
        f"Models of type {str(model_type)[:60]!r} are not taken: transformers must know them as text decoders "
        "without code of their own."
    )


def check_architectures(config: Mapping[str, Any]) -> None:
    """Raise BadInputError if every architecture that the configuration names lacks a language model's head."""
    names = config.get("architectures")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return
    why = [_lack(name) for name in names]
    if all(why):
        raise BadInputError(
            f"config.json names the architecture {names[0][:60]}, which {why[0]}. Submit a language model."
        )


def _lack(name: str) -> str | None:
    """Return why a model of that class generates no text; None if it may."""
    if any(described.get("class") == name for described in model_types().values()):
        return None
    if name in known()["no_text"] or OTHER_HEADS.search(name):
        return "classifies or encodes text and does not generate it"
    return "has no head to generate text with" if name in known()["headless"] else None
