"""One run of lm-eval with the engine, in a process that may be killed: `… MODEL DATA STORE OUT LIMIT TASK …`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.evaluator.engine.suite import offline, task_manager

TIMES = ("date", "start_time", "end_time", "total_evaluation_time_seconds", "pretty_env_info")


def run(model: str, data: Path, store: Path | None, tasks: list[str], limit: int) -> tuple[dict[str, Any], Any]:
    """lm-eval's result, bar times, addresses and the machine's description, and the model that gave it."""
    import lm_eval
    import torch
    from lm_eval.utils import handle_non_serializable

    torch.set_num_threads(1)
    from evaluator.engine.model import PrefixTree

    lm = PrefixTree(model, device="cpu", dtype="float32", responses=store, pack_tokens=256)
    with offline(data):
        found = lm_eval.simple_evaluate(
            lm, tasks=tasks, task_manager=task_manager(), limit=limit, bootstrap_iters=0, verbosity=None
        )
    kept = {key: value for key, value in found.items() if key not in TIMES}
    text = re.sub(r" at 0x[0-9a-f]+", "", json.dumps(kept, default=handle_non_serializable))  # addresses of functions
    return json.loads(text), lm


def main() -> None:
    model, data, store, out, limit, *tasks = sys.argv[1:]
    tokens = Path(store).with_suffix(".tokens")
    from evaluator.engine.scoring.scorer import TreeScorer

    forward = TreeScorer.forward

    def counted(self: Any, batch: Any, *rest: Any) -> Any:
        with tokens.open("a") as lines:  # before the work: a killed forward counts
            lines.write(f"{batch.tokens.size}\n")
        return forward(self, batch, *rest)

    TreeScorer.forward = counted  # type: ignore[method-assign,assignment]
    found, _ = run(model, Path(data), Path(store), tasks, int(limit))
    Path(out).write_text(json.dumps(found, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    main()
