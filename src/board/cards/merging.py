"""Our block into somebody's card: an old block of ours or of the old bot is replaced, every other byte stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import yaml
from huggingface_hub.utils import yaml_dump

from src.board.cards.document import CardDocument, Heading, Span, Table
from src.board.cards.forms import AVERAGE_LABEL, SOURCE_NAME, CardForm, form_of, is_average
from src.board.cards.reading import upright_claim
from src.board.cards.writing import CardBlock
from src.core.errors import BadInputError
from src.core.suites.spellings import fold

HEADING = re.compile(r"open llm leaderboard(?: \S+)? evaluation results", re.IGNORECASE)
DETAILS = re.compile(r"(?<![^\r\n])Detailed results can be found \[here\]\([^\s()]*\)")
LINE_END = re.compile(r"[\r\n]\Z")
BLANK_LINE = re.compile(r"(?:\r\n|\r(?!\n)|(?<!\r)\n)[ \t]*(?:\r\n|\r|\n)\Z")
LEADERBOARD = re.compile(r"https?://(?:huggingface\.co|hf\.co)/spaces/[\w.-]+/\w*leaderboard\w*", re.IGNORECASE)


class Edit(NamedTuple):
    """Characters to be replaced by `text`."""

    span: Span
    text: str


def merge(card: str, block: CardBlock) -> str:
    """Return `card` with `block` in it: an earlier block of this suite is replaced in its place.

    Merging twice is merging once. A second copy that the old bot appended goes. Blocks of other suites, other results
    of the `model-index`, comments, line ends and everything else keep every byte. Raises BadInputError
    for a front matter that is not YAML or whose `model-index` is not a list.
    """
    read = CardDocument(card)
    pieces: list[str] = []
    at = 0
    for span, text in sorted([*_metadata_edits(read, block), *_section_edits(read, block)], key=lambda edit: edit.span):
        pieces += card[at : span.start], text.replace("\n", read.newline)
        at = span.end
    merged = "".join(pieces) + card[at:]
    if _others(CardDocument(merged)) != _others(read):  # an anchor in one key used by another, for one
        raise BadInputError(
            "Our results cannot go into this card's front matter without changing another key: add them by hand."
        )
    return merged


def _others(card: CardDocument) -> dict[str, Any]:
    return {key: value for key, value in (card.data or {}).items() if key != "model-index"}


# --- model-index ------------------------------------------------------------------------------------------------------


def _metadata_edits(card: CardDocument, block: CardBlock) -> Iterator[Edit]:
    if card.front is None:
        yield Edit(Span(0, 0), f"---\n{block.metadata}---\n")
        return
    root = card.metadata
    if root is None:  # `---`, comments or nothing, `---`
        yield Edit(Span(card.front.end, card.front.end), "\n" + block.metadata.rstrip("\n"))
        return
    if not isinstance(root, yaml.MappingNode):
        raise BadInputError("The card's front matter is not a list of `key: value`; correct it and try again.")
    key, index = next(((key, value) for key, value in root.value if key.value == "model-index"), (None, None))
    if key is None or index is None:
        end = card.front.end  # after the last value, comments included
        yield Edit(Span(end, end), "\n" + block.metadata.rstrip("\n"))
        return
    listed = card.data["model-index"]
    if listed is not None and not isinstance(listed, list):
        raise BadInputError("The card's `model-index` is not a list of models; correct it and try again.")
    models = _with_entries(listed or [], block)
    if models != listed:
        start = card.front.start + key.start_mark.index
        last = _last_scalar(index).end_mark.index  # a block ends where the next token starts, comments skipped
        end = card.front.start + max(last, key.end_mark.index + 1)
        yield Edit(Span(start, end), yaml_dump({"model-index": models}, sort_keys=False).rstrip("\n"))


def _with_entries(listed: list[Any], block: CardBlock) -> list[Any]:
    """Return the models of a `model-index` with our entries in them; other results keep their values and places."""
    form, fresh = form_of(block.suite), {entry["dataset"]["name"]: entry for entry in block.entries}
    models = deepcopy(listed)
    home = None
    for model in models:
        if not isinstance(model, dict) or not isinstance(entries := model.get("results"), list):
            continue
        labels = [_label(entry, form, block.board) for entry in entries]
        if any(labels):
            home = entries
        # an entry without a score now, or the second copy of one, goes
        entries[:] = [
            entry if label is None else fresh.pop(label)
            for entry, label in zip(entries, labels, strict=True)
            if label is None or label in fresh
        ]
    if fresh and home is None:  # beside the other results of this model, else as a model of their own
        named = [model for model in models if isinstance(model, dict) and model.get("name") == block.index["name"]]
        if not named:
            named = [{"name": block.index["name"]}]
            models += named
        home = named[0]["results"] = named[0].get("results") or []
    if home is not None:
        home += fresh.values()
    return models


def _last_scalar(node: yaml.Node) -> yaml.Node:
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _label(entry: Any, form: CardForm, board: str) -> str | None:
    """Return the label of the line that an entry of `board` is about; None for anybody else's entry."""
    if not isinstance(entry, dict) or not isinstance(entry.get("source"), dict):
        return None
    source, dataset = entry["source"], entry.get("dataset")
    url = source.get("url")
    by_bot = board == SOURCE_NAME and isinstance(url, str) and LEADERBOARD.match(url)
    if source.get("name") != board and not by_bot:
        return None
    name = dataset.get("name") if isinstance(dataset, dict) else None
    line = form.line(name) if isinstance(name, str) else None
    return line.label if line else None


