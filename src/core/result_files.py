"""What the two forms of result files say: an lm-eval dump, and the first board's `harness|task|shots` blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from src.core.names import is_row_name, model_of_path, time_of_path
from src.core.run_identity import arguments
from src.core.untrusted import mapping, moment, number

LEFT_OUT = {
    # fields of their own
    "results", "versions", "n-shot", "n-samples", "date", "model_name", "model_name_sanitized", "chat_template",
    "groups", "group_subtasks", "higher_is_better",  # known from the suite, or stale
    "configs", "pretty_env_info",  # 100 KB a run: read the file itself to show them
}  # fmt: skip
"""Blocks of a dump that `Result.settings` does not repeat."""
NOT_METRICS = {"alias", "name", "sample_len"}
SAMPLING = {"temperature", "top_k", "top_p", "min_p", "max_new_tokens", "seed", "repetition_penalty"}
NAMING = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Model arguments that name the model, in the harness's own order: an adapter comes before its base."""


def fields_of_dump(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Result` in an lm-eval dump; `model` may be None."""
    config = mapping(data.get("config"))
    given = arguments(config.get("model_args"))
    tasks, stderrs = _metrics(data["results"], leave_out=_groups(data))
    return {
        "form": "v2",
        "model": _first_name((data.get("model_name"), *(given.get(name) for name in NAMING))),
        "base_model": _first_name((config.get("base_model"), *_base(given))),
        "revision": config.get("model_sha") or given.get("revision"),
        "precision": _precision(config.get("model_dtype"), given),
        "date": moment(data.get("date")),
        "tasks": tasks,
        "groups": _members(data),
        "stderrs": stderrs,
        "samples": _samples(mapping(data.get("n-samples"))),
        "shots": _whole(mapping(data.get("n-shot"))),
        "versions": mapping(data.get("versions")),
        "chat_template": data.get("chat_template") or None,
        "settings": {name: value for name, value in data.items() if name not in LEFT_OUT and not name.startswith("_")},
    }


def fields_of_v1(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Result` in a v1 file, or in one of lighteval, whose form grew from it.

    The task of `harness|arc:challenge|25` is called `arc:challenge`, that of `ifeval|0` is called `ifeval`.
    """
    config = mapping(data.get("config_general") or data.get("config"))
    model = mapping(config.get("model_config"))
    parts = {name: ["", *str(name).split("|")][-3:] for name in data["results"] if "|" in str(name)}
    plain = {part[1]: data["results"][name] for name, part in parts.items()}
    tasks, stderrs = _metrics(plain, leave_out=())
    versions = mapping(data.get("versions"))
    settings = {name: value for name, value in data.items() if name not in LEFT_OUT and not name.startswith("_")}
    return {
        "form": "v1",
        "model": _first_name(
            (model.get("base_model") and model.get("model_name"), config.get("model_name"), data.get("model_name"))
        ),
        "base_model": _first_name((model.get("base_model"),)),
        "revision": config.get("model_sha") or None,
        "precision": _precision(config.get("model_dtype") or model.get("dtype"), {}),
        "date": None,
        "tasks": tasks,
        "stderrs": stderrs,
        "shots": _whole({part[1]: part[2] for part in parts.values()}),
        "versions": {parts[name][1]: version for name, version in versions.items() if name in parts},
        "settings": settings | (_lighteval(config, model) if "lighteval_sha" in config else {}),
    }


def _lighteval(config: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a lighteval run in lm-eval's words."""
    system, sampling = model.get("system_prompt"), mapping(model.get("generation_parameters"))
    seconds = config.get("total_evaluation_time_secondes") or config.get("total_evaluation_time_seconds")
    chosen = {name: value for name, value in sampling.items() if value not in (None, [], {}) and name in SAMPLING}
    return {
        "harness": "lighteval",
        "harness_version": str(config["lighteval_sha"]) if config["lighteval_sha"] not in (None, "?") else None,
        "system_instruction": str(system) if system else None,
        "total_evaluation_time_seconds": seconds,
        "config": {"limit": config.get("max_samples"), "gen_kwargs": chosen, "model": model.get("provider")},
    }


def run_of_path(path: str) -> tuple[str | None, datetime | None]:
    """Return which model and what time of writing a result file's path tells."""
    return model_of_path(path), time_of_path(path)


def _metrics(
    results: Mapping[str, Any], leave_out: Iterable[str]
) -> tuple[dict[str, dict[str, float | None]], dict[str, dict[str, float | None]]]:
    """Return values and standard errors by task and metric; `acc,none` is `acc`, any other filter stays in the name."""
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


def _groups(data: Mapping[str, Any]) -> set[str]:
    members = mapping(data.get("group_subtasks"))
    return set(mapping(data.get("groups"))) | {name for name, tasks in members.items() if tasks}


def _members(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return group → members, which may be groups themselves."""
    members = mapping(data.get("group_subtasks"))
    return {name: [str(task) for task in tasks] for name, tasks in members.items() if tasks and isinstance(tasks, list)}


def _base(given: Mapping[str, str]) -> tuple[str | None, ...]:
    """Return the model that an adapter or a delta was applied to."""
    return (given.get("pretrained"),) if given.get("peft") or given.get("delta") else ()


def _samples(block: Mapping[str, Any]) -> dict[str, int]:
    return _whole({task: mapping(counts).get("effective") for task, counts in block.items()})


def _whole(block: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(found) for name, value in block.items() if (found := number(value)) is not None}


def _precision(dtype: Any, arguments: Mapping[str, str]) -> str | None:
    for bits in ("4bit", "8bit"):
        if arguments.get(f"load_in_{bits}", "").lower() == "true":
            return bits
    if "true" in (arguments.get("autogptq", "").lower(), arguments.get("gptqmodel", "").lower()):
        return "GPTQ"
    found = str(dtype or arguments.get("dtype") or "").removeprefix("torch.")
    return found if found not in ("", "auto", "None") else None


def _first_name(candidates: Iterable[Any]) -> str | None:
    return next((name for name in candidates if is_row_name(name)), None)
