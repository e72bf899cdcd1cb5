"""Details of lighteval: `details_{task}_{time}.parquet`, the answers behind its result files, which `lm_eval` reads."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from src.board.importing.reader import FormatReader, Hints, ImportBatch, LooseSamples, SourceFile
from src.core.errors import BadInputError

NAME = re.compile(r"details_(?P<task>.+)_(?P<stamp>\d{4}-\d\d-\d\d(?:T[\d.:-]+)?)\.parquet")


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the answers in a details file, for the result of the same task and time."""
    path = source.path
    match = NAME.fullmatch(path.name)
    assert match is not None
    try:
        columns = set(pq.read_schema(io.BytesIO(source.data)).names)
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(f"{path.name} is not a whole parquet file ({error}).") from error
    if not {"doc", "metric"} <= columns and not {"metrics", "example"} <= columns:
        raise BadInputError(f"{path.name} has no columns doc and metric; it is no file of lighteval's details.")
    task = ["", *match["task"].split("|")][-2] if "|" in match["task"] else match["task"]
    return ImportBatch(samples=[LooseSamples(path, task, match["stamp"], lambda: _lines(path))])


def recognises(source: SourceFile) -> bool:
    """Return whether a file is named like lighteval's details."""
    return NAME.fullmatch(source.path.name) is not None


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read."""
    return NAME.fullmatch(path.name) is not None


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a details file as lm-eval logs its samples."""
    at = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            doc, response = row.get("doc") or {}, row.get("model_response") or {}
            metrics = dict(row.get("metric") or row.get("metrics") or {})
            choices = [str(choice) for choice in doc.get("choices") or row.get("choices") or []]
            gold = doc.get("gold_index", row.get("gold_index"))
            golds = gold if isinstance(gold, list) else [gold]
            question = doc.get("query") or row.get("example") or ""
            logprobs = response.get("logprobs") or []
            texts = response.get("text_post_processed") or response.get("text") or row.get("predictions") or []
            is_choice = bool(choices) and len(logprobs) == len(choices)
            yield {
                "doc_id": at,
                "doc": {"question": question, "id": doc.get("id")},
                "target": "; ".join(choices[gold] for gold in golds if isinstance(gold, int) and gold < len(choices)),
                "arguments": [[question, choice] for choice in choices] if is_choice else [[question]],
                "filtered_resps": [[value, False] for value in logprobs] if is_choice else list(texts),
                "doc_hash": str(doc.get("id") or at),
                **metrics,
            }
            at += 1


READER = FormatReader("details of lighteval (.parquet)", recognises, read, collects)
