"""Run folders of HELM: `stats.json` stands for the run; `run_spec.json` beside it says of what and of whom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from src.board.importing.reader import FormatReader, FoundResult, Hints, ImportBatch, SourceFile
from src.core.errors import BadInputError
from src.core.names import is_row_name
from src.core.records import Result
from src.core.untrusted import json_object, mapping, number

SPEC = "run_spec.json"
PARTS = {
    SPEC, "scenario.json", "scenario_state.json", "per_instance_stats.json", "instances.json",
    "display_predictions.json", "display_requests.json",
}  # fmt: skip


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the result of a run. Raises BadInputError if its run_spec.json is missing or says no model."""
    folder = source.path.parent
    spec, stats = _parsed(folder / SPEC), json.loads(source.data)
    adapter = mapping(spec.get("adapter_spec"))
    model = hints.model or adapter.get("model") or adapter.get("model_deployment")
    name = str(spec.get("name") or folder.name)
    if not is_row_name(model) or not isinstance(stats, list):
        raise BadInputError(f"{folder} is a HELM run without a model or statistics.")
    task = name.partition(":")[0]
    metrics, count = _statistics(stats)
    shots = number(adapter.get("max_train_instances"))
    when = datetime.fromtimestamp((folder / SPEC).stat().st_mtime, UTC)
    result = Result(
        model=str(model),
        precision=hints.precision,
        date=when,
        tasks={task: metrics, name: metrics},
        samples={} if count is None else {task: count, name: count},
        shots={
            each: int(shots)
            for each in (task, name)
            if (shots := number(adapter.get("max_train_instances"))) is not None
        },
        settings={
            "harness": "helm",
            "system_instruction": adapter.get("global_prefix") or None,
            "task_source": name,
            "config": {
                "model": "helm",
                "gen_kwargs": {
                    each: adapter[each] for each in ("temperature", "max_tokens") if adapter.get(each) is not None
                },
                "repeats": adapter.get("num_outputs") or 1,
                "limit": adapter.get("max_eval_instances"),
            },
        },
        path=str(source.path),
    )
    state = folder / "scenario_state.json"
    samples = {task: lambda: _lines(folder)} if state.exists() else {}
    return ImportBatch(results=[FoundResult(result, result.write(), when, samples)])


def recognises(source: SourceFile) -> bool:
    """Return whether a file holds the statistics of a run."""
    return source.path.name == "stats.json" and (source.path.parent / SPEC).exists()


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read."""
    return path.name == "stats.json"


def is_part(path: Path) -> bool:
    """Return whether a file belongs to a run that its statistics stand for."""
    return path.name in PARTS and path.with_name("stats.json").exists()


def _statistics(stats: list[Any]) -> tuple[dict[str, float | None], int | None]:
    """Return the means of the unperturbed test (else validation) split, and the number of instances."""
    metrics: dict[str, float | None] = {}
    count = None
    for split in ("valid", "test"):  # the test split counts if there is one
        for each in map(mapping, stats):
            about = mapping(each.get("name"))
            if about.get("split") != split or about.get("perturbation") or about.get("sub_split"):
                continue
            name, value = str(about.get("name")), number(each.get("mean"))
            if name == "num_instances":
                count = int(value) if value is not None else None
            else:
                metrics[name] = value
    return metrics, count


def _lines(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the instances of a run as lm-eval logs its samples."""
    states = _parsed(folder / "scenario_state.json").get("request_states") or []
    graded: dict[str, dict[str, float | None]] = {}
    path = folder / "per_instance_stats.json"
    for each in map(mapping, json.loads(path.read_bytes()) if path.exists() else []):
        of_item = graded.setdefault(str(each.get("instance_id")), {})
        for one in map(mapping, each.get("stats") or []):
            of_item[str(mapping(one.get("name")).get("name"))] = number(one.get("mean"))
    for at, state in enumerate(each for each in map(mapping, states) if not each.get("train_trial_index")):
        instance, request = mapping(state.get("instance")), mapping(state.get("request"))
        completions = mapping(state.get("result")).get("completions") or []
        correct = [
            str(mapping(reference.get("output")).get("text"))
            for reference in map(mapping, instance.get("references") or [])
            if "correct" in (reference.get("tags") or [])
        ]
        yield {
            "doc_id": at,
            "doc": {"question": mapping(instance.get("input")).get("text"), "id": instance.get("id")},
            "target": "; ".join(correct),
            "arguments": [[request.get("prompt")]],
            "filtered_resps": [mapping(completion).get("text") for completion in completions],
            "doc_hash": str(instance.get("id") or at),
            **graded.get(str(instance.get("id")), {}),
        }


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return json_object(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error}.") from error


READER = FormatReader("run folders of HELM", recognises, read, collects, is_part)
