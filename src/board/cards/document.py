"""A card as text with places: its front matter, its headings and tables, each with the characters it covers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from src.core.errors import BadInputError

LARGEST = 1_000_000  # characters; the Hub's own cards stay far below
FRONT_MATTER = re.compile(r"\A(\s*---[ \t]*(?:\r\n|\r|\n))([\s\S]*?)((?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|\Z))")


class Span(NamedTuple):
    """A half-open range of characters."""

    start: int
    end: int


@dataclass(frozen=True)
class Heading:
    """A Markdown heading: its words, and where its first link leads."""

    level: int
    words: str
    link: str | None
    line: int  # 0-based, of the whole card
    end: int
    nested: bool  # in a quote or a list


@dataclass(frozen=True)
class Table:
    """A Markdown table: its cells' words, the links in them, and its lines."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    row_lines: tuple[int, ...]  # 0-based, of the whole card
    links: tuple[str | None, ...]  # the first link of each row
    line: int
    end: int
    nested: bool


class CardDocument:
    """One card, kept as it was written; nothing here changes a character.

    Raises BadInputError for more than `LARGEST`.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LARGEST:
            raise BadInputError(f"The card has {len(text):,} characters; cards of up to {LARGEST:,} are read.")
        self.text = text
        match = FRONT_MATTER.match(text)
        self.front = Span(*match.span(2)) if match else None
        self.body_start = match.end() if match else 0

    @property
    def newline(self) -> str:
        """The line ending the card uses, by its first line."""
        found = re.search(r"\r\n|\r|\n", self.text)
        return found.group() if found else "\n"

    @cached_property
    def metadata(self) -> yaml.Node | None:
        """The front matter as YAML nodes whose marks count from `front.start`.

        Raises BadInputError if it is no YAML.
        """
        if self.front is None:
            return None
        try:
            return yaml.compose(self.text[self.front.start : self.front.end], Loader=yaml.SafeLoader)
        except RecursionError as fault:
            raise BadInputError("The card's front matter nests too deeply to be read.") from fault
        except yaml.YAMLError as fault:
            mark = getattr(fault, "problem_mark", None)
            where = f" at line {mark.line + 2}" if mark else ""
            why = getattr(fault, "problem", None) or "a character it does not allow"
            raise BadInputError(
                f"The card's front matter is no YAML{where}: {why}. Mend that line between the two `---` and try again."
            ) from fault

    @cached_property
    def data(self) -> Any:
        """The front matter's values; None without one. Raises BadInputError if it is no YAML."""
        if self.metadata is None:
            return None
        assert self.front is not None
        try:
            return yaml.safe_load(self.text[self.front.start : self.front.end])
        except (yaml.YAMLError, ValueError, RecursionError) as fault:  # ValueError: a date like 2024-13-40
            raise BadInputError(f"A value in the card's front matter cannot be read: {fault}.") from fault

    @cached_property
    def line_starts(self) -> list[int]:
        r"""Where each line starts, counted as Markdown counts lines (\n, \r\n and \r only)."""
        return [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", self.text))]

    def lines(self, first: int, end: int) -> Span:
        """Return the characters of lines `first` to `end` (exclusive), with their line ends."""
        starts = self.line_starts
        return Span(starts[first], starts[end] if end < len(starts) else len(self.text))

    def line_of(self, position: int) -> int:
        """Return the 0-based line a character lies in."""
        return bisect_right(self.line_starts, position) - 1

    @cached_property
    def blocks(self) -> tuple[Heading | Table, ...]:
        """The headings and tables of the body in order; what stands in code fences or HTML is neither."""
        shift = self.line_of(self.body_start)
        tokens = MarkdownIt("commonmark").enable("table").parse(self.text[self.body_start :])
        return tuple(_blocks(tokens, shift))


def _blocks(tokens: list[Token], shift: int) -> Iterator[Heading | Table]:
    for at, token in enumerate(tokens):
        if token.map is None:
            continue
        first, end = token.map[0] + shift, token.map[1] + shift
        if token.type == "heading_open":
            inline = tokens[at + 1]
            yield Heading(int(token.tag[1]), _words(inline), _link(inline), first, end, token.level > 0)
        elif token.type == "table_open":
            yield _table(tokens, at, shift, first, end)


def _table(tokens: list[Token], at: int, shift: int, first: int, end: int) -> Table:
    rows: list[list[Token]] = []
    lines: list[int] = []
    for token in tokens[at:]:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
            lines.append((token.map[0] if token.map else 0) + shift)
        elif token.type == "inline" and rows:
            rows[-1].append(token)
    words = [tuple(_words(cell) for cell in row) for row in rows]
    links = tuple(next(filter(None, map(_link, row)), None) for row in rows[1:])
    return Table(words[0] if words else (), tuple(words[1:]), tuple(lines[1:]), links, first, end, tokens[at].level > 0)


def _words(inline: Token) -> str:
    """Return what a reader sees: text and code, without emphasis, link targets or HTML tags."""
    return "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"}).strip()


def _link(inline: Token) -> str | None:
    hrefs = (child.attrGet("href") for child in inline.children or () if child.type == "link_open")
    return next((str(href) for href in hrefs if href), None)
