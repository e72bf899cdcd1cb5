"""List every item of a private exam: `python -P -m evaluator.child.exam RUN_FOLDER PROGRESS_FD`.

Items may be made by Python beside a task file, so they are read in the same fence as a model runs in.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from evaluator.child import harness_tasks
from evaluator.child.checkpoints import write_json
from evaluator.job import RESULTS


def main(run: Path) -> None:
    """Read the question in `ask.json`; write [task, doc_id, doc] of every item, as sample lines hold it."""
    question = json.loads((run / "ask.json").read_text(encoding="utf-8"))
    own = Path(question["own"]) if question["own"] else None
    items = []
    for name, shots in question["shots"].items():
        beside = own if name in question["own_data"] else None
        task = harness_tasks.load([name], question["folders"], own, beside, shots)["tasks"][name]
        items += [[name, doc_id, doc] for doc_id, doc in enumerate(task.eval_docs)]
    write_json(run / RESULTS, json.loads(json.dumps({"items": items}, default=str)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
