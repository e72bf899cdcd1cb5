"""`python app.py import FILE… --store DIR`: tables and result files into a board of one's own."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from src.core import suites


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "import",
        help="bring tables or result files into a local board",
        description="Bring tables (parquet, csv, tsv, xlsx, jsonl), results of lm-eval, lighteval, Inspect, HELM and "
        "EvalScope, Every Eval Ever records and this program's exports into a board, files or folders of them. Rows "
        "that exist already are updated; the files themselves stay as they are.",
        epilog="examples: python app.py import train-00000-of-00001.parquet --store my-board; "
        "python app.py import battles.csv --votes --store my-board",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a table, a result file, or a folder of results"
    )
    parser.add_argument("--store", required=True, metavar="DIR", help="the board: a folder, created if it is missing")
    parser.add_argument(
        "--suite",
        metavar="NAME",
        help="what the files measure, a name or a .toml file (default: their columns and tasks decide)",
    )
    parser.add_argument(
        "--model", metavar="ORG/NAME", help="the model of files that do not name it, or name a local path"
    )
    parser.add_argument("--precision", metavar="TEXT", help="the precision of tables without such a column")
    parser.add_argument(
        "--scale", type=float, choices=(1, 100), help="the value of a perfect score in a table: 1 (fractions) or 100"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be taken, and write nothing")
    parser.add_argument("--json", action="store_true", help="print what was taken and left as JSON")
    parser.add_argument(
        "--votes", action="store_true", help="the files are votes between pairs of models (left, right, winner)"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Import, and report what was taken, what was left and why."""
    from src.board.importing.files import import_files
    from src.board.importing.reader import Hints
    from src.board.importing.votes import import_votes
    from src.core.profile.reading import know_suites
    from src.core.store import open_store

    store = open_store(args.store)
    know_suites(store)
    suite = suites.load(args.suite).name if args.suite else None
    if args.votes:
        done = import_votes(args.files, store, suite)
    else:
        hints = Hints(suite, args.model, args.precision, args.scale)
        done = import_files(args.files, store, hints, dry_run=args.dry_run)
    if args.json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=2))
        return 0
    for reason in done.left:
        print(f"  left: {reason}", file=sys.stderr)
    for note in done.notes:
        print(f"  note: {note}")
    for suite, rows in done.rows.items():
        print(f"{suites.load(suite).title}: {done.fresh[suite]:,} rows read, {rows:,} on the board.")
    if done.results:
        answers = f", with the answers of {done.samples:,} tasks" if done.samples else ""
        print(f"{done.results:,} result file{'s' if done.results > 1 else ''} kept{answers}.")
    print("Nothing was written: this was a dry run." if args.dry_run else f"See it: python app.py --store {args.store}")
    return 0
