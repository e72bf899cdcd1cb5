"""A suite split over two Ray workers, one of which is killed during the run."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

from evaluator.box.tiny_model import make_llama
from evaluator.cluster.ray_tasks import Shard, join, run, split
from tests.bench import report
from tests.bench.engine.peers import data
from tests.evaluator.cluster.local_ray import local_ray

TASKS = [
    "leaderboard_bbh_snarks",
    "leaderboard_musr_murder_mysteries",
    "leaderboard_gpqa_diamond",
    "leaderboard_gpqa_main",
]


class Evaluate:
    """Runs a shard with the tiny model; a victim's shard kills its worker the first time."""

    def __init__(self, model: Path, limit: int, victim: str | None = None) -> None:
        self.model, self.limit, self.victim = model, limit, victim

    def __call__(self, shard: Shard) -> dict[str, Any]:
        from tests.evaluator.engine.run_suite import run as run_suite

        mark = self.model / "killed"
        if self.victim in shard.tasks and not mark.exists():
            mark.write_text("once")
            os.kill(os.getpid(), signal.SIGKILL)
        return run_suite(str(self.model), data(), None, list(shard.tasks), self.limit)[0]


def ray(quick: bool) -> None:
    """Compare the two workers' result with that of one process."""
    limit = 6 if quick else 20
    model = make_llama(Path(tempfile.mkdtemp()))
    alone = Evaluate(model, limit)(Shard("alone", tuple(TASKS)))
    with local_ray(2):
        parts = [result for _, result in run(split("org/m", TASKS, 2), Evaluate(model, limit, victim=TASKS[0]))]
    same = json.dumps(join(TASKS, parts), sort_keys=True) == json.dumps(alone, sort_keys=True)
    killed = (model / "killed").exists()
    report("split over two Ray workers, identical to one process", int(same), "bool", "1", same)
    report("a killed worker's share is redone", int(killed), "bool", "1", killed)
