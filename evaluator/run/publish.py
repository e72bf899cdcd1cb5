"""Publish a finished run: check it against its own samples, then store details and result in two commits.

The details come first, in one commit; the result follows, so that a row on the board always has its answers.
Publishing the same run again writes nothing new.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from evaluator.job import RESULTS, Job, samples_name
from evaluator.run_files import BadRunError, distrust, read_json, read_lines, write
from src.core import exact, exams
from src.core.exams import Exam
from src.core.items import habits
from src.core.items.blocks import blocks_of_items
from src.core.items.dataset import STAMP, put_details, sample_files
from src.core.names import result_path
from src.core.records import Result
from src.core.redact import redact_bytes
from src.core.store import Store
from src.core.suites import Benchmark, Suite, metric_kind, with_groups


def publish(
    store: Store,
    run: Path,
    suite: Suite,
    proof: Mapping[str, Any],
    more: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    private: Mapping[str, Exam] | None = None,
) -> str:
    """Store a finished run; return the path of its result.

    `proof` (request, slot, nonce) and `more` go into it, `config` into its configuration, over what the child says;
    `private`: benchmark → its exam, which hides the items' hashes and whose root the result names.
    Raise BadRunError before anything is written, a StoreError if the store does not take it.
    """
    job = Job.read(run / "job.json")
    suite = with_groups(suite, job.groups, job.tasks)
    with distrust(f"The run of {job.model}"):
        result = read_json(run, RESULTS)
        check(run, job, result, suite)
        when = _stamp(run, str(proof.get("nonce", "")))
        samples = {task: partial(read_samples, run, task) for task in job.tasks}
        result |= blocks_of_items(Result.read(result), suite, samples) | dict(more)
        result["config"] = {**result["config"], **(config or {}), "claim": dict(proof), "datasets": job.datasets}
        if private:
            result["config"][exams.KEY] = {key: exam.root for key, exam in private.items()}
        # a trial of an exam has no root; what it publishes is hidden by a salt that nobody keeps
        hidden = {
            each.key: (private or {}).get(each.key) or Exam(suite.name, each.key, secrets.token_hex(32), ())
            for each in suite.benchmarks
            if each.private
        }
        _hide_tasks(result, suite, hidden)
        data = redact_bytes(json.dumps(result, indent=2, ensure_ascii=False).encode())
        files = {**_sample_files(run, job, suite, when, hidden), f"results_{when.strftime(STAMP)}.json": data}
    put_details(store, job.model, when, files)
    path = result_path(job.model, when)
    store.append({path: data}, f"{job.model} ({job.precision}) on {suite.name}")
    return path


def check(run: Path, job: Job, result: Mapping[str, Any], suite: Suite) -> None:
    """Raise BadRunError unless every metric is finite, in range and equal to the mean of its samples.

    A child that ran an untrusted model wrote these files, so nothing in them is trusted.
    """
    if set(result.get("task_hashes", ())) != set(job.tasks) or not set(job.tasks) <= set(result["results"]):
        raise BadRunError(f"The run of {job.model} does not contain the tasks of its job.")
    for benchmark in suite.benchmarks:
        for task in benchmark.tasks:
            if task.name not in job.tasks:
                continue
            lines = list(read_samples(run, task.name))
            counted = result["n-samples"][task.name]["effective"]
            if len({line["doc_id"] for line in lines}) != counted or not counted:
                raise BadRunError(f"{task.name}: the result counts {counted} items, but there are {len(lines)}.")
            aggregations = job.aggregations.get(task.name, {})
            for metric, value in _values(result["results"][task.name]).items():
                if aggregations and metric not in aggregations:
                    raise BadRunError(f"{task.name}: the harness has no metric {metric} for it.")
                low, high = _range(metric, benchmark)
                if not isinstance(value, int | float) or not low - 1e-9 <= value <= high + 1e-9 or math.isnan(value):
                    raise BadRunError(f"{task.name}: {metric} is {value!r}, which is not a score.")
                mean = aggregated(lines, metric, aggregations.get(metric, "mean"))
                if mean is not None and abs(mean - value) > 1e-9 * max(1.0, abs(value)):
                    raise BadRunError(f"{task.name}: {metric} is {value}, but its samples give {mean}.")


def _range(metric: str, benchmark: Benchmark) -> tuple[float, float]:
    """Return what a metric's value in a result file can be."""
    kind = metric_kind([metric])
    name = metric.partition(",")[0]
    if name in {each.partition(",")[0] for each in benchmark.metrics} and benchmark.bounds:
        low, high = (bound / benchmark.scale for bound in benchmark.bounds)
        return max(low, -sys.float_info.max), min(high, sys.float_info.max)
    if "bounds" in kind:
        return tuple(max(-sys.float_info.max, min(sys.float_info.max, x / kind["scale"])) for x in kind["bounds"])  # type: ignore[return-value]
    return 0.0, 1.0 if name in SHARES or name.endswith("acc") else sys.float_info.max


