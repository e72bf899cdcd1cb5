"""Runs lm-eval in a process of its own: `python -P -m evaluator.harness RUN_FOLDER PROGRESS_FD`.

The only place, with `evaluator.engine`, that imports lm_eval. Everything it needs lies on disk; it has no token and no
network. It tells its progress as JSON lines on a file descriptor and checkpoints every unit of tasks, so that starting
it again on the same folder goes on where it was killed.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluator import engine, sandbox
from evaluator.job import (
    CHECKPOINTS,
    RECORDED,
    RESPONSES,
    RESULTS,
    Failure,
    Job,
    Unit,
    checkpoint_path,
    recorded_path,
    samples_path,
)

PYTHON_SEED, OTHER_SEED = 0, 1234  # lm-eval's own defaults, which every published run used
BOOTSTRAP = 100_000
NO_WEIGHTS = {"dummy", RECORDED}  # backends that need no torch
POLL = 5.0  # seconds between looks at the response store

Tell = Callable[..., None]


def main(run: Path, tell: Tell) -> Failure | None:
    """Run the job in `run/job.json`; writes `results.json` when everything is answered and scored."""
    job = Job.read(run / "job.json")
    (run / CHECKPOINTS).mkdir(exist_ok=True)
    stage = "start"
    try:
        left = [unit for unit in job.units if not _is_done(run, unit)]
        if left:
            tell("loading")
            stage = "load"
            started = time.perf_counter()
            model = _load(job, run)
            _write_json(run / "model.json", _about(model, job) | {"load_seconds": time.perf_counter() - started})
            stage = "run"
            with _watch(run, tell):
                for unit in left:
                    tell("unit", tasks=list(unit.tasks), benchmark=unit.benchmark)
                    _run_unit(job, run, unit, model, tell)
                    tell("checkpoint", tasks=list(unit.tasks))
        stage = "finish"
        _write_json(run / RESULTS, _results(job, run))
        tell("done")
    except Exception as error:
        return _classify(error, stage)
    return None


def _load(job: Job, run: Path) -> Any:
    from lm_eval.api import registry

    if job.backend == RECORDED:
        from evaluator.recorded import Recorded

        return Recorded({task: recorded_path(run, task) for task in job.tasks})
    if job.backend == engine.MODEL_NAME:
        engine.register()
    arguments: dict[str, Any] = {}
    if job.backend not in NO_WEIGHTS:
        # `peft` and `delta` are paths beside the base; nothing here may name a repository
        arguments = {"pretrained": job.weights, "trust_remote_code": False, **PRECISIONS[job.precision]}
        arguments |= {"peft": job.adapter} if job.adapter else {}
        arguments |= {"delta": job.delta} if job.delta else {}
    if job.backend == engine.MODEL_NAME:
        arguments |= {"responses": str(run / RESPONSES), "model_sha": job.revision}
    given = {"batch_size": job.batch_size, "device": job.device or _device(job.backend)}
    return registry.get_model(job.backend).create_from_arg_obj(arguments | job.backend_args, given)


def _device(backend: str) -> str | None:
    if backend in NO_WEIGHTS:
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


PRECISIONS: dict[str, dict[str, Any]] = {
    "bfloat16": {"dtype": "bfloat16"},
    "float16": {"dtype": "float16"},
    "float32": {"dtype": "float32"},
    "8bit": {"load_in_8bit": True},
    "4bit": {"load_in_4bit": True},
    "GPTQ": {"dtype": "auto"},
}


def _run_unit(job: Job, run: Path, unit: Unit, model: Any, tell: Tell) -> None:
    import lm_eval
    import numpy as np
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import hash_string, set_torch_seed

    # GPQA's option order comes from the global generator while its items load: seeded anew for every unit
    random.seed(PYTHON_SEED)
    np.random.seed(OTHER_SEED)
    if job.backend not in NO_WEIGHTS:
        set_torch_seed(OTHER_SEED)

    started = time.perf_counter()
    root = Path(lm_eval.__file__).parent / "tasks"
    manager = TaskManager(include_defaults=False, include_path=[root / folder for folder in job.task_folders])
    loaded = manager.load(list(unit.tasks))
    for task in loaded["tasks"].values():
        if task.get_config("num_fewshot") != 0 or task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=unit.shots)
        task.set_fewshot_seed(seed=OTHER_SEED)
    _count_requests(model, tell)
    found = lm_eval.evaluate(
        lm=model,
        task_dict=loaded,
        limit=job.limit,
        bootstrap_iters=BOOTSTRAP,
        apply_chat_template=job.chat_template and job.backend != RECORDED,
        fewshot_as_multiturn=job.chat_template,
    )
    assert found is not None  # only another rank than the first gets nothing
    seconds = (time.perf_counter() - started) / len(unit.tasks)
    for task in unit.tasks:
        samples = found["samples"][task]
        _refuse_nan(task, samples)
        if job.backend == RECORDED:
            samples = [model.restore(task, sample) for sample in samples]
        hashes = "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples)
        _write_lines(samples_path(run, task), samples if job.backend == RECORDED else map(_sample_line, samples))
        _write_json(
            checkpoint_path(run, task),
            {
                "results": found["results"][task],
                "configs": found["configs"][task],
                "versions": found["versions"].get(task),
                "n-shot": found["n-shot"].get(task),
                "higher_is_better": found["higher_is_better"].get(task),
                "n-samples": found["n-samples"][task],
                "task_hashes": hash_string(hashes),
                "seconds": seconds,
            },
        )


class NotFinite(ValueError):
    """The model answered with NaN."""


def _refuse_nan(task: str, samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        for likelihood in _floats(sample["filtered_resps"]):
            if math.isnan(likelihood):
                raise NotFinite(f"The model gives NaN as a log-likelihood in {task}, item {sample['doc_id']}.")


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _floats(item)


def _sample_line(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample as the harness's own tracker writes it, which is what `datasets` can load."""
    from lm_eval.utils import sanitize_list

    arguments = {
        f"gen_args_{i}": {f"arg_{j}": part for j, part in enumerate(call)} for i, call in enumerate(sample["arguments"])
    }
    return sample | {
        "resps": sanitize_list(sample["resps"]),
        "filtered_resps": sanitize_list(sample["filtered_resps"]),
        "arguments": arguments,
        "target": str(sample["target"]),
    }


