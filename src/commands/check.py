"""`python app.py check DIR`: what is wrong with a board's own files, before anyone sees it."""

from __future__ import annotations

import argparse

from src import settings


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "check",
        help="say what is wrong with a board's own files",
        description="Read board.toml, about.md, the logo, suites, tasks and moderation as the board would, and name "
        "each fault. Exit status 1: there is one.",
        epilog="example: python app.py check boards/mine",
    )
    parser.add_argument("store", metavar="DIR|hub:OWNER", help="the board")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print each fault and each hint; return 1 if there is a fault."""
    from src.board.checking import check
    from src.board.live.opening import open_board

    findings = check(open_board(settings.read(args)).store)
    for finding in findings:
        print(f"{'fault' if finding.is_fault else 'hint':<6} {finding.text}")
    faults = sum(finding.is_fault for finding in findings)
    print(f"{faults} fault{'' if faults == 1 else 's'} in {args.store}." if faults else f"{args.store} is in order.")
    return 1 if faults else 0
