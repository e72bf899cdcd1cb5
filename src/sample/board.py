"""The files of the made-up board: published tables, results, requests, votes, answers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pandas as pd

from src.core import contamination, suites
from src.core.frames.cells import TEXT
from src.core.frames.contents import settle
from src.core.frames.frame import FIELDS, from_records, to_contents, write_parquet
from src.core.items.details import write_twin
from src.core.lifecycle import Status
from src.core.names import details_dataset, result_path
from src.core.records import Result
from src.core.suites import Suite
from src.core.table_paths import contents_path, history_path
from src.sample import queue
from src.sample.answers import SHOWN, Line, answers
from src.sample.models import Model, models

WITH_RESULTS = {"tidewater-ml"}  # makers whose result files are kept, subtask by subtask: 9 KB each
WITH_ANSWERS = {"tidewater-ml/Estuary-7.62B-Instruct", "tidewater-ml/Estuary-7.62B"}
LAST_DAY = date(2025, 3, 1)
A_DAY = date(2025, 2, 8)  # on which the board's table was kept
FAILED = Model(
    "lowtide/Ingot-1.4B-Story-v2", "GPTNeoXForCausalLM", 1.4, 0, "finetuned", revision="1" * 40,
    submitted=date(2025, 2, 20),
)  # fmt: skip
REPORTS = (
    {
        "model": "tidewater-ml/Estuary-7.62B-Instruct",
        "benchmark": "MMLU-PRO",
        "tool": "Made-up overlap test",
        "score": 0.12,
        "reference": "tidewater-ml/Estuary-7.62B",
        "control": 0.11,
        "reported_by": "ines",
        "date": "2024-10-02",
    },
)


def files() -> Iterator[tuple[str, bytes]]:
    """Yield every file of the board by its path in a store."""
    everyone = models()
    for name in suites.names():
        suite = suites.load(name)
        here = [model for model in everyone if name in model.suites]
        if not here:
            continue
        runs = [(model, *_run(model, suite)) for model in here]
        yield contents_path(name), write_parquet(to_contents(_frame(runs, suite), suite, owner="sample"))
        for model, result, lines in runs:
            if name != suites.DEFAULT or model.name.split("/")[0] not in WITH_RESULTS:
                continue
            path = result_path(model.name, result.written or datetime.min)
            yield path, _short(result)
            if model.name in WITH_ANSWERS and model.precision == "bfloat16":
                yield from _details(model, result, lines, suite)
        if name == suites.DEFAULT:
            kept = [(model, result) for model, result, _ in runs if model.name.split("/")[0] in WITH_RESULTS]
            yield from queue.files(kept)
            then = [run for run in runs if (run[0].submitted or LAST_DAY) <= A_DAY]
            yield history_path(name, A_DAY), write_parquet(to_contents(_frame(then, suite), suite, owner="sample"))
    yield from _requests([model for model in everyone if model.name.split("/")[0] not in WITH_RESULTS][:16])
    yield contamination.PATH, b"".join(json.dumps(report).encode() + b"\n" for report in REPORTS)


def _run(model: Model, suite: Suite) -> tuple[Result, dict[str, list[Line]]]:
    numbers, lines = answers(model, suite)
    random = Random(f"run of {model.name} {model.precision} {model.revision}")
    began = _moment(model.submitted or LAST_DAY, random)
    took = 300 + 900 * (model.params_b or 7)
    tasks = {task.name: task for task in suite.tasks}
    result = Result(
        model=model.name,
        revision=model.revision,
        precision=model.precision,
        date=began,
        written=began + timedelta(seconds=took),
        tasks=numbers,
        samples={name: tasks[name].items or 0 for name in numbers},
        shots={name: tasks[name].shots for name in numbers},
        versions={name: 3.0 for name in numbers if name.startswith("leaderboard_math")},
        chat_template="{{ messages }}" if model.chat else None,
        settings={
            "config": {"model": "hf", "batch_size": "auto", "model_num_parameters": int((model.params_b or 0) * 1e9)},
            "total_evaluation_time_seconds": str(took),
            "chat_template_sha": None,
            "fewshot_as_multiturn": model.chat,
            "lm_eval_version": "0.4.13",
        },
    )
    return result, lines


def _frame(runs: list[tuple[Model, Result, dict[str, list[Line]]]], suite: Suite) -> pd.DataFrame:
    """Return the board's rows: scores as the results give them, facts as the models have them."""
    scored = from_records([result for _, result, _ in runs], [], suite)
    facts = pd.DataFrame([_facts(model) for model, _, _ in runs])
    key = ["model", "precision", "revision"]
    kept = ["co2_kg", "scorer", *(name for name in scored if name.endswith((".raw", ".score")))]
    frame = facts.merge(scored[[*key, *kept]], on=key, how="left")
    kinds = {field.key: TEXT if field.dtype == "str" else field.dtype for field in FIELDS}
    frame = frame.astype({**kinds, "base_written": TEXT, "scorer": TEXT})
    if suite.name != suites.DEFAULT:
        frame["co2_kg"] = None
    return settle(frame, suite)


def _facts(model: Model) -> dict[str, object]:
    base = (model.base_written or "").removesuffix(" (Merge)")
    return {
        "model": model.name,
        "precision": model.precision,
        "revision": model.revision,
        "model_type": model.model_type,
        "weight_type": model.weight_type,
        "architecture": model.architecture,
        "params_b": model.params_b,
        "license": model.license,
        "likes": model.likes,
        "available": model.available,
        "moe": model.moe,
        "merged": model.merged,
        "flagged": model.flagged,
        "official": model.official,
        "chat_template": model.chat,
        "upload_date": str(model.uploaded) if model.uploaded else None,
        "submission_date": str(model.submitted) if model.submitted else None,
        "generation": model.generation,
        "base_model": base if base not in ("", "Removed", model.name) else None,
        "base_written": model.base_written or model.name,
    }


def _short(result: Result) -> bytes:
    """Return the dump on few bytes: nobody reads the sample's files by eye."""
    return json.dumps(json.loads(result.write()), separators=(",", ":")).encode()


def _details(model: Model, result: Result, lines: dict[str, list[Line]], suite: Suite) -> Iterator[tuple[str, bytes]]:
    stamp = f"{result.written:%Y-%m-%dT%H-%M-%S.%f}"
    place = f"{details_dataset(model.name)}/{model.name.replace('/', '__')}"
    metrics = {task.name: benchmark.metrics for benchmark in suite.benchmarks for task in benchmark.tasks}
    for task in SHOWN:
        twin = io.BytesIO()
        write_twin(lines[task], metrics[task], twin, gated="gpqa" in task)
        yield f"{place}/samples_{task}_{stamp}.parquet", twin.getvalue()


def _requests(finished: list[Model]) -> Iterator[tuple[str, bytes]]:
    """Yield files of the old layout, which every reader of a queue must understand.

    One says that it failed, and no more.
    """
    random = Random("requests")
    for model in (*finished, FAILED):
        asked = _moment(model.submitted or LAST_DAY, random)
        request = queue.request_of(model, random.choice(queue.VOTERS)).model_copy(
            update={
                "status": Status.FAILED if model is FAILED else Status.FINISHED,
                "submitted_time": asked,
                "job_id": str(random.randrange(10**6)),
                "job_start_time": asked + timedelta(hours=2),
                "attempts": 1,
            }
        )
        path = f"requests/{model.name}_eval_request_False_{model.precision}_{model.weight_type}.json"
        yield path, request.write()


def _moment(day: date, random: Random) -> datetime:
    return datetime.combine(day, time(random.randrange(24), random.randrange(60), random.randrange(60)), UTC)
