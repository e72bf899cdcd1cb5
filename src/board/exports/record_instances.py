"""Every Eval Ever records of one model with their instances: every published answer beside the scores it counts for."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from src.board.exports.every_eval_ever import SCHEMA, record, record_path, recordable
from src.board.model.samples import SampleAnswer, SampleFile
from src.board.table.listing import ModelRows
from src.core.suites import Suite

OpenAnswers = Callable[[Mapping[str, Any], str], SampleFile | None]
UNGRADED = "This answer was not graded."


def archive_of_model(rows: ModelRows, open_answers: OpenAnswers) -> bytes:
    """Return a zip of a model's records, each with `<uuid>_samples.jsonl` beside it if its answers are published.

    Answers belong to a row that names its result file, or to a model's only row. Of gated benchmarks there are hashes
    and scores, as on the pages.
    """
    out = io.BytesIO()
    snapshot = rows.snapshot
    with zipfile.ZipFile(out, "w") as whole:
        for row in recordable(rows):
            path, written = record_path(snapshot, row), record(snapshot, row)
            is_sure = len(rows.positions) == 1 or isinstance(row.get("result_path"), str)
            lines = b"".join(_lines(snapshot.suite, written, row, open_answers)) if is_sure else b""
            if lines:
                beside = path.removesuffix(".json") + "_samples.jsonl"
                written |= {"detailed_evaluation_results": _reference(beside, lines)}
                _write(whole, beside, lines)
            _write(whole, path, orjson.dumps(written))
    return out.getvalue()


def _lines(
    suite: Suite, written: Mapping[str, Any], row: Mapping[str, Any], open_answers: OpenAnswers
) -> Iterator[bytes]:
    results = {each["evaluation_result_id"]: each for each in written["evaluation_results"]}
    for benchmark in suite.benchmarks:
        ids = [f"{suite.name}.{benchmark.key}.{kind}" for kind in ("raw", "published")]
        result = next((results[each] for each in ids if each in results), None)
        if result is None:
            continue
        for task in benchmark.tasks:
            file = open_answers(row, task.name)
            for answer in file.answers() if file is not None else ():
                yield orjson.dumps(_instance(written, result, task.name, answer), option=orjson.OPT_APPEND_NEWLINE)


def _instance(written: Mapping[str, Any], result: Mapping[str, Any], task: str, answer: SampleAnswer) -> dict[str, Any]:
    sample = answer.sample
    extracted = {
        "turn_idx": 0,
        "source": "output.raw",
        "extracted_value": sample.answer,
        "extraction_method": "the likeliest option" if answer.choices else "the task's filter",
        "is_terminal": True,
    }
    return {
        "schema_version": SCHEMA,
        "evaluation_id": written["evaluation_id"],
        "model_id": written["model_info"]["id"],
        "evaluation_name": result["evaluation_name"],
        "evaluation_result_id": result["evaluation_result_id"],
        "sample_id": f"{task}/{sample.doc_id}",
        "sample_hash": sample.doc_hash,
        "interaction_type": "single_turn",
        "input": {
            "raw": sample.question or "",
            "formatted": answer.prompt,
            "reference": [] if sample.target is None else [sample.target],
            "choices": [text for text, _ in answer.choices] or None,
        },
        "output": {"raw": [] if sample.answer is None else [sample.answer]},
        "answer_attribution": [] if sample.answer is None else [extracted],
        "evaluation": {"score": sample.score or 0.0, "is_correct": (sample.score or 0.0) >= 0.5},
        "error": UNGRADED if sample.score is None else None,
        "metadata": {"task": task},
    }


def _reference(path: str, lines: bytes) -> dict[str, Any]:
    return {
        "format": "jsonl",
        "file_path": path,
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(lines).hexdigest(),
        "total_rows": lines.count(b"\n"),
    }


def _write(archive: zipfile.ZipFile, path: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data, compresslevel=1)
