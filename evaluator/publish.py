"""A finished run becomes files of a board: checked against its own samples, then results and details in two commits.

The details come first, whole, in one commit; the result after them, so that a row on the board always has its answers.
Publishing the same run again writes nothing new.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from evaluator.benchmarks import SOURCES
from evaluator.job import RESULTS, Job, samples_path
from src.core.details import write_twin
from src.core.errors import BadInput, Conflict, NotFound
from src.core.names import details_dataset, result_path
from src.core.store import Rev, Store
from src.core.suites import Benchmark, Suite

TRIES = 8
STAMP = "%Y-%m-%dT%H-%M-%S.%f"
TOKEN = re.compile(rb"hf_[A-Za-z0-9]{16,}|(?<=Bearer )[A-Za-z0-9._~+/-]{16,}")


class BadRun(BadInput):
    """A run whose files contradict one another, or hold what no score can be."""


def publish(store: Store, run: Path, suite: Suite, proof: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """Store a finished run; returns the path of its result. `proof` (request, slot, nonce) and `more` go into it.

    Raises BadRun before anything is written, a StoreError where the store does not take it.
    """
    job = Job.read(run / "job.json")
    result = json.loads((run / RESULTS).read_text(encoding="utf-8"))
    check(run, job, result, suite)
    when = _stamp(run, str(proof.get("nonce", "")))
    result |= dict(more)
    result["config"] = result["config"] | {"claim": dict(proof)}
    data = redact(json.dumps(result, indent=2, ensure_ascii=False).encode())
    _put_details(
        store, job, when, {**_sample_files(run, job, suite, when), f"results_{when.strftime(STAMP)}.json": data}
    )
    path = result_path(job.model, when)
    store.append({path: data}, f"{job.model} ({job.precision}) on {suite.name}")
    return path


def check(run: Path, job: Job, result: Mapping[str, Any], suite: Suite) -> None:
    """Raises BadRun unless every metric is finite, in range, and what its own samples add up to.

    A child that ran a stranger's model wrote these files: nothing in them is believed.
    """
    if set(result.get("task_hashes", ())) != set(job.tasks) or not set(job.tasks) <= set(result["results"]):
        raise BadRun(f"The run of {job.model} does not hold the tasks it was asked for.")
    for benchmark in suite.benchmarks:
        for task in benchmark.tasks:
            if task.name not in job.tasks:
                continue
            lines = list(read_samples(run, task.name))
            counted = result["n-samples"][task.name]["effective"]
            if len({line["doc_id"] for line in lines}) != counted or not counted:
                raise BadRun(f"{task.name}: {counted} items are said to be scored, {len(lines)} lie there.")
            for metric, value in _values(result["results"][task.name]).items():
                if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
                    raise BadRun(f"{task.name}: {metric} is {value!r}, which is no score.")
                mean = mean_of(lines, metric)
                if mean is not None and abs(mean - value) > 1e-9:
                    raise BadRun(f"{task.name}: {metric} is said to be {value}, but its samples give {mean}.")


def mean_of(lines: list[dict[str, Any]], metric: str) -> float | None:
    """The mean of a metric (`acc`, or `exact_match,strict-match`) over sample lines; of lists, over all they hold."""
    name, _, filter_ = metric.partition(",")
    values: list[float] = []
    for line in lines:
        if filter_ and line.get("filter", filter_) != filter_:
            continue
        value = line.get(name)
        if value is None:
            return None
        values += [float(each) for each in value] if isinstance(value, list) else [float(value)]
    return math.fsum(values) / len(values) if values else None


def read_samples(run: Path, task: str) -> Iterator[dict[str, Any]]:
    """The sample lines of a task in a run folder."""
    with samples_path(run, task).open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def redact(data: bytes) -> bytes:
    """Without anything that looks like a token."""
    return TOKEN.sub(b"[token]", data)


def withhold(line: Mapping[str, Any]) -> dict[str, Any]:
    """A sample line of a gated benchmark as it may be published: hashes, numbers, scores, no word of the question."""
    return {key: value for key, value in line.items() if key not in TEXTS}


TEXTS = {"doc", "target", "arguments", "resps"}
NOT_METRICS = {"alias", "name", "sample_len"}


def _values(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """metric → value, without errors and names."""
    return {
        name: value
        for name, value in metrics.items()
        if name not in NOT_METRICS and not name.partition(",")[0].endswith("_stderr")
    }


def _stamp(run: Path, nonce: str) -> datetime:
    """When this run was first published under this claim: publishing it again must give the same names."""
    file = run / f"published_{re.sub(r'[^A-Za-z0-9]', '', nonce) or 'once'}.txt"
    if not file.exists():
        file.write_text(datetime.now(UTC).strftime(STAMP), encoding="utf-8")
    return datetime.strptime(file.read_text(encoding="utf-8"), STAMP).replace(tzinfo=UTC)


def _sample_files(run: Path, job: Job, suite: Suite, when: datetime) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    stamp = when.strftime(STAMP)
    for benchmark in suite.benchmarks:
        gated = benchmark.key in SOURCES and SOURCES[benchmark.key].gated
        for task in benchmark.tasks:
            if task.name not in job.tasks:
                continue
            lines = list(read_samples(run, task.name))
            shown = [withhold(line) for line in lines] if gated else lines
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in shown)
            files[f"samples_{task.name}_{stamp}.jsonl"] = redact(text.encode())
            twin = io.BytesIO()
            write_twin(lines, _item_metrics(lines, benchmark), twin, gated)
            files[f"samples_{task.name}_{stamp}.parquet"] = twin.getvalue()
    return files


def _item_metrics(lines: list[dict[str, Any]], benchmark: Benchmark) -> tuple[str, ...]:
    """The names under which the sample lines hold the benchmark's metrics."""
    found = []
    for metric in benchmark.metrics:
        names = (metric, *(name.partition(",")[0] for name in benchmark.spellings.get(metric, ())))
        found.append(next((name for name in names if lines and name in lines[0]), metric))
    return tuple(found)


