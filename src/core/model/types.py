"""What kind of model a row is: seven words of ours for the many that boards have written."""

from __future__ import annotations

from typing import NamedTuple


class ModelType(NamedTuple):
    """A kind of model: `icon` and `title` as a contents table writes them, `words` that older files used instead."""

    key: str
    icon: str
    title: str
    words: tuple[str, ...]


MODEL_TYPES = (
    ModelType("pretrained", "🟢", "pretrained", ("pretrained",)),
    ModelType("continued", "🟩", "continuously pretrained", ("continuously pretrained", "continuously-pretrained")),
    ModelType("finetuned", "🔶", "fine-tuned on domain-specific datasets", ("fine-tuned", "finetuned")),
    ModelType("chat", "💬", "chat models (RLHF, DPO, IFT, ...)", ("chat", "instruction-tuned", "rl-tuned", "⭕", "🟦")),
    ModelType("merge", "🤝", "base merges and moerges", ("merge", "moerge")),
    ModelType("multimodal", "🌸", "multimodal", ("multimodal",)),
    ModelType("other", "❓", "other", ("other",)),
)

BY_KEY = {model_type.key: model_type for model_type in MODEL_TYPES}


def read_type(text: object) -> str | None:
    """Return the key behind any spelling ("💬 : chat models (RLHF…)", "🟦 RL-tuned", "chat"); None if unknown."""
    if not isinstance(text, str) or not text.strip():
        return None
    plain = text.strip().lower()
    if plain in BY_KEY:
        return plain
    for model_type in MODEL_TYPES:
        if model_type.icon in text:
            return model_type.key
    # the longer word first: "continuously pretrained" holds "pretrained"
    for word, key in sorted(_WORDS.items(), key=lambda pair: -len(pair[0])):
        if word in plain:
            return key
    return None


def write_type(key: str | None, separator: str = " ") -> str | None:
    """Return the type as contents tables write it; request files put " : " between icon and title."""
    return f"{BY_KEY[key].icon}{separator}{BY_KEY[key].title}" if key in BY_KEY else None


_WORDS = {word: model_type.key for model_type in MODEL_TYPES for word in model_type.words}
