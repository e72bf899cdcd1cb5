"""What a card claims of its own scores: every leaderboard value in its `model-index` and its tables, v1 and v2."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import yaml

from src.board.cards.document import CardDocument, Heading, Table
from src.board.cards.forms import AVERAGE, CardForm, form_of, is_average, published_forms
from src.core import exact

NUMBER = re.compile(r"^[^\w.+-]*([+-]?\d+(?:\.(\d+))?)\s*%?[^\w.]*$")
REPO = re.compile(r"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)/?$")
NAMES_OF_CARDS = {"metric", "benchmark", "task", "dataset", "evaluation"}


@dataclass(frozen=True)
class Cell:
    """One printed value, 0 to 100, with the digits after its point and its line in the card (from 1)."""

    value: float
    decimals: int
    line: int


@dataclass(frozen=True)
class CardClaim:
    """One set of scores a card gives for one model: a `model-index`, a block of the old bot, or a row of a table."""

    model: str
    suite: str
    where: Literal["model-index", "block", "table"]
    line: int  # from 1
    cells: Mapping[str, Cell]  # benchmark → value
    average: Cell | None = None

    @property
    def recomputed(self) -> float | None:
        """The plain mean of the claim's own cells; None unless every benchmark of the suite is there."""
        wanted = {line.key for line in form_of(self.suite).lines}
        if set(self.cells) != wanted:
            return None
        return exact.mean(cell.value for cell in self.cells.values())

    @property
    def adds_up(self) -> bool | None:
        """Whether the printed average can be the mean of the printed cells, rounding granted; None if unknown.

        Each cell is at most half a unit of its last digit off, and so is the average.
        """
        mean = self.recomputed
        if mean is None or self.average is None:
            return None
        slack = exact.mean(0.5 * 10**-cell.decimals for cell in self.cells.values())
        return abs(mean - self.average.value) <= slack + 0.5 * 10**-self.average.decimals + 1e-9


def claims(text: str, model: str) -> tuple[CardClaim, ...]:
    """Return every set of leaderboard scores in the card of `model` ("org/name"), in the order of the text.

    A row or a section that names another model is a claim about that one. Raises BadInputError for a front matter that
    is
    no YAML; a body never raises.
    """
    card = CardDocument(text)
    return (*_from_index(card, model), *_from_body(card, model))


def _from_index(card: CardDocument, model: str) -> Iterator[CardClaim]:
    found: dict[tuple[str, str], tuple[dict[str, Cell], int]] = {}
    for entry, line in _entries(card):
        named = _place(entry)
        if named is None:
            continue
        form, key = named
        cell = _index_cell(entry, line)
        if cell is None:
            continue
        about = _queried(entry) or model
        cells, _ = found.setdefault((about, form.suite), ({}, line))
        cells.setdefault(key, cell)
    for (about, suite), (cells, line) in found.items():
        average = cells.pop(AVERAGE, None)
        yield CardClaim(about, suite, "model-index", line, cells, average)


def _entries(card: CardDocument) -> Iterator[tuple[Mapping, int]]:
    """Yield each result of the `model-index` with the 1-based line of its value."""
    root = card.metadata
    if not isinstance(root, yaml.MappingNode) or not isinstance(card.data, dict):
        return
    nodes = {key.value: value for key, value in root.value if isinstance(key, yaml.ScalarNode)}
    index, data = nodes.get("model-index"), card.data.get("model-index")
    if not isinstance(index, yaml.SequenceNode) or not isinstance(data, list):
        return
    first_line = card.line_of(card.front.start) if card.front else 0
    for model_node, model_data in zip(index.value, data, strict=True):
        results = _child(model_node, "results")
        listed = model_data.get("results") if isinstance(model_data, dict) else None
        if not isinstance(results, yaml.SequenceNode) or not isinstance(listed, list):
            continue
        for node, entry in zip(results.value, listed, strict=True):
            if isinstance(entry, dict):
                yield entry, first_line + _value_mark(node) + 1


def _value_mark(node: yaml.Node) -> int:
    metrics = _child(node, "metrics")
    if isinstance(metrics, yaml.SequenceNode) and metrics.value:
        value = _child(metrics.value[0], "value")
        if value is not None:
            return value.start_mark.line
    return node.start_mark.line


def _child(node: yaml.Node, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if getattr(key, "value", None) == name), None)


