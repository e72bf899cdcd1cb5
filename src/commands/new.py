"""`python app.py new DIR`: a board of one's own, from four questions."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "new",
        help="make a board of your own in a folder",
        description="Write DIR/board with board.toml, about.md, suites/ and tasks/. What no flag gives is asked for.",
        epilog='example: python app.py new boards/mine --name "Baltic Board" --suite basque',
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder; it may hold results already")
    parser.add_argument("--name", metavar="TEXT", help="what the board is called")
    parser.add_argument("--description", metavar="TEXT", help="one sentence on what it measures")
    parser.add_argument(
        "--suite", action="append", metavar="NAME|FILE", help="a suite, or a .toml to copy; the first is shown first"
    )
    parser.add_argument("--operator", action="append", metavar="NAME", help="a Hub user name that may moderate")
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask, write, and say how to see it."""
    from src.core.profile.writing import NewBoard, write

    board = NewBoard(
        name=args.name or _ask("Name of the board", args.folder.resolve().name),
        description=args.description or _ask("What it measures, in one sentence", ""),
        suites=tuple(args.suite or _ask("Suite: a name or a .toml file", "open-llm-v2").split()),
        operators=tuple(args.operator or _ask("Your user name on the Hub", _login()).split()),
    )
    for path in write(args.folder, board):
        print(f"wrote {path}")
    print(f"Check it: python app.py check {args.folder}")
    print(f"See it: python app.py --store {args.folder}")
    return 0


def _ask(question: str, default: str) -> str:
    """Return what a person answers; the default if nobody is there to ask."""
    if not sys.stdin.isatty():
        return default
    return input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
