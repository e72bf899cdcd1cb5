"""A twin of the harness's sample lines that a page can open at any row: parquet in small row groups.

The JSON lines stay the format other tools read; the twin holds the same answers, column-wise, so that showing one
answer of a 12,000-item benchmark reads a footer and one row group, on disk or over HTTP ranges.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from src.core import exact

ROWS_PER_GROUP = 64  # one screen of answers; at 12,032 rows a group is half a percent of the file

SCHEMA = pa.schema(
    [
        ("doc_id", pa.int32()),
        ("doc_hash", pa.string()),
        ("question_hash", pa.string()),  # the same for a question that several subtasks ask; known even if gated
        ("score", pa.float32()),  # mean of the benchmark's metrics for this item; null if the harness gave none
        ("question", pa.string()),  # what was asked, without the few-shot examples; null if it may not be shown
        ("target", pa.string()),
        ("answer", pa.string()),
        ("metrics", pa.string()),  # JSON: every metric of the item
        ("choices", pa.string()),  # JSON: [[text, log-likelihood], …]; null for generated answers
        ("prompt", pa.string()),  # as sent
        ("doc", pa.string()),  # JSON: the item as the dataset has it
    ]
)

QUESTION_KEYS = ("question", "Question", "problem", "input", "prompt", "query", "sentence", "goal", "text")
AT_LIMIT = "at_limit"
"""A field of a generated sample line: whether its text reached the length limit."""
PERTURBED = "perturbed"
"""A field of a multiple-choice sample line: the log-likelihoods under other orders and labels of its options."""
TRIES = "tries"
"""A field of a generated sample line: metric → the grade of each try, if the answer was sampled several times."""
REPEAT_OF = "repeat_of"
"""A field of a sample line that is one try: the name of its item, which the lines of its other tries carry too."""
NOT_METRICS = {
    AT_LIMIT, PERTURBED, TRIES, REPEAT_OF,
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash",
}  # fmt: skip


def write_twin(lines: Iterable[Mapping[str, Any]], metrics: Sequence[str], to: IO[bytes], gated: bool = False) -> int:
    """Write sample lines (as lm-eval logs them, in their order) to `to` and return how many there were.

    `metrics` are the benchmark's ("acc_norm",). Of a `gated` task only hashes and scores are kept.
    """
    rows = 0
    with pq.ParquetWriter(to, SCHEMA, compression="zstd", write_statistics=False) as writer:
        group: list[dict[str, Any]] = []
        for line in lines:
            group.append(_row(line, metrics, gated))
            if len(group) == ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                rows += len(group)
                group = []
        if group or not rows:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
    return rows + len(group)


def item_score(line: Mapping[str, Any], metrics: Sequence[str]) -> float | None:
    """Return the mean of the benchmark's metrics for one sample line, 0..1; of instruction-level lists their mean."""
    return _number([_number(line.get(metric)) for metric in metrics])


def question_hash(line: Mapping[str, Any]) -> str | None:
    """Return what the question of a sample line has in common with the same question in another task."""
    return _hash(_question(line.get("doc") or {}, _arguments(line.get("arguments"))[0]))


def option_likelihoods(line: Mapping[str, Any]) -> tuple[list[str], list[float | None]]:
    """Return the options of a multiple-choice sample line and their log-likelihoods; nothing if it was generated."""
    options = _arguments(line.get("arguments"))[1]
    likelihoods = _likelihoods(line.get("filtered_resps"), len(options))
    return (options, likelihoods) if likelihoods else ([], [])


def _row(line: Mapping[str, Any], metrics: Sequence[str], gated: bool) -> dict[str, Any]:
    found = {name: _number(value) for name, value in line.items() if name not in NOT_METRICS}
    doc = line.get("doc") or {}
    prompt, options = _arguments(line.get("arguments"))
    question = _question(doc, prompt)
    row: dict[str, Any] = {
        "doc_id": int(line["doc_id"]),
        "doc_hash": line.get("doc_hash"),
        "question_hash": _hash(question),
        "score": item_score(line, metrics),
        "metrics": json.dumps(found),
    }
    if gated:
        return row
    likelihoods = _likelihoods(line.get("filtered_resps"), len(options))
    return row | {
        "question": question,
        "target": _text(line.get("target")),
        "answer": _answer(line, options, likelihoods, "acc_norm" in metrics),
        "choices": json.dumps(list(zip(options, likelihoods, strict=True)), ensure_ascii=False)
        if likelihoods
        else None,
        "prompt": prompt,
        "doc": json.dumps(doc, ensure_ascii=False, default=str),
    }


def _arguments(arguments: Any) -> tuple[str | None, list[str]]:
    """Return the prompt, and for multiple choice the option texts, from `{gen_args_0.

    {arg_0, arg_1}, …}` or `[[…], …]`.
    """
    calls = list(arguments.values()) if isinstance(arguments, Mapping) else list(arguments or ())
    parts = [list(call.values()) if isinstance(call, Mapping) else list(call) for call in calls]
    if not parts or not parts[0]:
        return None, []
    prompt = _text(parts[0][0])
    options = [part[1] for part in parts if len(part) > 1 and isinstance(part[1], str)]
    return prompt, options if len(options) == len(parts) else []


def _likelihoods(responses: Any, options: int) -> list[float | None]:
    """Return one log-likelihood an option; empty if the answer was generated."""
    if not options or not isinstance(responses, list) or len(responses) != options:
        return []
    firsts = [response[0] if isinstance(response, list | tuple) and response else response for response in responses]
    return [_number(first) for first in firsts]


def _answer(
    line: Mapping[str, Any], options: list[str], likelihoods: list[float | None], by_length: bool
) -> str | None:
    if likelihoods and all(value is not None for value in likelihoods):
        lengths = [len(option) if by_length else 1 for option in options]
        weights = [float(value or 0) / max(length, 1) for value, length in zip(likelihoods, lengths, strict=True)]
        return options[weights.index(max(weights))].strip()
    responses = line.get("filtered_resps")
    first = responses[0] if isinstance(responses, list) and responses else responses
    return _text(first[0] if isinstance(first, list) and first else first)


def _question(doc: Any, prompt: str | None) -> str | None:
    if isinstance(doc, Mapping):
        for key in QUESTION_KEYS:
            if isinstance(doc.get(key), str) and doc[key].strip():
                return str(doc[key])
    return prompt[-2000:] if prompt else None


def _hash(question: str | None) -> str | None:
    return hashlib.sha256(question.encode()).hexdigest()[:16] if question else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _number(value: Any) -> float | None:
    """Return a metric as a number; of a list (instruction-level metrics) the mean.

    Some dumps write numbers as strings.
    """
    if isinstance(value, list):
        numbers = [number for number in map(_number, value) if number is not None]
        return exact.mean(numbers) if numbers else None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
