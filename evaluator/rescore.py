"""Grades stored answers anew with the harness at hand: no model, no GPU. As MATH needed in 2024 and in 2025.

Reads the samples of a model's details dataset, lets the harness's own tasks score the recorded answers, and publishes a
new result that says which one it was made from; the old one stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from evaluator import publish, sandbox
from evaluator.benchmarks import SOURCES
from evaluator.job import CHECKPOINTS, RECORDED, RESULTS, plan_job, recorded_path, samples_path
from src.core.errors import BadInput, NotFound
from src.core.names import details_dataset
from src.core.records import Request, Result
from src.core.store import Store
from src.core.suites import Suite


def rescore(
    store: Store, model: str, suite: Suite, workspace: Path, benchmarks: Path, *, wanted: Iterable[str] = (),
    limits: sandbox.Limits | None = None, nltk_data: Path | None = None, result: str | None = None,
) -> tuple[str, dict[str, tuple[float, float]]]:  # fmt: skip
    """Publish a re-scored result and return its path, with each changed metric: `task/metric` → (before, after).

    `result`: the path of the result to start from; the newest of that model where None. `wanted`: benchmarks or tasks
    to score again; the rest is taken over. Raises BadInput where answers are missing or the harness cannot score them.
    """
    path = result or newest_result(store, model, suite)
    old = json.loads(store.read(path))
    run = workspace / "rescored" / re.sub(r"[^A-Za-z0-9]", "", path)[-64:]
    (run / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    stamp = path.rsplit("results_", 1)[1].removesuffix(".json")
    request = _request(old, suite)
    job = plan_job(
        request, suite, run, _openly(wanted, suite, old), backend=RECORDED, limit=old["config"].get("limit"),
    )  # fmt: skip

    def recorded(task: str) -> bytes:
        folder = f"{details_dataset(model)}/{model.replace('/', '__')}"
        try:
            return store.read(f"{folder}/samples_{task}_{stamp}.jsonl")
        except NotFound as error:
            raise BadInput(
                f"The answers of {model} on {task} are not stored, so nothing can be graded anew."
            ) from error

    for task in job.tasks:
        recorded_path(run, task).write_bytes(recorded(task))
    job.write(run / "job.json")
    failure = sandbox.run_child(run, benchmarks, limits or sandbox.Limits(), nltk_data=nltk_data)
    if failure is not None:
        raise BadInput(f"The harness could not grade the answers anew: {failure.message}")
    new = json.loads((run / RESULTS).read_text(encoding="utf-8"))
    changed = _changes(old, new)
    _take_over(old, new, run, recorded)
    proof = dict(old["config"].get("claim") or {}) | {"nonce": f"rescored{stamp}"}
    return publish.publish(store, run, suite, proof, {"rescored_from": path, "energy": old.get("energy")}), changed


def newest_result(store: Store, model: str, suite: Suite) -> str:
    """The newest result of a model on a suite. Raises BadInput where there is none."""
    paths = sorted((entry.path for entry in store.list(f"results/{model}")), reverse=True)
    for path in paths:
        said = json.loads(store.read(path))
        if said.get("config", {}).get("suite", suite.name) == suite.name:
            return path
    raise BadInput(f"There is no result of {model} on {suite.title} in {store.name}.")


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


def _openly(wanted: Iterable[str], suite: Suite, old: Mapping[str, Any]) -> list[str]:
    """The tasks to grade: those asked for, as far as they were run; never gated ones, whose answers are not stored."""
    names = set(wanted)
    chosen = [
        task.name
        for benchmark in suite.benchmarks
        for task in benchmark.tasks
        if (not names or names & {benchmark.key, task.name})
        and task.name in old["results"]
        and not SOURCES[benchmark.key].gated
    ]
    if not chosen:
        raise BadInput("None of these tasks was run, or their answers are not public, so nothing can be graded anew.")
    return chosen


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    changed = {}
    for task in new["task_hashes"]:
        for metric, value in new["results"][task].items():
            before = old["results"].get(task, {}).get(metric)
            if isinstance(before, int | float) and isinstance(value, int | float) and abs(before - value) > 1e-12:
                changed[f"{task}/{metric}"] = (float(before), float(value))
    return changed


def _take_over(old: Mapping[str, Any], new: dict[str, Any], run: Path, recorded: Callable[[str], bytes]) -> None:
    """What was not graded anew comes from the old run, so that the new result is as whole as the old one was."""
    job = json.loads((run / "job.json").read_text(encoding="utf-8"))
    kept = [task for task in old.get("task_hashes", {}) if task not in new["task_hashes"]]
    for task in kept:
        samples_path(run, task).write_bytes(recorded(task))
        for block in BLOCKS:
            new[block][task] = old[block][task]
    for group, values in (old.get("groups") or {}).items():
        if group not in new["groups"]:
            new["groups"][group] = new["results"][group] = values
            new["group_subtasks"][group] = old["group_subtasks"].get(group, [])
    for key in ("chat_template", "chat_template_sha", "fewshot_as_multiturn", "total_evaluation_time_seconds", "date"):
        new[key] = old.get(key)
    new["config"] = dict(old["config"]) | {"scorer": new["config"]["scorer"]}
    (run / RESULTS).write_text(json.dumps(new, ensure_ascii=False), encoding="utf-8")
    job["units"] += [{"benchmark": "", "tasks": [task], "shots": old["n-shot"].get(task) or 0} for task in kept]
    (run / "job.json").write_text(json.dumps(job), encoding="utf-8")


BLOCKS = ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "task_hashes")
