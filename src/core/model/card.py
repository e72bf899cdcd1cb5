"""A model card as its repository holds it: the front matter between two `---` lines, and the text below."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

FRONT_MATTER = re.compile(r"\A\s*---[ \t]*(?:\r\n|\r|\n)(.*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|\Z)", re.DOTALL)


class ModelCard(NamedTuple):
    """`data` is empty if the card has no front matter, or none that is a YAML mapping."""

    data: Mapping[str, Any]
    text: str

    @property
    def license(self) -> str | None:
        """The licence the card names; several are joined by commas."""
        value = self.data.get("license")
        names = value if isinstance(value, list) else [value]
        return ", ".join(str(name)[:60] for name in names[:5] if isinstance(name, str) and name.strip()) or None


def parse_card(content: bytes) -> ModelCard:
    """Parse the bytes of a README.md. Never raises: what is no YAML is no front matter."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    match = FRONT_MATTER.match(text)
    if match is None:
        return ModelCard({}, text)
    try:
        data = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date like 2024-13-40
        data = None
    return ModelCard(data if isinstance(data, dict) else {}, text[match.end() :])
