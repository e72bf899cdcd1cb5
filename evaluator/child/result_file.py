"""Merge a run's checkpoints into one result file in lm-eval's format, as boards store it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evaluator.engine import chat_date
from evaluator.fence import SANDBOX
from evaluator.job import MODEL, NO_WEIGHTS, REPLAY, Job, checkpoint_path
from src import __version__
from src.core import exact

PYTHON_SEED, OTHER_SEED = 0, 1234  # lm-eval's own defaults, which every published run used
BOOTSTRAP = 100_000


def merge(job: Job, run: Path) -> dict[str, Any]:
    """Return all checkpoints as one lm-eval result, without lm-eval's description of the machine."""
    parts = {task: json.loads(checkpoint_path(run, task).read_text(encoding="utf-8")) for task in job.tasks}
    about = json.loads((run / MODEL).read_text(encoding="utf-8"))
    template = about.pop("chat_template")
    seconds = about.pop("load_seconds") + exact.total(part["seconds"] for part in parts.values())
    merged: dict[str, Any] = {
        key: {task: part[key] for task, part in parts.items()}
        for key in ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "task_hashes")
    }
    merged["groups"] = {name: _group(name, tasks, merged["results"]) for name, tasks in job.groups.items()}
    merged["results"] |= merged["groups"]
    directions = merged["higher_is_better"]
    for name, tasks in job.groups.items():
        directions[name] = {metric: up for task in tasks for metric, up in (directions[task] or {}).items()}
    for metrics in merged["results"].values():  # n-samples holds the same number
        metrics.pop("sample_len", None)
        metrics.pop("name", None)
    merged["group_subtasks"] = {task: [] for task in job.tasks} | job.groups
    name = job.model.replace("/", "__")
    return merged | {
        "config": about.pop("config"),
        "git_hash": None,
        "upper_git_hash": None,
        "start_time": 0.0,  # of no clock, as in published results; only the difference to the end has a meaning
        "end_time": seconds,
        "date": time.time() - seconds,
        "transformers_version": version("transformers"),
        "lm_eval_version": version("lm_eval"),
        "evaluator_version": __version__,
        **about,
        "model_source": "hf",
        "model_name": job.model,
        "model_name_sanitized": name,
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": job.chat_template,
        "chat_template": template,
        "chat_template_sha": hashlib.sha256(template.encode()).hexdigest() if template else None,
        "total_evaluation_time_seconds": str(seconds),
    }


def _group(name: str, tasks: list[str], results: dict[str, Any]) -> dict[str, Any]:
    """Return a group's values as the harness computes them: each metric of all tasks, weighted by numbers of items."""
    sizes = [results[task]["sample_len"] for task in tasks]
    group: dict[str, Any] = {"alias": name}
    for key in results[tasks[0]]:
        metric, _, rest = key.partition(",")
        values = [results[task].get(key) for task in tasks]
        if not rest or metric.endswith("_stderr") or not all(isinstance(value, int | float) for value in values):
            continue
        errors = [results[task].get(f"{metric}_stderr,{rest}") for task in tasks]
        known = all(isinstance(error, float) for error in errors)
        group[key] = exact.weighted_mean(values, sizes)
        group[f"{metric}_stderr,{rest}"] = _pooled(errors, sizes) if known else "N/A"
    return group


def describe(model: Any, job: Job, unused: Sequence[str] = ()) -> dict[str, Any]:
    """Return the model's description of itself, with the published name in place of its local folder.

    `unused`: names of tensors that were not loaded.
    """
    info = model.get_model_info() if hasattr(model, "get_model_info") else {}
    arguments = {"pretrained": job.model, "revision": job.revision, "dtype": job.precision, "trust_remote_code": False}
    config: dict[str, Any] = {
        "model": job.backend,
        "model_args": ",".join(f"{key}={value}" for key, value in arguments.items()),
        **{key: value if isinstance(value, int | float | dict) else str(value) for key, value in info.items()},
        "model_revision": job.revision,
        "model_sha": job.revision,
        "batch_size": job.batch_size,
        "batch_sizes": [],
        "device": str(getattr(model, "device", job.device)),
        "use_cache": None,
        "limit": job.limit,
        "bootstrap_iters": BOOTSTRAP,
        "gen_kwargs": None,
        "generation_defaults": job.generation_defaults,
        "random_seed": PYTHON_SEED,
        "numpy_seed": OTHER_SEED,
        "torch_seed": OTHER_SEED,
        "fewshot_seed": OTHER_SEED,
        "suite": job.suite,
        "scorer": job.scorer,
        "precision": job.precision,
        "sandbox": os.environ.get(SANDBOX, "none"),
        **({"unused_tensors": {"count": len(unused), "examples": list(unused[:20])}} if unused else {}),
    }
    tokenizer = getattr(model, "tokenizer", None) if job.backend not in NO_WEIGHTS else None
    special = {
        f"tokenizer_{kind}_token": [getattr(tokenizer, f"{kind}_token"), str(getattr(tokenizer, f"{kind}_token_id"))]
        for kind in ("pad", "eos", "bos")
        if tokenizer is not None
    }
    template = model.chat_template(True) if job.chat_template and job.backend != REPLAY else None
    if template and chat_date.READS in template:
        config["chat_date"] = job.chat_date
    return {
        "config": config,
        "chat_template": template,
        **special,
        "eot_token_id": getattr(model, "eot_token_id", None) if tokenizer is not None else None,
        "max_length": getattr(model, "max_length", None) if tokenizer is not None else None,
    }


def _pooled(errors: list[float], sizes: list[int]) -> float:
    """Return the standard error of a mean weighted by size, as lm-eval pools it: subtasks are strata of one sample."""
    variance = exact.total((n - 1) * error**2 * n for error, n in zip(errors, sizes, strict=True))
    return math.sqrt(variance / (sum(sizes) - len(sizes)) / sum(sizes))