SHARES = {"acc", "acc_norm", "exact_match", "f1", "mc1", "mc2"}


def aggregated(lines: list[dict[str, Any]], metric: str, aggregation: str = "mean") -> float | None:
    """Return a metric (`acc` or `exact_match,strict-match`) computed from sample lines; None if it cannot be told.

    A mean is over all values of lists: a task that checks several instructions of an item counts each. Corpus metrics
    (BLEU, F1 of a whole set) and a task's own aggregations are not recomputed.
    """
    name, _, filter_ = metric.partition(",")
    values: list[Any] = []
    for line in lines:
        if filter_ and line.get("filter", filter_) != filter_:
            continue
        if line.get(name) is None:
            return None
        values.append(line[name])
    if aggregation in FROM_LOG_LIKELIHOODS:
        return FROM_LOG_LIKELIHOODS[aggregation](values) if values else None
    # of a task's own aggregations only the share of all checks of all items is known
    lists_of_checks = all(isinstance(value, list) and all(isinstance(x, bool) for x in value) for value in values)
    if aggregation != "mean" and not lists_of_checks:
        return None
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    if not flat or not all(isinstance(item, int | float) for item in flat):
        return None
    return exact.mean(float(item) for item in flat)


def _per_unit(values: list[Any]) -> float:
    """Return the log-likelihood per word or byte of (log-likelihood, units) pairs."""
    return exact.total(float(value[0]) for value in values) / exact.total(float(value[1]) for value in values)


FROM_LOG_LIKELIHOODS: dict[str, Callable[[list[Any]], float]] = {
    "weighted_perplexity": lambda values: math.exp(-_per_unit(values)),
    "bits_per_byte": lambda values: -_per_unit(values) / math.log(2),
    "perplexity": lambda values: math.exp(-exact.mean(float(value) for value in values)),
}


def read_samples(run: Path, task: str) -> Iterator[dict[str, Any]]:
    """Yield the sample lines of a task in a run folder."""
    return read_lines(run, samples_name(task))


NOT_METRICS = {"alias", "name", "sample_len"}


def _values(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metric → value, without standard errors and names."""
    return {
        name: value
        for name, value in metrics.items()
        if name not in NOT_METRICS and not name.partition(",")[0].endswith("_stderr")
    }


def _stamp(run: Path, nonce: str) -> datetime:
    """Return when this run was first published under this claim: publishing it again must give the same names."""
    file = run / f"published_{re.sub(r'[^A-Za-z0-9]', '', nonce) or 'once'}.txt"
    if not file.exists():
        # whole or absent: an empty stamp of a full disk would stop every later attempt
        write(run, file.name, datetime.now(UTC).strftime(STAMP).encode())
    return datetime.strptime(file.read_text(encoding="utf-8"), STAMP).replace(tzinfo=UTC)


KEPT_OF_TASKS = {"task", "tag", "output_type", "num_fewshot", "metric_list", "generation_kwargs", "repeats", "metadata"}
"""What a result says of a private task's file: no prompt, no few-shot example, no place of its items."""


def _hide_tasks(result: dict[str, Any], suite: Suite, private: Mapping[str, Exam]) -> None:
    """Leave out of a result what its blocks on private tasks tell of their items."""
    for key, exam in private.items():
        result.get(habits.KEY, {}).pop(key, None)  # it may name an option by its text
        for task in suite.benchmark(key).tasks:
            if isinstance(about := result.get("configs", {}).get(task.name), dict):
                result["configs"][task.name] = {name: about[name] for name in KEPT_OF_TASKS if name in about}
            if digest := result.get("task_hashes", {}).get(task.name):
                result["task_hashes"][task.name] = exam.hidden(str(digest))


def _sample_files(run: Path, job: Job, suite: Suite, when: datetime, private: Mapping[str, Exam]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for benchmark in suite.benchmarks:
        exam = private.get(benchmark.key)
        for task in benchmark.tasks:
            if task.name in job.tasks:
                lines = list(read_samples(run, task.name))
                metrics = _item_metrics(lines, benchmark)
                if exam is not None:
                    lines = [exam.withhold(task.name, line, metrics) for line in lines]
                files |= sample_files(task.name, when, lines, metrics, benchmark.withheld)
    return files


def _item_metrics(lines: list[dict[str, Any]], benchmark: Benchmark) -> tuple[str, ...]:
    """Return the names under which the sample lines hold the benchmark's metrics."""
    keys = []
    for metric in benchmark.metrics:
        names = (metric, *(name.partition(",")[0] for name in benchmark.spellings.get(metric, ())))
        keys.append(next((name for name in names if lines and name in lines[0]), metric))
    return tuple(keys)
