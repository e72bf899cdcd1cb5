"""`python app.py import FILE… --store DIR`: contents tables and result files into a board of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from src.core import suites


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """The command's words on the command line."""
    parser = subparsers.add_parser(
        "import",
        help="bring tables or result files into a local board",
        description="Bring contents tables of any age (parquet, csv, csv.gz) and result files (json, json.gz, folders "
        "of them) into a board. Rows that are there already are renewed; the files themselves stay as they are.",
        epilog="examples: python app.py import train-00000-of-00001.parquet --store my-board; "
        "python app.py import battles.csv --votes --store my-board",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a table, a result file, or a folder of results"
    )
    parser.add_argument("--store", required=True, metavar="DIR", help="the board: a folder, made where it is missing")
    parser.add_argument(
        "--suite", choices=suites.names(), help="what the files measure; without it, their columns and tasks tell"
    )
    parser.add_argument(
        "--votes", action="store_true", help="the files are votes between pairs of models (left, right, winner)"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Import, and say what came of it."""
    from src.core.importing import import_files, import_votes
    from src.core.store import open_store

    done = (import_votes if args.votes else import_files)(args.files, open_store(args.store), args.suite)
    for note in done.notes:
        print(f"  note: {note}")
    for suite, rows in done.rows.items():
        print(f"{suites.load(suite).title}: {done.fresh[suite]:,} rows read, {rows:,} on the board.")
    if done.results:
        print(f"{done.results:,} result file{'s' if done.results > 1 else ''} kept.")
    print(f"See it: python app.py --store {args.store}")
    return 0