def _results(job: Job, run: Path) -> dict[str, Any]:
    """All checkpoints in the shape of one lm-eval dump, without its description of the machine."""
    from importlib.metadata import version

    from lm_eval.utils import hash_string

    parts = {task: json.loads(checkpoint_path(run, task).read_text(encoding="utf-8")) for task in job.tasks}
    about = json.loads((run / "model.json").read_text(encoding="utf-8"))
    template = about.pop("chat_template")
    seconds = about.pop("load_seconds") + sum(part["seconds"] for part in parts.values())
    merged: dict[str, Any] = {
        key: {task: part[key] for task, part in parts.items()}
        for key in ("results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "task_hashes")
    }
    merged["groups"] = {name: _group(name, tasks, merged["results"]) for name, tasks in job.groups.items()}
    merged["results"] |= merged["groups"]
    for found in merged["results"].values():  # n-samples says it, as it always did
        found.pop("sample_len", None)
        found.pop("name", None)
    merged["group_subtasks"] = {task: [] for task in job.tasks} | job.groups
    name = job.model.replace("/", "__")
    return merged | {
        "config": about.pop("config"),
        "git_hash": None,
        "date": time.time() - seconds,
        "transformers_version": version("transformers"),
        "lm_eval_version": version("lm_eval"),
        **about,
        "model_source": "hf",
        "model_name": job.model,
        "model_name_sanitized": name,
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": job.chat_template,
        "chat_template": template,
        "chat_template_sha": hash_string(template) if template else None,
        "total_evaluation_time_seconds": str(seconds),
    }


def _group(name: str, tasks: list[str], results: dict[str, Any]) -> dict[str, Any]:
    """The harness's own group value: every metric that all tasks have, weighted by their numbers of items."""
    from lm_eval.api.metrics import aggregate_subtask_metrics, pooled_sample_stderr

    sizes = [results[task]["sample_len"] for task in tasks]
    group: dict[str, Any] = {"alias": name}
    for key in results[tasks[0]]:
        metric, _, rest = key.partition(",")
        values = [results[task].get(key) for task in tasks]
        if not rest or metric.endswith("_stderr") or not all(isinstance(value, int | float) for value in values):
            continue
        errors = [results[task].get(f"{metric}_stderr,{rest}") for task in tasks]
        known = all(isinstance(error, float) for error in errors)
        group[key] = aggregate_subtask_metrics(values, sizes, True)
        group[f"{metric}_stderr,{rest}"] = pooled_sample_stderr(errors, sizes) if known else "N/A"
    return group


def _about(model: Any, job: Job) -> dict[str, Any]:
    """What the model says of itself, with the published name in place of the folder it was read from."""
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
        "random_seed": PYTHON_SEED,
        "numpy_seed": OTHER_SEED,
        "torch_seed": OTHER_SEED,
        "fewshot_seed": OTHER_SEED,
        "suite": job.suite,
        "scorer": job.scorer,
        "precision": job.precision,
        "sandbox": os.environ.get(sandbox.SANDBOX, "none"),
    }
    tokenizer = getattr(model, "tokenizer", None) if job.backend not in NO_WEIGHTS else None
    special = {
        f"tokenizer_{kind}_token": [getattr(tokenizer, f"{kind}_token"), str(getattr(tokenizer, f"{kind}_token_id"))]
        for kind in ("pad", "eos", "bos")
        if tokenizer is not None
    }
    return {
        "config": config,
        "chat_template": model.chat_template(True) if job.chat_template and job.backend != RECORDED else None,
        **special,
        "eot_token_id": getattr(model, "eot_token_id", None) if tokenizer is not None else None,
        "max_length": getattr(model, "max_length", None) if tokenizer is not None else None,
    }


