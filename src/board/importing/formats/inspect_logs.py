"""Logs of Inspect: `.eval` archives (deflated or Zstandard) and their JSON form, one task of one model each."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from src.board.importing.reader import FormatReader, FoundResult, Hints, ImportBatch, SourceFile
from src.core.errors import BadInputError
from src.core.names import is_row_name, time_of_path
from src.core.records import Result
from src.core.untrusted import json_object, mapping, moment, number

ZSTANDARD = 93  # the compression that zipfile of Python 3.13 and earlier cannot read
LARGEST_ENTRY = 1 << 28
ERRORS = ("stderr", "std")
LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, True: 1.0, False: 0.0}
ENGINES = ("hf", "vllm", "sglang", "transformer_lens", "llama-cpp-python")
EXPECTED = {"eval": ("task", "model", "created", "dataset", "config"), "results": ("scores", "total_samples")}
SAMPLING = ("temperature", "top_p", "top_k", "seed", "reasoning_effort", "reasoning_tokens", "max_tokens")


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the result of a log, with its samples. Raises BadInputError if it is unfinished or no log."""
    path = source.path
    if source.data[:4] == b"PK\x03\x04":
        log = _Archive(source.data, path.name).header()
        samples = lambda: _Archive(path.read_bytes(), path.name).samples()  # noqa: E731
    else:
        log = json_object(source.data, path.name)
        samples = lambda: iter(json_object(path.read_bytes(), path.name).get("samples") or [])  # noqa: E731
    about, results = mapping(log.get("eval")), mapping(log.get("results"))
    if log.get("status") not in (None, "success"):
        raise BadInputError(f"{path.name} is the log of a run that ended with '{log['status']}'.")
    task, model = str(about.get("task") or ""), hints.model or _model(about.get("model"))
    if not task or not is_row_name(model) or not results.get("scores"):
        raise BadInputError(f"{path.name} is an Inspect log without a task, a model or scores.")
    metrics, stderrs = _metrics(results["scores"])
    when = moment(about.get("created")) or time_of_path(path.name)
    if when is None:
        raise BadInputError(f"{path.name} does not say when it ran.")
    count = number(results.get("completed_samples") or results.get("total_samples"))
    result = Result(
        model=str(model),
        precision=hints.precision,
        date=when,
        tasks={task: metrics},
        stderrs={task: stderrs},
        samples={task: int(count)} if count is not None else {},
        versions={task: about.get("task_version")},
        settings=_settings(log, about),
        path=str(path),
    )
    found = FoundResult(result, result.write(), when, {task: lambda: _lines(samples(), metrics)})
    missing = [
        f"{block}.{name}" for block, names in EXPECTED.items() for name in names if name not in mapping(log.get(block))
    ]
    notes = [f"the log lacks {', '.join(missing)}; what is there was read."] if missing else []
    if not _has_samples(log, source):
        found = FoundResult(result, found.data, when)
    return ImportBatch(results=[found], notes=notes)


def recognises(source: SourceFile) -> bool:
    """Return whether a file is a log: by its name, or its first keys."""
    if source.path.suffix == ".eval":
        return True
    return source.path.suffix == ".json" and b'"eval"' in source.data[:4096] and b'"status"' in source.data[:4096]


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read; logs in JSON are read as every JSON file is."""
    return path.suffix == ".eval"


class _Archive:
    """A `.eval` file: a zip of JSON entries, some of them compressed as Zstandard."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name = data, name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError) as error:
            raise BadInputError(f"{name} is not a whole Inspect log ({error}).") from error

    def header(self) -> dict[str, Any]:
        """Return the log without its samples. Raises BadInputError if the run has not ended."""
        if "header.json" not in self._zip.namelist():
            raise BadInputError(f"{self._name} has no header.json: its run has not ended.")
        return json_object(self._read("header.json"), self._name)

    def samples(self) -> Iterator[dict[str, Any]]:
        """Yield the samples in the order of their names."""
        for name in self._zip.namelist():
            if name.startswith("samples/") and name.endswith(".json"):
                yield json_object(self._read(name), self._name)

    def _read(self, name: str) -> bytes:
        entry = self._zip.getinfo(name)
        if entry.file_size > LARGEST_ENTRY:
            raise BadInputError(f"{self._name}: {name} would unpack to {entry.file_size >> 20} MB; that is too much.")
        try:
            if entry.compress_type != ZSTANDARD:
                return self._zip.read(entry)
            start = entry.header_offset
            lengths = struct.unpack("<HH", self._data[start + 26 : start + 30])  # of the name and the extra field
            start += 30 + sum(lengths)
            packed = self._data[start : start + entry.compress_size]
            with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
                return bytes(stream.read(LARGEST_ENTRY))
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, struct.error) as error:
            raise BadInputError(f"{self._name}: {name} cannot be unpacked ({error}).") from error