# --- the section ------------------------------------------------------------------------------------------------------


def _section_edits(card: CardDocument, block: CardBlock) -> Iterator[Edit]:
    found = list(_sections(card, block))
    if not found:
        end = len(card.text)
        apart = "" if not card.text or LINE_END.search(card.text) else "\n"
        apart += "" if end == card.body_start or BLANK_LINE.search(card.text) else "\n"
        yield Edit(Span(end, end), apart + block.section)
        return
    heading, table = found[0]
    yield from _link_edits(card, heading, table, block)
    yield from _table_edits(card, table, block)
    for heading, table in found[1:]:  # the old bot appended the same block twice
        start, end = card.lines(heading.line, heading.end).start, card.lines(table.line, table.end).end
        blank = re.search(r"(\r\n|\r|\n)((?:[ \t]*(?:\r\n|\r|\n))*)\Z", card.text[:start])
        yield Edit(Span(blank.start(2) if blank else start, end), "")


def _link_edits(card: CardDocument, heading: Heading, table: Table, block: CardBlock) -> Iterator[Edit]:
    between = card.lines(heading.end, table.line)
    link = DETAILS.search(card.text, between.start, between.end)
    if link:
        yield Edit(Span(*link.span()), block.details)


def _table_edits(card: CardDocument, table: Table, block: CardBlock) -> Iterator[Edit]:
    """Yield the new table; if an author added rows of their own, edit line by line around them."""
    form = form_of(block.suite)
    labels = [_row_label(row[0], form) for row in table.rows]
    at_lines = [line for line, label in zip(table.row_lines, labels, strict=True) if label]
    ours = [label for label in labels if label]
    if labels[: len(ours)] == ours:  # what follows, if anything, is text that Markdown takes for a row
        yield Edit(_without_ending(card, table.line, at_lines[-1] + 1), block.table)
        return
    fresh = {row.split("|")[1].strip(): row for row in block.table.split("\n")[2:]}
    for line, label in zip(at_lines, ours, strict=True):
        row = fresh.pop(label, None)
        whole = card.lines(line, line + 1)
        yield Edit(_without_ending(card, line, line + 1), row) if row else Edit(whole, "")
    end = card.lines(at_lines[-1], at_lines[-1] + 1).end
    yield Edit(Span(end, end), "".join(f"{row}\n" for row in fresh.values()))


def _row_label(words: str, form: CardForm) -> str | None:
    """Return the label a row of the bot's table carries in today's form; None for a row of the author's."""
    line = form.line(words)
    if line:
        return line.label
    return AVERAGE_LABEL if is_average(words) else words if fold(words) in form.retired else None


def _without_ending(card: CardDocument, first: int, end: int) -> Span:
    span = card.lines(first, end)
    return Span(span.start, span.start + len(card.text[span.start : span.end].rstrip("\r\n")))


def _sections(card: CardDocument, block: CardBlock) -> Iterator[tuple[Heading, Table]]:
    """Yield each heading of the block's board with the first table below it, if that table is of the block's suite."""
    is_bot = block.board == SOURCE_NAME
    ours = HEADING if is_bot else re.compile(re.escape(f"{block.board} Evaluation Results"), re.IGNORECASE)
    heading: Heading | None = None
    for part in card.blocks:
        if isinstance(part, Heading):
            heading = part if ours.search(part.words) and not part.nested else None
        elif heading is not None:
            if not part.nested and (_is_bots(part, block.suite) if is_bot else _has_lines(part, block.suite)):
                yield heading, part
            heading = None


def _is_bots(table: Table, suite: str) -> bool:
    claim = upright_claim(table, "")
    return claim is not None and claim.suite == suite


def _has_lines(table: Table, suite: str) -> bool:
    form = form_of(suite)
    return sum(form.line(row[0]) is not None for row in table.rows) > len(form.lines) // 2
