"""What the two forms of result files say: an lm-eval dump, and the first board's `harness|task|shots` blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from src.core.names import is_model_name, model_of_path, time_of_path

LEFT_OUT = {
    # fields of their own
    "results", "versions", "n-shot", "n-samples", "date", "model_name", "model_name_sanitized", "chat_template",
    "groups", "group_subtasks", "higher_is_better",  # told by the suite, or stale
    "configs", "pretty_env_info",  # 100 KB a run: read the file itself to show them
}  # fmt: skip
"""Blocks of a dump that `Result.settings` does not repeat."""
NOT_METRICS = {"alias", "name", "sample_len"}


def fields_of_dump(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Result` in an lm-eval dump; `model` may be None."""
    config = _mapping(said.get("config"))
    arguments = _arguments(config.get("model_args"))
    tasks, stderrs = _metrics(said["results"], leave_out=_groups(said))
    return {
        "form": "v2",
        "model": _first_name((said.get("model_name"), arguments.get("pretrained"))),
        "revision": config.get("model_sha") or arguments.get("revision"),
        "precision": _precision(config.get("model_dtype"), arguments),
        "date": _moment(said.get("date")),
        "tasks": tasks,
        "stderrs": stderrs,
        "samples": _samples(_mapping(said.get("n-samples"))),
        "shots": _whole(_mapping(said.get("n-shot"))),
        "versions": _mapping(said.get("versions")),
        "chat_template": said.get("chat_template") or None,
        "settings": {name: value for name, value in said.items() if name not in LEFT_OUT and not name.startswith("_")},
    }


def fields_of_v1(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Result` in a v1 file; the task of `harness|arc:challenge|25` is called `arc:challenge`."""
    config = _mapping(said.get("config_general") or said.get("config"))
    parts = {name: str(name).split("|") for name in said["results"] if str(name).startswith("harness|")}
    plain = {part[1]: said["results"][name] for name, part in parts.items()}
    tasks, stderrs = _metrics(plain, leave_out=())
    versions = _mapping(said.get("versions"))
    return {
        "form": "v1",
        "model": _first_name((config.get("model_name"), said.get("model_name"))),
        "revision": config.get("model_sha") or None,
        "precision": _precision(config.get("model_dtype"), {}),
        "date": None,
        "tasks": tasks,
        "stderrs": stderrs,
        "shots": _whole({part[1]: part[2] for part in parts.values() if len(part) > 2}),
        "versions": {parts[name][1]: version for name, version in versions.items() if name in parts},
        "settings": {name: value for name, value in said.items() if name not in LEFT_OUT and not name.startswith("_")},
    }


def run_of_path(path: str) -> tuple[str | None, datetime | None]:
    """Which model and what time of writing a result file's path tells."""
    return model_of_path(path), time_of_path(path)


def number(value: Any) -> float | None:
    """A finite number, or None for whatever else a file may hold ("N/A", NaN, text)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return float(value) if isinstance(value, bool) else None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _metrics(
    results: Mapping[str, Any], leave_out: Iterable[str]
) -> tuple[dict[str, dict[str, float | None]], dict[str, dict[str, float | None]]]:
    """Values and standard errors by task and metric; `acc,none` is `acc`, any other filter stays in the name."""
    tasks: dict[str, dict[str, float | None]] = {}
    stderrs: dict[str, dict[str, float | None]] = {}
    for task, metrics in results.items():
        if task in leave_out or not isinstance(metrics, Mapping):
            continue
        tasks[task] = {}
        for name, value in metrics.items():
            metric, _, filter_ = str(name).partition(",")
            if metric in NOT_METRICS or not metric.strip():  # {" ": " "}: a group without values
                continue
            plain = metric.removesuffix("_stderr") + (f",{filter_}" if filter_ not in ("", "none") else "")
            (stderrs.setdefault(task, {}) if metric.endswith("_stderr") else tasks[task])[plain] = number(value)
    return {task: metrics for task, metrics in tasks.items() if metrics}, stderrs


def _groups(said: Mapping[str, Any]) -> set[str]:
    members = _mapping(said.get("group_subtasks"))
    return set(_mapping(said.get("groups"))) | {name for name, tasks in members.items() if tasks}


def _samples(block: Mapping[str, Any]) -> dict[str, int]:
    return _whole({task: _mapping(counts).get("effective") for task, counts in block.items()})


def _whole(block: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(found) for name, value in block.items() if (found := number(value)) is not None}


def _arguments(text: Any) -> dict[str, str]:
    """lm-eval's `model_args`, "pretrained=org/name,dtype=auto" or already a mapping."""
    if isinstance(text, Mapping):
        return {str(name): str(value) for name, value in text.items()}
    pairs = (part.partition("=") for part in str(text or "").split(","))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _precision(dtype: Any, arguments: Mapping[str, str]) -> str | None:
    for bits in ("4bit", "8bit"):
        if arguments.get(f"load_in_{bits}", "").lower() == "true":
            return bits
    if "true" in (arguments.get("autogptq", "").lower(), arguments.get("gptqmodel", "").lower()):
        return "GPTQ"
    found = str(dtype or arguments.get("dtype") or "").removeprefix("torch.")
    return found if found not in ("", "auto", "None") else None


def _first_name(candidates: Iterable[Any]) -> str | None:
    return next((name for name in candidates if is_model_name(name)), None)


def _moment(seconds: Any) -> datetime | None:
    found = number(seconds)
    try:
        return datetime.fromtimestamp(found, UTC) if found is not None else None
    except (ValueError, OverflowError, OSError):
        return None


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
