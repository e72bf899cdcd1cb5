"""The prefix-tree engine: lm-eval's model `prefix-tree`, which computes every shared prefix of a suite once.

How a harness uses it (in the child process, which alone may import lm_eval and torch):

    from evaluator import engine

    engine.register()                       # lm-eval now knows the model name "prefix-tree"
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
            "pack_tokens": None,            # None: from free memory; a number: tokens of one packed row
            "batch_size": 8,                # only for requests that run the stock way; "auto" is read as 8
        },
        tasks=[...], samples={"task": [0, 5]}, ...
    )
    results["config"]["engine"]             # what ran: see `evaluator.engine.report.EngineReport`

Resume is a read: start the same run with the same `responses` file, and everything answered before is read from it.
The key of an answer is (model sha, settings, task, request); settings hold dtype, engine, versions, template, limits.
What an engine finds out as it works (ways, verification) lies there too, so that a resumed run tells the same.

    engine.progress("run/responses.sqlite")  # {task: answers so far}, safe to call from another process while it runs

A subset is `samples={task: [document ids]}` of `simple_evaluate`; the store is shared with the whole run's, so a later
full run reads what the subset already answered.
"""

from __future__ import annotations

from pathlib import Path

MODEL_NAME = "prefix-tree"


def register() -> None:
    """Make `prefix-tree` known to lm-eval (imports torch and lm_eval); calling it twice is harmless."""
    import evaluator.engine.model  # noqa: F401  (its decorator registers it)


def progress(store: str | Path) -> dict[str, int]:
    """Answers in a response store by task: `{task: count}`; an absent store has none. Reads only."""
    from evaluator.engine.responses import count_by_task

    return count_by_task(Path(store))
