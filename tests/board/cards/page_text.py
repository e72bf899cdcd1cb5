"""A card from the page that showed it: the page puts two bars after each line and drops the front matter's indents."""

from __future__ import annotations

import re

# Where each key of a model-index stands, by the key it stands under.
INDENTS = {
    "results:": 2,
    "- task:": 2,
    "dataset:": 4,
    "metrics:": 4,
    "source:": 4,
    "args:": 6,
    "num_few_shot:": 8,
    "- type:": 4,
}
INSIDE = 6


def card_from_page(page: str) -> str:
    """The Markdown behind a rendered page of a file: its lines, its blank lines, its front matter indented again."""
    text = page[page.index("---\n") :]
    lines: list[str] = []
    for run in re.findall(r"((?:\|\n?)+)(?=\n|\Z|[^|])|([^\n]+)\n", _without_row_bars(text)):
        bars, content = run
        lines += [""] * (len(bars.replace("\n", "")) // 2 - 1) if bars else [content.replace("\x00", "|")]
    end = lines.index("---", 1)
    return "\n".join([*_indented(lines[:end]), *lines[end:]]).rstrip("\n") + "\n\n"


def _without_row_bars(text: str) -> str:
    """The page with the bars of table rows set apart from the bars that end a line."""
    return "\n".join(line if line == "|" else line.replace("|", "\x00") for line in text.split("\n"))


def _indented(lines: list[str]) -> list[str]:
    inside = lines.index("model-index:")
    return [*lines[: inside + 2], *(" " * _indent(line) + line for line in lines[inside + 2 :])]


def _indent(line: str) -> int:
    return next((depth for key, depth in INDENTS.items() if line.startswith(key)), INSIDE)
