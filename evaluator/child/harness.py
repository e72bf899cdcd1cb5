"""Run lm-eval in a separate process: `python -P -m evaluator.child.harness RUN_FOLDER PROGRESS_FD [PIPE_FDS]`.

Only this module and `evaluator.engine` import lm_eval. Everything it needs is on disk; it has no token and no network.
It reports its progress as JSON lines on a file descriptor and checkpoints every unit of tasks, so that a run that was
killed resumes if it is started again on the same folder.
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
from datetime import date
from pathlib import Path
from typing import Any

from evaluator import engine
from evaluator.child.checkpoints import is_done, write_json, write_lines
from evaluator.child.loading import UnfitWeightsError, checked_loading
from evaluator.child.perturbing import Perturbation
from evaluator.child.result_file import BOOTSTRAP, OTHER_SEED, PYTHON_SEED, describe, merge
from evaluator.child.tries import note_tries
from evaluator.engine import chat_date
from evaluator.engine.report import NotFiniteError
from evaluator.job import (
    CHECKPOINTS,
    MODEL,
    NO_WEIGHTS,
    REPLAY,
    RESPONSES,
    RESULTS,
    SELF_CHECK,
    SERVED,
    Job,
    RunFailure,
    Unit,
    checkpoint_path,
    recorded_path,
    samples_path,
)
from src.core.items.details import AT_LIMIT

POLL = 5.0  # seconds between looks at the response store

ReportEvent = Callable[..., None]


def main(run: Path, report: ReportEvent) -> RunFailure | None:
    """Run the job in `run/job.json`; write `results.json` after everything is answered and scored."""
    job = Job.read(run / "job.json")
    (run / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    stage = "start"
    try:
        left = [unit for unit in job.units if not is_done(run, unit)]
        if left:
            report("loading")
            stage = "load"
            started = time.perf_counter()
            if job.backend not in NO_WEIGHTS:
                chat_date.fix(date.fromisoformat(job.chat_date))
            model, unused = _load(job, run)
            seconds = time.perf_counter() - started
            write_json(run / MODEL, describe(model, job, unused) | {"load_seconds": seconds})
            stage = "run"
            if job.backend == engine.MODEL_NAME:
                model.together = {task: unit.tasks[0] for unit in job.units for task in unit.tasks}
                model.on_way = lambda scoring, generation, reason: report(
                    "way", scoring=scoring, generation=generation, reason=reason
                )
            with _watch(run, report):
                for unit in left:
                    report("unit", tasks=list(unit.tasks), benchmark=unit.benchmark, log=_logged())
                    _run_unit(job, run, unit, model, report)
                    # again: the engine knows its execution path only after the work
                    write_json(run / MODEL, describe(model, job, unused) | {"load_seconds": seconds})
                    report("checkpoint", tasks=list(unit.tasks))
        stage = "finish"
        write_json(run / RESULTS, merge(job, run))
        report("done")
    except Exception as error:
        return _classify(error, stage)
    return None


def _logged() -> int:
    """Return the size of the log: what follows belongs to the unit that begins."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fstat(2).st_size


def _load(job: Job, run: Path) -> tuple[Any, list[str]]:
    """Return the model, and the names of the tensors in its files that it has no use for."""
    from lm_eval.api import registry

    if job.backend == REPLAY:
        from evaluator.child.replay import Replay

        return Replay({task: recorded_path(run, task) for task in job.tasks}), []
    if job.backend in SERVED:
        from evaluator.child import served_model

        return served_model.load(job, sys.argv[3:5]), []
    arguments: dict[str, Any] = {}
    if job.backend not in NO_WEIGHTS:
        # `peft` and `delta` are paths beside the base; nothing here may name a repository
        precision = {"dtype": "auto"} if _is_packed(Path(job.weights)) else PRECISIONS[job.precision]
        arguments = {"pretrained": job.weights, "trust_remote_code": False, **precision}
        arguments |= {"tokenizer": job.tokenizer} if job.tokenizer else {}
        arguments |= {"peft": job.adapter} if job.adapter else {}
        arguments |= {"delta": job.delta} if job.delta else {}
    if job.backend == engine.MODEL_NAME:
        arguments |= {"responses": str(run / RESPONSES), "model_sha": job.revision}
        arguments |= {"generation_defaults": job.generation_defaults, "self_check": _known_self_check(run)}
    additional = {"batch_size": job.batch_size, "device": job.device or _device(job.backend)}
    make = registry.get_model(job.backend).create_from_arg_obj
    if job.backend in NO_WEIGHTS:
        return make(arguments | job.backend_args, additional), []
    with checked_loading() as unused:
        model = make(arguments | job.backend_args, additional)
    if job.generation_defaults == "none" and job.backend == "hf":
        from evaluator.engine.generating.settings import without_defaults

        model.model.generation_config = without_defaults(model.model.generation_config)
    return model, unused


def _is_packed(folder: Path) -> bool:
    """Return whether the weights are quantised already, and loading has nothing to add."""
    return bool(json.loads((folder / "config.json").read_bytes()).get("quantization_config"))


def _known_self_check(run: Path) -> dict[str, Any] | None:
    path = run / SELF_CHECK
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


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