def _put_details(store: Store, job: Job, when: datetime, files: Mapping[str, bytes]) -> None:
    """One commit with all files and the README that lists them beside what earlier runs left."""
    dataset, folder = details_dataset(job.model), job.model.replace("/", "__")
    placed: dict[str, bytes | None] = {f"{dataset}/{folder}/{name}": data for name, data in files.items()}
    for attempt in range(TRIES):
        head = _head(store, dataset)
        there = {entry.path for entry in store.list(dataset, head)} if head is not None else set()
        if placed.keys() <= there:
            return
        names = sorted(
            path.rsplit("/", 1)[1] for path in there | placed.keys() if path.startswith(f"{dataset}/{folder}/")
        )
        owner = store.name.removeprefix("hub:")
        readme = write_readme(job.model, f"{owner}/{dataset}", names)
        try:
            store.replace(
                placed | {f"{dataset}/README.md": readme.encode()}, head, f"Answers of {job.model}, {when:%F}"
            )
            return
        except Conflict:
            if attempt == TRIES - 1:  # another precision of the same model is being published over and over
                raise


def _head(store: Store, dataset: str) -> Rev | None:
    try:
        return store.head(dataset)
    except NotFound:
        return None


FILE = re.compile(r"(?:samples_(?P<task>.+)|results)_(?P<stamp>\d{4}-\d\d-\d\dT[\d-]+\.\d+)\.jsonl?")


def write_readme(model: str, dataset: str, names: list[str]) -> str:
    """The card of a details dataset (`owner/name`): a config a task, a split a run, and `latest`."""
    prefix = model.replace("/", "__")
    configs: dict[str, dict[str, str]] = {}  # config → stamp → file
    for name in names:
        found = FILE.fullmatch(name)
        if found:
            config = re.sub(r"[^\w-]", "_", found["task"] or "results")
            configs.setdefault(f"{prefix}__{config}", {})[found["stamp"]] = name
    header = {
        "pretty_name": f"Evaluation run of {model}",
        "configs": [
            {
                "config_name": config,
                "data_files": [
                    *({"split": _split(stamp), "path": [f"**/{runs[stamp]}"]} for stamp in sorted(runs)),
                    {"split": "latest", "path": [f"**/{runs[max(runs)]}"]},
                ],
            }
            for config, runs in sorted(configs.items())
        ],
    }
    runs = sorted({stamp for stamps in configs.values() for stamp in stamps})
    first = next((config for config in sorted(configs) if not config.endswith("__results")), f"{prefix}__results")
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n\n"
        f"# Dataset Card for Evaluation run of {model}\n\n"
        f"Every answer that [{model}](https://huggingface.co/{model}) gave: one configuration for each task, one split "
        f"for each of its {len(runs)} run(s), named by its time; `latest` is the newest. `{prefix}__results` holds the "
        "aggregated results. Questions of gated benchmarks are left out: only hashes and scores are kept.\n\n"
        "```python\nfrom datasets import load_dataset\n\n"
        f'answers = load_dataset("{dataset}", "{first}", split="latest")\n```\n'
    )


def _split(stamp: str) -> str:
    return re.sub(r"[^\w.]", "_", stamp)
