"""Answer what the harness knows of tasks, as JSON: `python -P -m evaluator.child.asking RUN_FOLDER PROGRESS_FD`.

Task files hold Python functions and templates, so this runs in the same fence as a model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from evaluator.child.checkpoints import write_json
from evaluator.job import RESULTS


def main(run: Path) -> None:
    """Read `ask.json`, a list of names and a folder of own tasks; write the answer."""
    from evaluator.child.harness_tasks import describe

    question = json.loads((run / "ask.json").read_text(encoding="utf-8"))
    own = Path(question["own"]) if question["own"] else None
    write_json(run / RESULTS, describe(question["names"], own).as_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
