"""`python app.py suite RESULT.json`: a suite drafted from what a result file holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from src.core.errors import BadInputError


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "suite",
        help="draft a suite from a result file of the harness",
        description="Print a suite with a benchmark for each task of a result file: its title, shots, metric, and the "
        "options if the file holds them. Look through it, set `chance` by `options`, and put it into the board's "
        "suites folder or name it with --suite FILE.",
        epilog="example: python app.py suite results_2026-01-01T00-00-00.json --name mine > mine.toml",
    )
    parser.add_argument("result", type=Path, metavar="RESULT.json", help="a result file of lm-evaluation-harness")
    parser.add_argument("--name", default="mine", metavar="NAME", help="the suite's name (default: mine)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the draft, which is read back first."""
    from src.core.records import Result
    from src.core.suites.drafting import DraftBenchmark, DraftTask, draft

    try:
        data = args.result.read_bytes()
    except OSError as error:
        raise BadInputError(f"{args.result} cannot be read: {error.strerror}.") from error
    result = Result.read(data, str(args.result), "draft/draft")
    configs = json.loads(data).get("configs")
    benchmarks = []
    for task, metrics in result.tasks.items():
        config = configs.get(task) if isinstance(configs, Mapping) else None
        options = config.get("doc_to_choice") if isinstance(config, Mapping) else None
        benchmarks.append(
            DraftBenchmark(task, (
                DraftTask(
                    task, metrics=tuple(metrics), shots=result.shots.get(task, 0), items=result.samples.get(task),
                    options=len(options) if isinstance(options, list) and len(options) > 1 else None,
                ),
            ))
        )  # fmt: skip
    print(draft(args.name, benchmarks, args.result.name))
    return 0
