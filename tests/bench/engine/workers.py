"""A suite split over two workers of Ray, one of which is killed on its way."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

from evaluator.shares import Share, join, run, split
from tests.bench import report
from tests.bench.engine.peers import data
from tests.evaluator.engine.local_ray import local_ray
from tests.evaluator.tiny import make_llama

TASKS = [
    "leaderboard_bbh_snarks",
    "leaderboard_musr_murder_mysteries",
    "leaderboard_gpqa_diamond",
    "leaderboard_gpqa_main",
]


class Evaluate:
    """Runs a share with the tiny model; the share of a victim's task kills its worker the first time."""

    def __init__(self, model: Path, limit: int, victim: str | None = None) -> None:
        self.model, self.limit, self.victim = model, limit, victim

    def __call__(self, share: Share) -> dict[str, Any]:
        from tests.evaluator.engine.run_suite import run as run_suite

        mark = self.model / "killed"
        if self.victim in share.tasks and not mark.exists():
            mark.write_text("once")
            os.kill(os.getpid(), signal.SIGKILL)
        return run_suite(str(self.model), data(), None, list(share.tasks), self.limit)[0]


def ray(quick: bool) -> None:
    """The two workers' result against one process's."""
    limit = 6 if quick else 20
    model = make_llama(Path(tempfile.mkdtemp()))
    alone = Evaluate(model, limit)(Share("alone", tuple(TASKS)))
    with local_ray(2):
        parts = [result for _, result in run(split("org/m", TASKS, 2), Evaluate(model, limit, victim=TASKS[0]))]
    same = json.dumps(join(TASKS, parts), sort_keys=True) == json.dumps(alone, sort_keys=True)
    killed = (model / "killed").exists()
    report("split over two Ray workers, identical to one process", int(same), "bool", "1", same)
    report("a killed worker's share is redone", int(killed), "bool", "1", killed)
