"""The words of a suite's .toml: each field with its type, its default and what it means.

The parser's checks, the tables of docs/suites.md and the JSON schema for editors are all made from these tables.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args

from src.core.errors import BadInputError
from src.core.suites.suite import Aggregation, GenerationDefaults, Kind, Normalise, Pooling


@dataclass(frozen=True)
class Word:
    """One field. `kind`: a key of `KINDS`, a table's name, or "list of" either."""

    name: str
    kind: str
    help: str
    default: str = ""  # as shown; "required" if there is none
    words: tuple[str, ...] = ()  # all that it may be


TABLES: dict[str, tuple[Word, ...]] = {
    "suite": (
        Word("name", "text", "the name in addresses", "required"),
        Word("title", "text", "the name on the page", "required"),
        Word("help", "text", "one sentence about the suite"),
        Word("version", "whole number",
              "part of a request's identity: raise it if scores stop being comparable", "1"),
        Word("kind", "text", "`votes` for Bradley–Terry ratings", "`scores`", get_args(Kind)),
        Word("aggregation", "text", "how scores become the average", "`mean`", get_args(Aggregation)),
        Word("group", "text", "the harness's name for all tasks together, if it brings the shots"),
        Word("generation_defaults", "text",
              "if a model's generation_config.json counts (`model`), or only its special tokens (`none`)",
              "`model`", get_args(GenerationDefaults)),
        Word("chat_date", "date", "the day that chat templates read as today", "2024-07-26"),
        Word("benchmark", "list of benchmark", "the columns", "required"),
        Word("scorer", "list of scorer", "the ways in which answers were graded, oldest first", "one"),
        Word("baseline", "list of baseline", "what to compare models with, such as guessing or a person"),
        Word("carbon", "carbon", "the machine and its grid"),
        Word("cite", "cite", "what to cite for the whole board"),
        Word("cards", "cards", "the block that model cards already carry for this suite"),
    ),
    "benchmark": (
        Word("key", "text", "the name in columns and addresses", "required"),
        Word("title", "text", "the column's header", "required"),
        Word("help", "text", "one sentence about the benchmark"),
        Word("tasks", "list of task",
              "its subtasks: tables, or the harness's names alone", "none: published values only"),
        Word("metrics", "list of text", "the harness's metric, `acc` or `exact_match,strict-match`", "none"),
        Word("spellings", "names", "metric → its other names in older files"),
        Word("pooling", "text", "how subtasks become one value: `weighted` is by items", "`mean`", get_args(Pooling)),
        Word("normalise", "text", "if scores are chance-adjusted: in each subtask, or once after pooling", "`none`",
              get_args(Normalise)),
        Word("options", "whole number", "options to choose from, for tasks without their own: chance is 1 / options"),
        Word("shots", "whole number", "few-shot examples, for tasks without their own", "0"),
        Word("scale", "number", "score = scale × raw", "the metric's: 100 for shares, 1 for perplexity or BLEU"),
        Word("unit", "text", "what a score is measured in", "the metric's: `%` for shares"),
        Word("digits", "whole number", "decimals shown", "2"),
        Word("bounds", "two numbers", "what a score can be; `inf` for an open end", "the metric's: 0 to scale"),
        Word("higher_is_better", "yes or no", "the direction", "the metric's: true for shares"),
        Word("weight", "number", "its weight in the average; 0 keeps it out", "1"),
        Word("items", "whole number", "items, if no task states them"),
        Word("answer_tokens", "whole number", "the longest answer that the harness lets a model write, in tokens"),
        Word("independent", "number", "how many independent items they are worth, if questions repeat"),
        Word("category", "text", "the group of columns it belongs to"),
        Word("column", "text", "its column in a contents table", "the title"),
        Word("raw_column", "text", "the raw value's column"),
        Word("columns", "list of text", "the column's names in older or foreign tables"),
        Word("raw_columns", "list of text", "the raw column's names there"),
        Word("group", "text", "the harness's name for its tasks together"),
        Word("together", "yes or no",
              "its tasks share documents, random numbers or a batch: run them in one go", "false"),
        Word("gated", "yes or no",
              "its questions must not be published: only hashes and scores leave the box", "false"),
        Word("private", "yes or no",
              "an exam of your own: as `gated`, with a root published before its first run (run-a-board.md)", "false"),
        Word("needs", "list of text",
              "what scoring needs besides the harness: `punkt_tab` (NLTK's sentence splitter)"),
        Word("cite", "cite", "what to cite"),
        Word("hub", "hub", "its dataset on the Hub, for community results and exports"),
        Word("card", "card", "its line in model cards", "title, shots and metric"),
        Word("from", "sources",
              "harness → what import takes from its files: a task (`arc:challenge|25`, with shots), or a table of "
              "`task`, `metrics` (their mean) and `fallback` (a metric that stands in, with a note)"),
    ),
    "task": (
        Word("name", "text", "the harness's name, of a task or of a group of tasks", "required"),
        Word("title", "text", "the name on the page", "the name"),
        Word("shots", "whole number", "few-shot examples", "the benchmark's"),
        Word("items", "whole number", "items when run whole: with fewer there is no score", "unknown"),
        Word("options", "whole number", "options to choose from", "the benchmark's"),
        Word("aliases", "list of text", "its names in older result files"),
    ),
    "scorer": (
        Word("name", "text", "the name of this way of grading", "required"),
        Word("since", "date", "the first day on which it graded"),
        Word("help", "text", "one sentence about it"),
        Word("versions", "versions", "task → the harness's versions of it that grade this way"),
        Word("stamps", "list of time", "times of result files that it patched"),
    ),
    "baseline": (
        Word("title", "text", "its name", "required"),
        Word("scores", "numbers", "benchmark → published score", "required"),
        Word("help", "text", "one sentence about it"),
    ),
    "carbon": (
        Word("kilowatts", "number", "what the machine draws", "required"),
        Word("kg_per_kwh", "number", "CO₂ of a kilowatt hour", "required"),
    ),
    "cite": (
        Word("key", "text", "the BibTeX key", "required"),
        Word("title", "text", "its title", "required"),
        Word("authors", "text", "its authors, as BibTeX writes them", "required"),
        Word("year", "text", "its year", "required"),
        Word("where", "text", "an arXiv number or an address", "required"),
    ),
    "hub": (
        Word("dataset", "text", "owner/name", "required"),
        Word("task", "text", "the task's name there", "required"),
        Word("note", "text", "how the value is pooled"),
    ),
    "card": (
        Word("label", "text", "its row in a card's table", "title and shots"),
        Word("dataset", "text", "the data set that `model-index` names", "the Hub's, or the title"),
        Word("metric", "text", "the metric's type", "the metrics"),
        Word("metric_name", "text", "the metric's name"),
        Word("config", "text", "the data set's configuration"),
        Word("split", "text", "the data set's split"),
        Word("aliases", "list of text", "other spellings in cards, without case and punctuation"),
    ),
    "cards": (
        Word("space", "text", "the Space that the block links to", "required"),
        Word("owner", "text", "the owner of the details datasets", "required"),
        Word("details", "text", "the pattern of their names"),
        Word("retired", "list of text", "benchmarks that older blocks still list"),
    ),
}  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_table_of(value: Any, holds: Any) -> bool:
    return isinstance(value, dict) and all(map(holds, value.values()))


