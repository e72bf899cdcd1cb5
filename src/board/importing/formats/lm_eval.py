"""Result files of lm-evaluation-harness, with or without `--log_samples`, and of the first board's harness."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from src.board.importing.reader import FormatReader, FoundResult, Hints, ImportBatch, LooseSamples, SourceFile
from src.core.errors import BadInputError
from src.core.names import is_row_name
from src.core.records import Result

SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<stamp>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl")


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the one result of a file, kept byte by byte unless `hints` say what it does not."""
    if match := SAMPLES.fullmatch(source.path.name):
        path = source.path
        return ImportBatch(samples=[LooseSamples(path, match["task"], match["stamp"], lambda: sample_lines(path))])
    data = source.data
    if hints.model:
        data = with_model(data, hints.model)
    result = Result.read(data, str(source.path))
    return ImportBatch(results=[FoundResult(result, data, time_of(result))])


def recognises(source: SourceFile) -> bool:
    """Return whether a file is named like a result file, or like the samples of one."""
    return is_json(source.path) or SAMPLES.fullmatch(source.path.name) is not None


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read: all but the shadow files that macOS puts beside others."""
    return (is_json(path) or SAMPLES.fullmatch(path.name) is not None) and not path.name.startswith("._")


def is_json(path: Path) -> bool:
    """Return whether `path` is named as JSON."""
    return path.name.endswith((".json", ".json.gz"))


def sample_lines(path: Path) -> Iterable[Mapping[str, Any]]:
    """Yield the lines of a samples file. Raises BadInputError."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                if line.strip():
                    yield json.loads(line)
            except ValueError as error:
                raise BadInputError(f"{path.name}, line {number} is not JSON: {error}.") from error


def with_model(data: bytes, model: str) -> bytes:
    """Return a result file under another name. Raises BadInputError if it is none."""
    if not is_row_name(model):
        raise BadInputError(f"--model must be one line of text, not {model!r}.")
    try:
        fields = json.loads(data)
    except ValueError:
        return data  # the reader says what is wrong with it
    if not isinstance(fields, dict):
        return data
    name = {"model_name": model, "model_name_sanitized": model.replace("/", "__")}
    for block in ("config_general", "config"):
        if isinstance(fields.get(block), dict) and "model_name" in fields[block]:
            fields[block] = fields[block] | {"model_name": model}
    return json.dumps(fields | name, ensure_ascii=False).encode()


def time_of(result: Result) -> datetime:
    """Return when a run was written, else started. Raises BadInputError if nothing says it."""
    if when := result.written or result.date:
        return when
    raise BadInputError("it has no time of its run; name it results_YYYY-MM-DDTHH-MM-SS.json")


READER = FormatReader("result files (.json, .json.gz) and their samples", recognises, read, collects)
"""Recognises every JSON file: readers of other formats in JSON come before it."""
