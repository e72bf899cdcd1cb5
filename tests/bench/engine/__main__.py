"""`python -m tests.bench.engine [--quick] [--only NAME]`: how exact, how little, how fast, against lm-eval's own `hf`.

Times are processor seconds of one thread, so that other work on the machine does not count; wall time is printed too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch

from tests.bench import verdict
from tests.bench.engine.exactness import exactness, results
from tests.bench.engine.peers import quiet
from tests.bench.engine.runs import memory, resume
from tests.bench.engine.selfcheck import selfcheck
from tests.bench.engine.speed import GENERATION, SPEED, generation, plan, speed, work
from tests.bench.engine.trained import trained
from tests.bench.engine.workers import ray


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=list(PARTS), action="append")
    args = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    for name in args.only or ([name for name in PARTS if name in IN_QUICK] if args.quick else PARTS):
        PARTS[name](args.quick)
    raise SystemExit(verdict())


PARTS: dict[str, Callable[[bool], None]] = {
    "exactness": exactness,
    "results": results,
    "work": work,
    **{f"speed-{name}": partial(speed, name=name) for name in SPEED},
    **{f"generation-{name}": partial(generation, task=task) for name, task in GENERATION.items()},
    "memory": memory,
    "resume": resume,
    "selfcheck": selfcheck,
    "ray": ray,
    "trained": trained,
    "plan": plan,
}
IN_QUICK = ("exactness", "work", "plan", "memory")

if __name__ == "__main__":
    main()
