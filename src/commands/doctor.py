"""`python app.py doctor --store …`: checks a store before anyone relies on it."""

from __future__ import annotations

import argparse
from typing import Any

MARKS = {True: "ok", False: "FAILED", None: "look"}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor",
        help="check a store before anyone relies on it",
        description="Does in a scratch folder what the queue relies on: eight appends at once, none of which may be "
        "lost; reading what was just written; refusing a writer that missed something. Exit status 1: do not use it.",
    )
    parser.add_argument("--store", required=True, help="hub:OWNER or a folder")
    parser.add_argument("--read-only", action="store_true", help="check only what needs no right to write")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="mend damaged files of a folder from the others first, and list what is gone for good",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print one line per check; return 1 if one failed."""
    from src.core.doctor import examine
    from src.core.store import open_store

    if args.repair:
        _repair(args.store)
    store = open_store(args.store)
    print(f"{store.name}:")
    fit = True
    for finding in examine(store, writes=not args.read_only):
        print(f"  {MARKS[finding.fit]:<6} {finding.name:<10} {finding.detail}", flush=True)
        fit = fit and finding.fit is not False
    print("Fit to carry a board." if fit else "Do not use this store for a queue until that is mended.")
    return 0 if fit else 1


def _repair(name: str) -> None:
    from src.core.errors import BadInputError
    from src.core.repair import repair
    from src.core.store import LocalStore, open_store

    store = open_store(name)
    if not isinstance(store, LocalStore):
        raise BadInputError("--repair is for a folder; on the Hub, git keeps earlier versions of every file.")
    lost = []
    print(f"Repairing {name}:")
    for step in repair(store):
        print(f"  {step.path}: {step.done}", flush=True)
        if step.lost:
            lost.append(f"  {step.path}: {step.lost}")
    print("\n".join(["Gone for good:", *lost] if lost else ["Nothing is gone."]), flush=True)