def _place(entry: Mapping) -> tuple[CardForm, str] | None:
    """Return the suite and benchmark an entry is about, if it is the leaderboard's."""
    source = entry.get("source")
    if not isinstance(source, dict):
        return None
    data = [source.get("name"), source.get("url")]
    if not any("leaderboard" in words.lower() for words in data if isinstance(words, str)):
        return None
    dataset, metric = entry.get("dataset"), _first_metric(entry)
    named = dataset.get("name") if isinstance(dataset, dict) else None
    for label in (named, metric.get("name"), metric.get("type")):
        for form in published_forms():
            line = form.line(label) if isinstance(label, str) else None
            if line:
                return form, line.key
    return None


def _first_metric(entry: Mapping) -> Mapping:
    metrics = entry.get("metrics")
    first = metrics[0] if isinstance(metrics, list) and metrics else {}
    return first if isinstance(first, dict) else {}


def _index_cell(entry: Mapping, line: int) -> Cell | None:
    value = _first_metric(entry).get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    cell = _cell(str(value), line)
    # YAML drops the zeros of 33.80, so an entry is read as the two digits the bot rounded to
    return Cell(cell.value, max(cell.decimals, 2), line) if cell else None


def _queried(entry: Mapping) -> str | None:
    """Return the model a source's link asks the board for (`…?query=org/name`)."""
    url = entry["source"].get("url")
    try:
        asked = parse_qs(urlsplit(url).query).get("query", [""])[0] if isinstance(url, str) else ""
    except ValueError:
        return None
    return asked if re.fullmatch(r"[\w.-]+/[\w.-]+", asked) else None


def _from_body(card: CardDocument, model: str) -> Iterator[CardClaim]:
    above: list[Heading] = []
    linked = set(re.findall(r"https?://(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)", card.text[card.body_start :]))
    by_name = {repo.rpartition("/")[2].lower(): repo for repo in sorted(linked)}
    for block in card.blocks:
        if isinstance(block, Heading):
            above = [heading for heading in above if heading.level < block.level] + [block]
        else:
            # the model whose name heads the section, if the card links to a repository of that name
            heads = (by_name.get(heading.words.strip().lower()) for heading in reversed(above))
            about = next(filter(None, heads), model)
            upright = upright_claim(block, about)
            yield from [upright] if upright else _wide(block, about)


def upright_claim(table: Table, model: str) -> CardClaim | None:
    """Return the claim of a two-column `Metric | Value` table; None if the table is something else."""
    if len(table.header) != 2 or table.header[0].strip().lower() not in NAMES_OF_CARDS:
        return None
    for form in published_forms():
        cells: dict[str, Cell] = {}
        average = None
        for row, line in zip(table.rows, table.row_lines, strict=True):
            cell = _cell(row[1], line + 1) if len(row) == 2 else None
            if cell is None:
                continue
            named = form.line(row[0])
            if is_average(row[0]):
                average = cell
            elif named:
                cells.setdefault(named.key, cell)
        if len(cells) > len(form.lines) // 2:
            return CardClaim(model, form.suite, "block", table.line + 1, cells, average)
    return None


def _wide(table: Table, model: str) -> Iterator[CardClaim]:
    """Yield one claim a row of a table whose columns are benchmarks.

    Three of six columns are some other measurement.
    """
    for form in published_forms():
        columns = {at: line.key for at, label in enumerate(table.header) if (line := form.line(label))}
        if len(set(columns.values())) <= len(form.lines) // 2:
            continue
        averaged = next((at for at, label in enumerate(table.header) if is_average(label)), None)
        for row, link, at_line in zip(table.rows, table.links, table.row_lines, strict=True):
            place = at_line + 1
            cells = {key: cell for at, key in columns.items() if at < len(row) and (cell := _cell(row[at], place))}
            average = _cell(row[averaged], place) if averaged is not None and averaged < len(row) else None
            if cells:
                yield CardClaim(_repo(link) or model, form.suite, "table", place, cells, average)
        return


def _cell(words: str, line: int) -> Cell | None:
    found = NUMBER.match(words.strip().strip("*_")) if len(words) <= 64 else None
    if not found:
        return None
    value = float(found[1])
    return Cell(value, len(found[2] or ""), line) if math.isfinite(value) and 0 <= value <= 100 else None


def _repo(link: str | None) -> str | None:
    found = REPO.match(link or "")
    return found[1] if found else None
