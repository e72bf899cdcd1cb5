"""Our block into somebody's card: an old block of ours or of the old bot is replaced, every other byte stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from huggingface_hub.utils import yaml_dump

from src.board.cards.document import Card, Heading, Span, Table
from src.board.cards.forms import AVERAGE_LABEL, FORMS, SOURCE_NAME, Form, fold, is_average
from src.board.cards.reading import upright_claim
from src.board.cards.writing import CardBlock
from src.core.errors import BadInput

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
    """`card` with `block` in it: what an earlier block of this suite said is replaced, where it stands.

    Merging twice is merging once. A second copy that the old bot appended goes. Blocks of other suites, other results
    of the `model-index`, comments, line ends and everything else keep every byte. Raises BadInput for a front matter
    that is no YAML or whose `model-index` is no list.
    """
    read = Card(card)
    pieces: list[str] = []
    at = 0
    for span, text in sorted([*_metadata_edits(read, block), *_section_edits(read, block)], key=lambda edit: edit.span):
        pieces += card[at : span.start], text.replace("\n", read.newline)
        at = span.end
    merged = "".join(pieces) + card[at:]
    if _others(Card(merged)) != _others(read):  # an anchor in one key used by another, for one
        raise BadInput(
            "Our results cannot go into this card's front matter without changing another key: add them by hand."
        )
    return merged


def _others(card: Card) -> dict[str, Any]:
    return {key: value for key, value in (card.data or {}).items() if key != "model-index"}


# --- model-index ------------------------------------------------------------------------------------------------------


def _metadata_edits(card: Card, block: CardBlock) -> Iterator[Edit]:
    if card.front is None:
        yield Edit(Span(0, 0), f"---\n{block.metadata}---\n")
        return
    root = card.metadata
    if root is None:  # `---`, comments or nothing, `---`
        yield Edit(Span(card.front.end, card.front.end), "\n" + block.metadata.rstrip("\n"))
        return
    if not isinstance(root, yaml.MappingNode):
        raise BadInput("The card's front matter is no list of `key: value`; mend it and try again.")
    index = next((value for key, value in root.value if key.value == "model-index"), None)
    if index is None:
        end = card.front.end  # after the last value, comments included
        yield Edit(Span(end, end), "\n" + block.metadata.rstrip("\n"))
    elif isinstance(index, yaml.SequenceNode) and index.value and not index.flow_style:
        yield from _index_edits(card, index, block)
    else:
        yield _rewritten(card, root, index, block)


def _index_edits(card: Card, index: yaml.SequenceNode, block: CardBlock) -> Iterator[Edit]:
    fresh = {entry["dataset"]["name"]: entry for entry in block.entries}
    placed: set[str] = set()
    last = None
    for model, listed in zip(index.value, card.data["model-index"], strict=True):
        results = _results(model)
        if results is None or results.flow_style:
            continue
        for at, entry in enumerate(listed["results"]):
            label = _label(entry, FORMS[block.suite])
            if label is None:
                continue
            last = results
            if label not in fresh or label in placed:  # no score for it any more, or a second copy
                yield Edit(_item(card, results, at), "")
            elif entry != fresh[label]:
                yield Edit(_item(card, results, at), _item_text(fresh[label], _column(results.value[at])))
            placed.add(label)
    missing = [entry for name, entry in fresh.items() if name not in placed]
    if missing:
        yield _added(card, index, last, missing, block)


def _added(
    card: Card,
    index: yaml.SequenceNode,
    beside: yaml.SequenceNode | None,
    missing: list[dict[str, Any]],
    block: CardBlock,
) -> Edit:
    """The entries the index lacks: after ours, else after the results of this model, else as a model of their own."""
    if beside is None:
        named = [node for node in index.value if _name(node) == block.index["name"]]
        candidates = [_results(node) for node in (named or index.value[:1])]
        beside = next(
            (found for found in candidates if found is not None and found.value and not found.flow_style), None
        )
    if beside is not None:
        at = _item(card, beside, len(beside.value) - 1).end
        return Edit(Span(at, at), "".join(_item_text(entry, _column(beside.value[0])) for entry in missing))
    at = _item(card, index, len(index.value) - 1).end
    return Edit(Span(at, at), _item_text(block.index, _column(index.value[0])))


def _rewritten(card: Card, root: yaml.MappingNode, index: yaml.Node, block: CardBlock) -> Edit:
    """The whole key anew: it was empty, or written on one line. Other results in it keep their values."""
    data = card.data["model-index"]
    if data is not None and not isinstance(data, list):
        raise BadInput("The card's `model-index` is no list of models; mend it and try again.")
    models = [dict(model) for model in data or [] if isinstance(model, dict)]
    form = FORMS[block.suite]
    for model in models:
        model["results"] = [entry for entry in model.get("results") or [] if not _label(entry, form)]
    kept = [model for model in models if model["results"] or model.get("name") == block.index["name"]]
    home = next((model for model in kept if model.get("name") == block.index["name"]), None)
    if home is None:
        home = {"name": block.index["name"], "results": []}
        kept.append(home)
    home["results"] += block.entries
    key = next(key for key, value in root.value if value is index)
    assert card.front is not None
    start = card.front.start + key.start_mark.index
    end = card.front.start + max(index.end_mark.index, key.end_mark.index + 1)
    return Edit(Span(start, end), yaml_dump({"model-index": kept}, sort_keys=False).rstrip("\n"))


def _results(model: yaml.Node) -> yaml.SequenceNode | None:
    pairs = model.value if isinstance(model, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == "results"), None)
    return found if isinstance(found, yaml.SequenceNode) else None


def _name(model: yaml.Node) -> str | None:
    pairs = model.value if isinstance(model, yaml.MappingNode) else []
    return next((value.value for key, value in pairs if key.value == "name"), None)


def _label(entry: Any, form: Form) -> str | None:
    """The label of the line an entry of the leaderboard is about; None for anybody else's entry."""
    if not isinstance(entry, dict) or not isinstance(entry.get("source"), dict):
        return None
    source, dataset = entry["source"], entry.get("dataset")
    url = source.get("url")
    if source.get("name") != SOURCE_NAME and not (isinstance(url, str) and LEADERBOARD.match(url)):
        return None
    name = dataset.get("name") if isinstance(dataset, dict) else None
    line = form.line(name) if isinstance(name, str) else None
    return line.label if line else None