def _model(name: Any) -> str | None:
    """Return a model's name without the engine that ran its weights here; a provider that served it stays."""
    engine, _, rest = str(name or "").partition("/")
    return rest if engine in ENGINES and rest else str(name or "") or None


def _metrics(scores: Iterable[Any]) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return metrics and their standard errors; those of the second and later scorers carry the scorer's name."""
    metrics: dict[str, float | None] = {}
    stderrs: dict[str, float | None] = {}
    for at, score in enumerate(each for each in scores if isinstance(each, Mapping)):
        prefix = "" if at == 0 else f"{score.get('name')}/"
        values = {name: number(mapping(each).get("value")) for name, each in mapping(score.get("metrics")).items()}
        plain = [name for name in values if not name.endswith(ERRORS)]
        for name, value in values.items():
            if name in plain:
                metrics[prefix + name] = value
            elif name == "stderr" and plain:
                stderrs[prefix + plain[0]] = value
            elif (base := name.removesuffix("stderr") + "acc") in plain:
                stderrs[prefix + base] = value
    return metrics, stderrs


def _settings(log: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    config, plan = mapping(about.get("config")), mapping(log.get("plan"))
    chosen = {**mapping(about.get("model_generate_config")), **mapping(plan.get("config"))}
    system = next(
        (
            mapping(step.get("params")).get("template")
            for step in plan.get("steps") or []
            if isinstance(step, Mapping) and step.get("solver") == "system_message"
        ),
        chosen.get("system_message"),
    )
    limit = config.get("limit")
    return {
        "harness": "inspect",
        "harness_version": mapping(about.get("packages")).get("inspect_ai"),
        "task_source": about.get("task_registry_name") or about.get("task_file"),
        "system_instruction": str(system) if system else None,
        "config": {
            "model": f"inspect {str(about.get('model')).partition('/')[0]}",
            "limit": limit[1] - limit[0] if isinstance(limit, list) and len(limit) == 2 else limit,
            "repeats": config.get("epochs") or 1,
            "gen_kwargs": {name: chosen[name] for name in SAMPLING if chosen.get(name) is not None},
        },
    }


def _has_samples(log: Mapping[str, Any], source: SourceFile) -> bool:
    return bool(log.get("samples")) or source.data[:4] == b"PK\x03\x04"


def _lines(samples: Iterable[Mapping[str, Any]], metrics: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield samples as lm-eval logs them; of several epochs each is a line of its own."""
    metric = next(iter(metrics), "accuracy")
    for at, each in enumerate(samples):
        scores = mapping(each.get("scores"))
        score = mapping(next(iter(scores.values()), None))
        question, target = _asked(each.get("input")), each.get("target")
        value = score.get("value")
        yield {
            "doc_id": at,
            "doc": {"question": question, "id": each.get("id"), "choices": each.get("choices")},
            "target": target if isinstance(target, str) else json.dumps(target),
            "arguments": [[question]],
            "filtered_resps": [mapping(each.get("output")).get("completion") or score.get("answer")],
            "doc_hash": f"{each.get('id')}-{each.get('epoch', 1)}",
            "repeat_of": str(each.get("id")),
            metric: LETTERS.get(value, number(value)) if isinstance(value, str | bool | int | float) else None,
        }


def _asked(given: Any) -> str:
    if isinstance(given, str):
        return given
    turns = [mapping(turn).get("content") for turn in given] if isinstance(given, list) else []
    return "\n\n".join(turn for turn in turns if isinstance(turn, str))


READER = FormatReader("Inspect logs (.eval, .json)", recognises, read, collects)