def _is_list_of(value: Any, holds: Any) -> bool:
    return isinstance(value, list) and all(map(holds, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_source(value: Any) -> bool:
    if not isinstance(value, dict):
        return _is_text(value)
    metrics, fallback = value.get("metrics", []), value.get("fallback", "")
    return (
        value.keys() <= {"task", "metrics", "fallback"}
        and all(map(_is_text, (value.get("task"), fallback)))
        and _is_list_of(metrics, _is_text)
    )


KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": (_is_text, {"type": "string"}),
    "whole number": (_is_whole, {"type": "integer"}),
    "number": (_is_number, {"type": "number"}),
    "yes or no": (lambda value: isinstance(value, bool), {"type": "boolean"}),
    "date": (lambda value: isinstance(value, date), {"type": "string"}),
    "time": (lambda value: isinstance(value, datetime), {"type": "string"}),
    "two numbers": (
        lambda value: _is_list_of(value, _is_number) and len(value) == 2,
        {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    ),
    "numbers": (
        lambda value: _is_table_of(value, _is_number),
        {"type": "object", "additionalProperties": {"type": "number"}},
    ),
    "names": (
        lambda value: _is_table_of(value, lambda each: _is_list_of(each, _is_text)),
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    ),
    "versions": (
        lambda value: _is_table_of(value, lambda each: _is_list_of(each, _is_number)),
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
    ),
    "sources": (
        lambda value: _is_table_of(value, _is_source),
        {"type": "object", "additionalProperties": {"type": ["string", "object"]}},
    ),
}
"""Kind of value → a test for it, and its JSON schema."""


def check(data: Any, table: str = "suite", where: str = "The suite") -> None:
    """Raise BadInputError, with the nearest known field, unless `data` has the fields of `table` alone."""
    if not isinstance(data, Mapping):
        raise BadInputError(f"{where} must be a table of fields, not {data!r:.60}.")
    fields = {field.name: field for field in TABLES[table]}
    for name, value in data.items():
        if name not in fields:
            nearest = difflib.get_close_matches(name, fields, 1, 0.6)
            advice = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(fields)}."
            raise BadInputError(f"{where} has an unknown field '{name}'; {advice}")
        _check_value(value, fields[name], f"{where}: {name}")
    missing = [name for name, field in fields.items() if field.default == "required" and name not in data]
    if missing:
        raise BadInputError(f"{where} needs {' and '.join(missing)}.")


def _check_value(value: Any, field: Word, where: str) -> None:
    listed = field.kind.startswith("list of ")
    kind = field.kind.removeprefix("list of ")
    if listed and not isinstance(value, list):
        raise BadInputError(f"{where} must be a list, not {value!r:.60}.")
    for at, each in enumerate(value if listed else [value]):
        if kind == "task" and isinstance(each, str):
            continue
        if kind in TABLES:
            name = each.get("key") or each.get("name") or each.get("title") if isinstance(each, dict) else None
            check(each, kind, f"{where} {name or at + 1}" if listed else where)
        elif not KINDS[kind][0](each):
            raise BadInputError(f"{where} must be {field.kind}, not {value!r:.60}.")
    if field.words and value not in field.words:
        raise BadInputError(f"{where}: '{value}' is none of {', '.join(field.words)}.")


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a suite, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A suite of benchmarks",
        **_table_schema("suite"),
        "$defs": {name: _table_schema(name) for name in TABLES if name != "suite"},
    }


