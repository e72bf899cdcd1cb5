"""`python app.py verify SUITE`: check the private exams of a suite, and every result on them."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="check revealed private exams against what was published before their runs",
        description="For each private exam of a suite: the root of the revealed items and salt must be the one that "
        "was published before the first run, and every item that a result answered must be one of them. Needs only "
        "to read the board.",
        epilog="example: python app.py verify mine --store hub:OWNER",
    )
    parser.add_argument("suite", metavar="SUITE")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", required=True, help="the board")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print a line for each exam and result; return 1 if anything disagrees or nothing was checked."""
    from src.core.exams import verify
    from src.core.store import open_store

    checks = verify(open_store(args.store), args.suite)
    for check in checks:
        print(
            f"{'FAILED ' if check.problem else 'ok     '}{check.about}{f': {check.problem}' if check.problem else ''}"
        )
    failed = sum(check.problem is not None for check in checks)
    if not checks:
        print(f"{args.store} holds no private exam of {args.suite}.")
    elif not failed:
        print(f"All {len(checks)} agree.")
    return 1 if failed or not checks else 0