def _run_unit(job: Job, run: Path, unit: Unit, model: Any, report: ReportEvent) -> None:
    import lm_eval
    import numpy as np
    from lm_eval.utils import hash_string, set_torch_seed

    from evaluator.child import harness_tasks

    # GPQA's option order comes from the global generator while its items load: seed it again for every unit
    random.seed(PYTHON_SEED)
    np.random.seed(OTHER_SEED)
    if job.backend not in NO_WEIGHTS:
        set_torch_seed(OTHER_SEED)

    started = time.perf_counter()
    own = Path(job.own_tasks) if job.own_tasks else None
    beside = own if own and set(unit.tasks) & set(job.own_data) else None
    loaded = harness_tasks.load(unit.tasks, job.task_folders, own, beside, unit.shots)
    _count_requests(model, report)
    perturbation = Perturbation(job.perturb)
    if job.perturb:
        perturbation.wrap(model)
    if job.allow_code:
        os.environ["HF_ALLOW_CODE_EVAL"] = "1"
    result = lm_eval.evaluate(
        lm=model,
        task_dict=loaded,
        limit=job.limit,
        samples={task: job.items[task] for task in unit.tasks} if job.items else None,
        bootstrap_iters=BOOTSTRAP,
        apply_chat_template=job.chat_template and job.backend != REPLAY,
        fewshot_as_multiturn=job.chat_template,
        confirm_run_unsafe_code=job.allow_code,
    )
    assert result is not None  # None only on ranks other than the first
    seconds = (time.perf_counter() - started) / len(unit.tasks)
    for task in unit.tasks:
        samples = result["samples"][task]
        _refuse_nan(task, samples)
        note_limits(model, samples)
        perturbation.note(task, samples)
        note_tries(loaded["tasks"][task], samples)
        if job.backend == REPLAY:
            samples = [model.restore(task, sample) for sample in samples]
        hashes = "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples)
        write_lines(samples_path(run, task), samples if job.backend == REPLAY else map(_sample_line, samples))
        write_json(
            checkpoint_path(run, task),
            {
                "results": result["results"][task],
                "configs": result["configs"][task],
                "versions": result["versions"].get(task),
                "n-shot": result["n-shot"].get(task),
                "higher_is_better": result["higher_is_better"].get(task),
                "n-samples": result["n-samples"][task],
                "task_hashes": hash_string(hashes),
                "seconds": seconds,
            },
        )


def note_limits(model: Any, samples: list[dict[str, Any]]) -> None:
    """Mark the generated samples whose text has as many tokens as it may have, a token more or less."""
    tokenizer = getattr(model, "tokenizer", None) if hasattr(model, "eot_token_id") else None
    for sample in samples:
        settings = sample["arguments"][0][1] if len(sample["arguments"][0]) > 1 else None
        most = settings.get("max_gen_toks") if isinstance(settings, dict) else None
        if tokenizer is not None and most:
            text = str(sample["resps"][0][0])
            sample[AT_LIMIT] = bool(text) and len(tokenizer(text, add_special_tokens=False)["input_ids"]) >= most - 1


def _refuse_nan(task: str, samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        for likelihood in _floats(sample["filtered_resps"]):
            if math.isnan(likelihood):
                raise NotFiniteError(f"The model returned NaN as a log-likelihood in {task}, item {sample['doc_id']}.")


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _floats(item)


def _sample_line(sample: dict[str, Any]) -> dict[str, Any]:
    """Return a sample in the format of the harness's own tracker, which `datasets` can load."""
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


def _count_requests(model: Any, report: ReportEvent) -> None:
    """Wrap the model's methods so that they report how many requests each task has."""
    for kind in ("loglikelihood", "generate_until"):
        original = getattr(type(model), kind)

        def counted(requests: Any, *rest: Any, _original: Any = original, **more: Any) -> Any:
            counts: dict[str, int] = {}
            for request in requests:
                counts[request.task_name] = counts.get(request.task_name, 0) + 1
            report("requests", counts=counts)
            return _original(model, requests, *rest, **more)

        setattr(model, kind, counted)


@contextmanager
def _watch(run: Path, report: ReportEvent) -> Iterator[None]:
    """Report the number of answers every few seconds, from the response store."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(POLL):
            report("answers", counts=engine.progress(run / RESPONSES))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _classify(error: Exception, stage: str) -> RunFailure:
    trace = traceback.format_exc()
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or "out of memory" in text:
        return RunFailure("out-of-memory", text, trace)
    if isinstance(error, UnfitWeightsError):
        return RunFailure("unfit-weights", str(error))  # it names what is wrong; where it was raised says nothing
    if isinstance(error, NotFiniteError):
        return RunFailure("not-finite", str(error), trace)
    return RunFailure("load-failed" if stage == "load" else "harness", text, trace)


def _reporter(fd: int) -> ReportEvent:
    lock = threading.Lock()

    def report(event: str, **more: Any) -> None:
        line = json.dumps({"event": event, **more}) + "\n"
        with lock:
            os.write(fd, line.encode())

    return report


def run_as_child(run: Callable[[Path, ReportEvent], RunFailure | None]) -> None:
    """Run `run(folder, report)` with the folder and the file descriptor of the command line, and exit."""
    folder, progress = Path(sys.argv[1]), _reporter(int(sys.argv[2]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    failure = run(folder, progress)
    if failure is not None:
        # before anything is printed: printing may fail too, for example on a full disk
        progress("failed", code=failure.code, message=failure.message, traceback=failure.traceback)
        print(failure.traceback or failure.message, file=sys.stderr)
    sys.exit(1 if failure else 0)


if __name__ == "__main__":
    run_as_child(main)
