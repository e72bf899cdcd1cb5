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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluator import engine, sandbox
from evaluator.checkpoints import is_done, write_json, write_lines
from evaluator.dump import BOOTSTRAP, OTHER_SEED, PYTHON_SEED, describe, merge
from evaluator.job import (
    CHECKPOINTS,
    MODEL,
    NO_WEIGHTS,
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

POLL = 5.0  # seconds between looks at the response store

Tell = Callable[..., None]


def main(run: Path, tell: Tell) -> Failure | None:
    """Run the job in `run/job.json`; writes `results.json` when everything is answered and scored."""
    job = Job.read(run / "job.json")
    (run / CHECKPOINTS).mkdir(exist_ok=True)
    stage = "start"
    try:
        left = [unit for unit in job.units if not is_done(run, unit)]
        if left:
            tell("loading")
            stage = "load"
            started = time.perf_counter()
            model = _load(job, run)
            seconds = time.perf_counter() - started
            write_json(run / MODEL, describe(model, job) | {"load_seconds": seconds})
            stage = "run"
            with _watch(run, tell):
                for unit in left:
                    tell("unit", tasks=list(unit.tasks), benchmark=unit.benchmark, log=_logged())
                    _run_unit(job, run, unit, model, tell)
                    # once more: only after the work does the engine know which way it went
                    write_json(run / MODEL, describe(model, job) | {"load_seconds": seconds})
                    tell("checkpoint", tasks=list(unit.tasks))
        stage = "finish"
        write_json(run / RESULTS, merge(job, run))
        tell("done")
    except Exception as error:
        return _classify(error, stage)
    return None


def _logged() -> int:
    """How long the log is by now: what follows is said of the unit that begins."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fstat(2).st_size


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
        samples={task: job.items[task] for task in unit.tasks} if job.items else None,
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
        write_lines(samples_path(run, task), samples if job.backend == RECORDED else map(_sample_line, samples))
        write_json(
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
        return Failure("out-of-memory", said, trace)
    if isinstance(error, NotFinite):
        return Failure("not-finite", str(error), trace)
    return Failure("load-failed" if stage == "load" else "harness", said, trace)


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