def _column(item: yaml.Node) -> int:
    """The column of the dash before an item of a block sequence."""
    return item.start_mark.column - 2


def _item(card: Card, sequence: yaml.SequenceNode, at: int) -> Span:
    """The whole lines of one item, from its dash to the line before what follows."""
    assert card.front is not None
    base = card.front.start
    first = card.line_of(base + sequence.value[at].start_mark.index)
    if at + 1 < len(sequence.value):
        end = card.line_of(base + sequence.value[at + 1].start_mark.index)
    else:
        # a block node ends where the next token starts: step back over blank lines and comments, which are not ours
        end = card.line_of(base + _last_scalar(sequence.value[at]).end_mark.index) + 1
    return card.lines(first, end)


def _last_scalar(node: yaml.Node) -> yaml.Node:
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _item_text(entry: dict[str, Any], column: int) -> str:
    lines = yaml_dump([entry], sort_keys=False).splitlines()
    return "".join(f"{' ' * column}{line}\n" for line in lines)


# --- the section ------------------------------------------------------------------------------------------------------


def _section_edits(card: Card, block: CardBlock) -> Iterator[Edit]:
    found = list(_sections(card, block.suite))
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


def _link_edits(card: Card, heading: Heading, table: Table, block: CardBlock) -> Iterator[Edit]:
    between = card.lines(heading.end, table.line)
    link = DETAILS.search(card.text, between.start, between.end)
    if link:
        yield Edit(Span(*link.span()), block.details)


def _table_edits(card: Card, table: Table, block: CardBlock) -> Iterator[Edit]:
    """The table anew; where an author added rows of their own, line by line around them."""
    form = FORMS[block.suite]
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


def _row_label(words: str, form: Form) -> str | None:
    """The label a row of the bot's table carries in today's form; None for a row of the author's."""
    line = form.line(words)
    if line:
        return line.label
    return AVERAGE_LABEL if is_average(words) else words if fold(words) in form.retired else None


def _without_ending(card: Card, first: int, end: int) -> Span:
    span = card.lines(first, end)
    return Span(span.start, span.start + len(card.text[span.start : span.end].rstrip("\r\n")))


def _sections(card: Card, suite: str) -> Iterator[tuple[Heading, Table]]:
    """Each heading of the bot with the first table below it, where that table is a block of this suite."""
    heading: Heading | None = None
    for part in card.blocks:
        if isinstance(part, Heading):
            heading = part if HEADING.search(part.words) and not part.nested else None
        elif heading is not None:
            claim = None if part.nested else upright_claim(part, "")
            if claim and claim.suite == suite:
                yield heading, part
            heading = None
