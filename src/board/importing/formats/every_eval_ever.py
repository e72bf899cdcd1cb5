"""Every Eval Ever 0.3: records (`<uuid>.json`), their instances (`<uuid>_samples.jsonl`), archives of records."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from src.board.importing.measurements import MeasuredRow, Measurement
from src.board.importing.reader import FormatReader, Hints, ImportBatch, RowAnswers, SourceFile
from src.core.errors import BadInputError
from src.core.frames.tables import LARGEST
from src.core.names import is_row_name
from src.core.untrusted import mapping, moment, number

REQUIRED = ("schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "eval_library", "model_info")
OF_RESULT = ("evaluation_name", "source_data", "metric_config", "score_details")
SAMPLES = "_samples.jsonl"
SAMPLING = ("temperature", "top_p", "top_k", "reasoning")
OpenInstances = Callable[[], IO[bytes]]
TRUTH = {"True": True, "False": False, "true": True, "false": False}


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the measurements of a record, or of every record in an archive. Raises BadInputError."""
    if source.data[:4] == b"PK\x03\x04":
        return _read_archive(source, hints)
    return _read_record(source.data, source.path.name, hints, _beside(source.path))


def recognises(source: SourceFile) -> bool:
    """Return whether a file holds a record, or is an archive of some."""
    if source.path.name.endswith(".zip"):
        return source.data[:4] == b"PK\x03\x04"
    return source.data[:1] == b"{" and b'"evaluation_results"' in source.data and b'"model_info"' in source.data


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read; every JSON file is, by whichever reader knows it."""
    return path.name.endswith(".eee.zip")


def is_part(path: Path) -> bool:
    """Return whether a file holds the instances of a record beside it."""
    return path.name.endswith(SAMPLES) and path.with_name(path.name.removesuffix(SAMPLES) + ".json").exists()


def _beside(path: Path) -> OpenInstances | None:
    samples = path.with_name(path.name.removesuffix(".json") + SAMPLES)
    return (lambda: samples.open("rb")) if samples.exists() else None


def _in_archive(archive: zipfile.ZipFile, record: str) -> OpenInstances | None:
    samples = record.removesuffix(".json") + SAMPLES
    return (lambda: archive.open(samples)) if samples in archive.namelist() else None


def _read_archive(source: SourceFile, hints: Hints) -> ImportBatch:
    whole = ImportBatch()
    try:
        archive = zipfile.ZipFile(io.BytesIO(source.data))  # stays open: instances are read when they are stored
        entries = [entry for entry in archive.infolist() if entry.filename.endswith(".json")]
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
            raise BadInputError(f"{source.path.name} would unpack to more than {LARGEST >> 30} GB.")
        for entry in entries:
            name = f"{source.path.name}: {entry.filename}"
            each = _read_record(archive.read(entry), name, hints, _in_archive(archive, entry.filename))
            whole.records += each.records
            whole.answers += each.answers
            whole.notes += each.notes
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise BadInputError(f"{source.path.name} is not a whole zip archive ({error}).") from error
    if not whole.records:
        raise BadInputError(f"{source.path.name} contains no Every Eval Ever record.")
    return whole


def _read_record(data: bytes, name: str, hints: Hints, samples: OpenInstances | None) -> ImportBatch:
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"{name} is not JSON: {error}.") from error
    about, results = mapping(record.get("model_info")), record.get("evaluation_results")
    model = hints.model or about.get("id") or about.get("name")
    if not isinstance(results, list) or not is_row_name(model):
        raise BadInputError(f"{name} has no evaluation_results, or no model_info.id; name the model with --model.")
    row = _row(record, about, str(model), hints)
    is_makers = mapping(record.get("source_metadata")).get("evaluator_relationship") == "first_party"
    batch = ImportBatch(records=[each for result in results for each in _measurement(mapping(result), row, is_makers)])
    missing = [field for field in REQUIRED if field not in record]
    missing += sorted({field for result in results for field in OF_RESULT if field not in mapping(result)})
    if missing:
        batch.notes.append(f"the record lacks {', '.join(missing)}; what is there was read.")
    if not batch.records:
        raise BadInputError(f"{name} has no evaluation result with a score.")
    if samples is not None:
        when = moment(record.get("evaluation_timestamp")) or moment(record.get("retrieved_timestamp"))
        if when is not None:
            batch.answers += [
                RowAnswers(row.model, when, label, lambda label=label: _lines(samples, label))  # type: ignore[misc]
                for label in sorted({_label(line) for line in _instances(samples, name)})
            ]
    return batch


def _row(record: Mapping[str, Any], about: Mapping[str, Any], model: str, hints: Hints) -> MeasuredRow:
    details, source = mapping(about.get("additional_details")), mapping(record.get("source_metadata"))
    library = mapping(record.get("eval_library"))
    words = [str(library[part]) for part in ("name", "version") if library.get(part) not in (None, "", "unknown")]
    when = moment(record.get("evaluation_timestamp"))
    return MeasuredRow(
        model=model,
        precision=hints.precision or _text(details.get("precision")),
        revision=_text(details.get("revision")),
        chat_template=TRUTH.get(str(details.get("chat_template"))),
        configuration=_text(details.get("configuration")) or _configuration(record["evaluation_results"]),
        harness=" ".join(words) or None,
        source=_text(source.get("source_name")) or _text(source.get("source_organization_name")),
        license=_text(details.get("license")),
        base_model=_text(details.get("base_model")),
        architecture=_text(details.get("architecture")),
        model_type=_text(details.get("model_type")),
        params_b=number(details.get("params_billions")),
        date=f"{when:%Y-%m-%d}" if when else None,
    )


def _configuration(results: list[Any]) -> str | None:
    """Return the sampling of a record if all its results share it."""
    found = set()
    for result in results:
        chosen = mapping(mapping(mapping(result).get("generation_config")).get("generation_args"))
        parts = [
            f"{name} {chosen[name]}" for name in ("temperature", "top_p", "top_k", "reasoning") if chosen.get(name)
        ]
        found.add(", ".join(parts))
    return found.pop() or None if len(found) == 1 else None


def _measurement(result: Mapping[str, Any], row: MeasuredRow, is_makers: bool) -> Iterator[Measurement]:
    details, metric = mapping(result.get("score_details")), mapping(result.get("metric_config"))
    value = number(details.get("score"))
    if value is None:
        return
    uncertainty = mapping(details.get("uncertainty"))
    error = mapping(uncertainty.get("standard_error"))
    counted = "from counts" in str(error.get("method"))  # follows from the score again: never taken for a measured one
    n = number(uncertainty.get("num_samples"))
    source = mapping(result.get("source_data"))
    ours = re.fullmatch(
        r"(.+)\.(raw|published)", str(metric.get("metric_id") or result.get("evaluation_result_id") or "")
    )
    labels = [ours[1] if ours else None, result.get("evaluation_name"), source.get("dataset_name")]
    yield Measurement(
        row=row,
        labels=tuple(str(label) for label in labels if label),
        value=value,
        most=_most(metric),
        kind=ours[2] if ours else None,
        se=None if counted else number(error.get("value")),
        n=int(n) if n is not None and n > 0 else None,
        is_makers=is_makers,
    )


def _most(metric: Mapping[str, Any]) -> float | None:
    most = metric.get("max_score")
    return number(most) if most != "Infinity" and (number(most) or 0) > 0 else None


def _instances(samples: OpenInstances, name: str = "") -> Iterator[Mapping[str, Any]]:
    with samples() as lines:
        for at, line in enumerate(lines, start=1):
            try:
                if line.strip():
                    yield mapping(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise BadInputError(f"The instances of {name}: line {at} is not JSON: {error}.") from error


def _label(instance: Mapping[str, Any]) -> str:
    """Return which task an instance is of: the harness's own name for it if it has one, else the evaluation's."""
    task = mapping(instance.get("metadata")).get("task")
    return task if isinstance(task, str) and task else str(instance.get("evaluation_name") or "unnamed")


def _lines(samples: OpenInstances, label: str) -> Iterable[Mapping[str, Any]]:
    """Yield the instances of one task as lm-eval logs its samples; one with an error has no score."""
    mine = (each for each in _instances(samples) if _label(each) == label)
    for at, each in enumerate(mine):
        asked, output, graded = (mapping(each.get(part)) for part in ("input", "output", "evaluation"))
        raw, reference = output.get("raw") or [], asked.get("reference") or []
        yield {
            "doc_id": at,
            "doc": {"question": asked.get("raw"), "id": each.get("sample_id")},
            "target": reference[0] if isinstance(reference, list) and reference else reference,
            "arguments": [[asked.get("formatted") or asked.get("raw")]],
            "filtered_resps": raw if isinstance(raw, list) else [raw],
            "doc_hash": each.get("sample_hash") or str(each.get("sample_id")),
            "score": None if each.get("error") else graded.get("score"),
        }


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "", "unknown") else None


READER = FormatReader("Every Eval Ever records (.json, .eee.zip)", recognises, read, collects, is_part)