def _table_schema(table: str) -> dict[str, Any]:
    fields = TABLES[table]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _field_schema(field) for field in fields},
        "required": [field.name for field in fields if field.default == "required"],
    }


def _field_schema(field: Word) -> dict[str, Any]:
    kind = field.kind.removeprefix("list of ")
    one: dict[str, Any] = {"$ref": f"#/$defs/{kind}"} if kind in TABLES else dict(KINDS[kind][1])
    if kind == "task":
        one = {"anyOf": [{"type": "string"}, one]}
    if field.words:
        one["enum"] = list(field.words)
    described: dict[str, Any] = {"description": field.help}
    return described | ({"type": "array", "items": one} if field.kind.startswith("list of ") else one)


def tables() -> str:
    """Return the fields of every table as Markdown, as docs/suites.md holds them."""
    return "\n".join(
        f"### `{HEADS.get(name, f'{name} = {{ … }}')}`\n\n| field | meaning | default |\n|---|---|---|\n"
        + "".join(f"| `{field.name}` | {_meaning(field)} | {field.default or 'none'} |\n" for field in fields)
        for name, fields in TABLES.items()
    )


HEADS = {
    "suite": "the suite", "benchmark": "[[benchmark]]", "task": "tasks = [{ … }]", "scorer": "[[scorer]]",
    "baseline": "[[baseline]]", "carbon": "[carbon]", "cards": "[cards]",
}  # fmt: skip


def _meaning(field: Word) -> str:
    words = f": {', '.join(f'`{word}`' for word in field.words)}" if field.words else ""
    return f"{field.help}{words} ({field.kind})"
