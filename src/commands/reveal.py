"""`python app.py reveal SUITE BENCHMARK`: publish the items and the salt of a private exam."""

from __future__ import annotations

import argparse
from pathlib import Path

from src.core.errors import BadInputError

WORKSPACE = Path("~/.cache/open-llm-leaderboard/evaluator")


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "reveal",
        help="publish the items and the salt of a private exam",
        description="Publish what a box has kept of a benchmark with `private = true`: all its items, and the salt of "
        "their hashes. From then on `verify` shows anyone that every past run answered these items and no others. "
        "It cannot be taken back. Run it on the box that evaluated.",
        epilog="example: python app.py reveal mine exam --store boards/mine",
    )
    parser.add_argument("suite", metavar="SUITE")
    parser.add_argument("benchmark", metavar="BENCHMARK", help="the benchmark's key")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", required=True, help="the board")
    parser.add_argument("--workspace", type=Path, default=WORKSPACE, help="the evaluator's folder on this box")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def run(args: argparse.Namespace) -> int:
    """Publish each version of the items that has a published root."""
    import json

    from src.core.exams import Exam, reveal
    from src.core.store import open_store

    folder = args.workspace.expanduser() / "exams" / args.suite / args.benchmark
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadInputError(f"{folder} holds no exam: run this on the box that evaluated, with its --workspace.")
    exams = [Exam.from_dict(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    count = max(len(exam.items) for exam in exams)
    if not args.yes and input(f"Publish {count:,} items of {args.benchmark} for good? [y/N] ").strip().lower() != "y":
        print("Nothing was published.")
        return 1
    store = open_store(args.store)
    for exam in exams:
        print(reveal(store, exam))
    print(f"Anyone can check it: python app.py verify {args.suite} --store {args.store}")
    return 0
