"""Reports of EvalScope: `reports/{model}/{dataset}.json`, one dataset of one model each."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from src.board.importing.reader import FormatReader, FoundResult, Hints, ImportBatch, SourceFile, nothing
from src.core.errors import BadInputError
from src.core.names import is_row_name
from src.core.records import Result
from src.core.untrusted import mapping, number

STAMP = re.compile(r"\d{8}_\d{6}")


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the result in a report: the dataset's score, and those of its subsets. Raises BadInputError."""
    try:
        report = json.loads(source.data)
    except ValueError as error:
        raise BadInputError(f"{source.path.name} is not JSON: {error}.") from error
    model, dataset = hints.model or report.get("model_name"), str(report.get("dataset_name") or "")
    if not is_row_name(model) or not dataset:
        raise BadInputError(f"{source.path.name} names no model or no dataset; name the model with --model.")
    tasks: dict[str, dict[str, float | None]] = {dataset: {}}
    samples: dict[str, int] = {}
    for metric in map(mapping, report.get("metrics") or []):
        name = str(metric.get("name") or "score")
        tasks[dataset][name] = number(metric.get("macro_score", metric.get("score")))
        if (count := number(metric.get("num"))) is not None:
            samples[dataset] = int(count)
        for category in map(mapping, metric.get("categories") or []):
            for subset in map(mapping, category.get("subsets") or []):
                tasks.setdefault(f"{dataset}/{subset.get('name')}", {})[name] = number(subset.get("score"))
    if not tasks[dataset] and number(report.get("score")) is not None:
        tasks[dataset]["score"] = number(report["score"])
    when = _when(source.path)
    result = Result(
        model=str(model),
        precision=hints.precision,
        date=when,
        tasks=tasks,
        samples=samples,
        settings={
            "harness": "evalscope",
            "task_source": report.get("dataset_pretty_name"),
            "config": {"model": "evalscope"},
        },
        path=str(source.path),
    )
    return ImportBatch(results=[FoundResult(result, result.write(), when)])


def recognises(source: SourceFile) -> bool:
    """Return whether a file is a report."""
    head = source.data
    return source.path.suffix == ".json" and all(
        key in head for key in (b'"dataset_name"', b'"metrics"', b'"model_name"')
    )


def _when(path: Path) -> datetime:
    """Return the time of the run's folder, `outputs/20260101_120000`, else that of the file."""
    for part in reversed(path.parts):
        if STAMP.fullmatch(part):
            return datetime.strptime(part, "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


READER = FormatReader("reports of EvalScope (.json)", recognises, read, nothing)
