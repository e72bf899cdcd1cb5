"""Grade stored answers again with the installed harness, without a model or a GPU, as MATH needed in 2024 and 2025.

Read the samples of a model's details dataset, let the harness's own tasks score the recorded answers, and publish a new
result that names the result it was made from; the old result stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from evaluator.job import CHECKPOINTS, REPLAY, RESULTS, plan_job, recorded_path, samples_name
from evaluator.run import publish, sandbox
from evaluator.run_files import distrust, read_json, write
from evaluator.settings import ChildLimits
from src.core.errors import BadInputError, NotFoundError
from src.core.names import details_dataset, folder_of
from src.core.records import Request, Result
from src.core.store import Store
from src.core.suites import Suite


def rescore(
    store: Store, model: str, suite: Suite, workspace: Path, benchmarks: Path, *, wanted: Iterable[str] = (),
    limits: ChildLimits | None = None, nltk_data: Path | None = None, result: str | None = None,
) -> tuple[str, dict[str, tuple[float, float]]]:  # fmt: skip
    """Publish a re-scored result and return its path, with each changed metric: `task/metric` → (before, after).

    `result`: the path of the result to start from; the newest of that model if None. `wanted`: benchmarks or tasks to
    score again; the others are copied. Raise BadInputError if answers are missing or the harness cannot score them.
    """
    path = result or newest_result(store, model, suite)
    old = json.loads(store.read(path))
    run = workspace / "rescored" / re.sub(r"[^A-Za-z0-9]", "", path)[-64:]
    (run / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    stamp = path.rsplit("results_", 1)[1].removesuffix(".json")
    request = _request(old, suite)
    job = plan_job(
        request, suite, run, _public_tasks(wanted, suite, old), backend=REPLAY, limit=old["config"].get("limit"),
    )  # fmt: skip

    def recorded(task: str) -> bytes:
        folder = f"{details_dataset(model)}/{model.replace('/', '__')}"
        try:
            return store.read(f"{folder}/samples_{task}_{stamp}.jsonl")
        except NotFoundError as error:
            raise BadInputError(
                f"The answers of {model} on {task} are not stored, so nothing can be graded again."
            ) from error

    for task in job.tasks:
        recorded_path(run, task).write_bytes(recorded(task))
    job.write(run / "job.json")
    failure = sandbox.run_child(run, benchmarks, limits or ChildLimits(), nltk_data=nltk_data)
    if failure is not None:
        raise BadInputError(f"The harness could not grade the answers again: {failure.message}")
    new = read_json(run, RESULTS)
    with distrust(f"The new result of {model}"):
        changed = _changes(old, new)
        _copy_ungraded(old, new, run, recorded)
    proof = dict(old["config"].get("claim") or {}) | {"nonce": f"rescored{stamp}"}
    return publish.publish(store, run, suite, proof, {"rescored_from": path, "energy": old.get("energy")}), changed


def newest_result(store: Store, model: str, suite: Suite) -> str:
    """Return the newest result of a model on a suite. Raise BadInputError if there is none."""
    paths = sorted((entry.path for entry in store.list(f"results/{folder_of(model)}")), reverse=True)
    for path in paths:
        content = json.loads(store.read(path))
        if content.get("config", {}).get("suite", suite.name) == suite.name:
            return path
    raise BadInputError(f"There is no result of {model} on {suite.title} in {store.name}.")


def _request(old: Mapping[str, Any], suite: Suite) -> Request:
    result = Result.read(old)
    return Request(
        model=result.model,
        revision=result.revision or "main",
        precision=result.precision or "bfloat16",
        use_chat_template=bool(old.get("chat_template")),
        suite=suite.name,
        suite_version=suite.version,
    )


def _public_tasks(wanted: Iterable[str], suite: Suite, old: Mapping[str, Any]) -> list[str]:
    """Return the wanted tasks that were run, without gated ones, whose answers are not stored."""
    names = set(wanted)
    chosen = [
        task.name
        for benchmark in suite.benchmarks
        for task in benchmark.tasks
        if (not names or names & {benchmark.key, task.name}) and task.name in old["results"] and not benchmark.withheld
    ]
    if not chosen:
        raise BadInputError(
            "None of these tasks was run, or their answers are not public, so nothing can be graded again."
        )
    return chosen


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    changed = {}
    for task in new["task_hashes"]:
        for metric, value in new["results"][task].items():
            before = old["results"].get(task, {}).get(metric)
            if isinstance(before, int | float) and isinstance(value, int | float) and abs(before - value) > 1e-12:
                changed[f"{task}/{metric}"] = (float(before), float(value))
    return changed


def _copy_ungraded(old: Mapping[str, Any], new: dict[str, Any], run: Path, recorded: Callable[[str], bytes]) -> None:
    """Copy what was not graded again from the old run, so that the new result is as complete as the old one."""
    job = json.loads((run / "job.json").read_text(encoding="utf-8"))
    kept = [task for task in old.get("task_hashes", {}) if task not in new["task_hashes"]]
    for task in kept:
        write(run, samples_name(task), recorded(task))
        for block in BLOCKS:
            new[block][task] = old[block][task]
    for group, values in (old.get("groups") or {}).items():
        if group not in new["groups"]:
            new["groups"][group] = new["results"][group] = values
            new["group_subtasks"][group] = old["group_subtasks"].get(group, [])
    for key in ("chat_template", "chat_template_sha", "fewshot_as_multiturn", "total_evaluation_time_seconds", "date"):
        new[key] = old.get(key)
    new["config"] = dict(old["config"]) | {"scorer": new["config"]["scorer"]}
    write(run, RESULTS, json.dumps(new, ensure_ascii=False).encode())
    job["units"] += [{"benchmark": "", "tasks": [task], "shots": old["n-shot"].get(task) or 0} for task in kept]
    (run / "job.json").write_text(json.dumps(job), encoding="utf-8")


BLOCKS = ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "task_hashes")