def _count_requests(model: Any, tell: Tell) -> None:
    """Make the model tell how many requests each task has, as they come in."""
    for kind in ("loglikelihood", "generate_until"):
        ask = getattr(type(model), kind)

        def counted(requests: Any, *rest: Any, _ask: Any = ask, **more: Any) -> Any:
            counts: dict[str, int] = {}
            for request in requests:
                counts[request.task_name] = counts.get(request.task_name, 0) + 1
            tell("requests", counts=counts)
            return _ask(model, requests, *rest, **more)

        setattr(model, kind, counted)


@contextmanager
def _watch(run: Path, tell: Tell) -> Iterator[None]:
    """Tell the number of answers so far every few seconds, from the response store."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(POLL):
            tell("answers", counts=engine.progress(run / RESPONSES))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _classify(error: Exception, stage: str) -> Failure:
    trace = traceback.format_exc()
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or "out of memory" in said:
        return Failure("out_of_memory", said, trace)
    if isinstance(error, NotFinite):
        return Failure("bad_scores", str(error), trace)
    if isinstance(error, LookupError) and "punkt" in said:
        return Failure("box", said, trace)
    return Failure({"load": "bad_model", "start": "box"}.get(stage, "harness"), said, trace)


def _is_done(run: Path, unit: Unit) -> bool:
    return all(checkpoint_path(run, task).exists() for task in unit.tasks)


def _write_json(path: Path, value: Any) -> None:
    from lm_eval.utils import handle_non_serializable

    text = json.dumps(value, indent=2, ensure_ascii=False, default=handle_non_serializable)
    _replace(path, [text])


def _write_lines(path: Path, values: Iterable[Any]) -> None:
    from lm_eval.utils import handle_non_serializable

    dump = json.JSONEncoder(ensure_ascii=False, default=handle_non_serializable).encode
    _replace(path, (dump(value) + "\n" for value in values))


def _replace(path: Path, parts: Any) -> None:
    """Write a file so that it is either whole or absent."""
    part = path.with_suffix(path.suffix + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _teller(fd: int) -> Tell:
    lock = threading.Lock()

    def tell(event: str, **more: Any) -> None:
        line = json.dumps({"event": event, **more}) + "\n"
        with lock:
            os.write(fd, line.encode())

    return tell


if __name__ == "__main__":
    folder, progress = Path(sys.argv[1]), _teller(int(sys.argv[2]))
    sandbox.close_doors()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    failure = main(folder, progress)
    if failure is not None:
        print(failure.traceback, file=sys.stderr)
        progress("failed", code=failure.code, message=failure.message, traceback=failure.traceback)
    sys.exit(1 if failure else 0)
