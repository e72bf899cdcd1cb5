"""The prefix-tree engine: lm-eval's model `prefix-tree`, which computes every shared prefix of a suite once.

It needs nothing of this project but itself. On the command line, lm-eval's own with one model more:

    python -m evaluator.engine run --model prefix-tree --model_args pretrained=ORG/NAME --tasks mmlu,hellaswag

In Python:

    from evaluator import engine            # lm-eval now knows the model name "prefix-tree"

    results = lm_eval.simple_evaluate(
        model=engine.MODEL_NAME,
        model_args={
            "pretrained": path_or_name,     # every argument of lm-eval's `hf` model works: dtype, peft, delta,
            "dtype": "bfloat16",            # gguf_file, parallelize, add_bos_token, max_length, …
            "responses": "run/responses.sqlite",  # the response store; leave out to keep nothing
            "model_sha": sha,               # names the weights in the store (None: path, files, sizes, times)
            "verify": 16,                   # rescore at least 16 random documents with stock; 0: none
            "engine": "auto",               # or force "packed", "rows", "stock"
            "generation": "auto",           # or "rolling", "continuous", "stock"
            "attention": "auto",            # or "sdpa", "flex"
            "engine_off": None,             # a reason: everything runs with stock hf, and the report shows the reason
            "generation_defaults": "model", # or "none": only the special tokens of its generation_config.json count
            "pack_tokens": None,            # None: from free memory; a number: tokens of one packed row
            "batch_size": 8,                # only for requests that run with stock hf; "auto" is read as 8
        },
        tasks=[...], samples={"task": [0, 5]}, ...
    )
    results["config"]["engine"]             # what ran: see `evaluator.engine.report.EngineReport`

To resume, start the same run with the same `responses` file: everything answered before is read from it.
The key of an answer is (model sha, settings, task, request); settings hold dtype, engine, versions, template, limits.
What the engine determines during the run (execution paths, verification) is stored there too, so that a resumed run
reports the same.

    engine.progress("run/responses.sqlite")  # {task: answers so far}, safe to call from another process while it runs

A subset is `samples={task: [document ids]}` of `simple_evaluate`. Its store is shared with the full run, so a later
full run reads what the subset already answered.
"""

from __future__ import annotations

from pathlib import Path

from evaluator.engine.report import MODEL_NAME

__all__ = ["MODEL_NAME", "progress"]


def _register() -> None:
    """Make the model known to lm-eval by its name; its code, and torch, are imported when a run asks for it."""
    try:
        import lm_eval.models  # noqa: F401  (lm-eval lists its own models only while its registry is empty)
        from lm_eval.api.registry import model_registry
    except ImportError:  # a machine that only plans, or looks at a queue
        return
    model_registry.register(MODEL_NAME, target="evaluator.engine.model:PrefixTree")


_register()


def progress(store: str | Path) -> dict[str, int]:
    """Return the number of answers in a response store by task; empty if there is no store. Read-only."""
    from evaluator.engine.responses import count_by_task

    return count_by_task(Path(store))
