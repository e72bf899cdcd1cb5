"""Run the engine's self-test in a sandboxed process: `python -P -m evaluator.child.engine_selftest FOLDER PROGRESS_FD`.

It reads the device from the folder's `selftest.json` and writes the outcome to its `results.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from evaluator.child.checkpoints import write_json
from evaluator.job import RESULTS

INPUT = "selftest.json"


def main(folder: Path) -> None:
    """Run the self-test that a folder describes."""
    import torch

    from evaluator.engine import selftest

    torch.set_num_threads(1)  # a model this small would wait for its threads most of the time
    device = json.loads((folder / INPUT).read_text(encoding="utf-8"))["device"]
    write_json(folder / RESULTS, selftest.run(device).as_dict())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
