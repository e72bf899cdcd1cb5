"""`python app.py audit [--store DIR | CARD.md …]`: what does not add up on a board, or in a model card."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from src import settings
from src.core import suites
from src.core.errors import BadInput

if TYPE_CHECKING:
    from src.board.audit import Finding

LINKS = (
    re.compile(r"/datasets/[\w.-]+/(?:details_)?([\w.-]+?)__([\w.-]+?)(?:-details)?(?![\w.-])"),
    re.compile(r"[?&]query=([\w.-]+)(?:/|%2F)([\w.-]+)"),
)
"""Where the leaderboard's block in a card names the model."""


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """The command's words on the command line."""
    parser = subparsers.add_parser(
        "audit",
        help="find what does not add up on a board or in model cards",
        description="Check a board: averages against their cells and columns, scores and models that repeat, dates, "
        "what is not described. With cards: check their claims against themselves and the board. "
        "Ends with 1 where something is wrong, with 0 where there are only warnings and notes.",
        epilog="example: python app.py audit --store my-board README.md",
    )
    parser.add_argument("cards", nargs="*", type=Path, metavar="CARD.md", help="model cards; without any, the board")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", help=f"the board (default: {settings.PUBLIC})")
    parser.add_argument(
        "--model",
        metavar="ORG/NAME",
        help="whose card it is, where neither its links nor its file name (ORG__NAME.md) tell",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each finding")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if any is an error."""
    from src.board.audit import lines

    found = list(_findings(args))
    told = (json.dumps(asdict(each), ensure_ascii=False) for each in found) if args.json else lines(found)
    for line in told:
        print(line)
    return int(any(finding.severity == "error" for finding in found))


def _findings(args: argparse.Namespace) -> Iterator[Finding]:
    from src.board.audit import audit, audit_card, audit_table
    from src.board.cards import claims
    from src.board.opening import open_board
    from src.board.sources import read_contents
    from src.core.tables import read_table

    cards = {path: _text(path) for path in args.cards}
    models = {path: args.model or _model(path, text) for path, text in cards.items()}
    store = open_board(settings.read(args)).store
    contents = read_contents(store, None, None)
    for path, text in cards.items():
        for name, frame in contents.frames.items():
            yield from audit_card(claims(text, models[path]), frame, suites.load(name))
    if cards:
        return
    for name, frame in contents.frames.items():
        yield from audit(frame, suites.load(name))
    for entry in contents.files:
        suite = contents.tables.get(entry.path.split("/")[1])
        if suite and entry.path.startswith("contents/"):
            yield from audit_table(read_table(store.read(entry.path)), suites.load(suite))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as a model card: {error}.") from error


def _model(path: Path, text: str) -> str:
    named = re.fullmatch(r"([\w.-]+?)__([\w.-]+?)(?:\.(?:README|page))?", path.stem)
    for found in (*(link.search(text) for link in LINKS), named):
        if found:
            return f"{found[1]}/{found[2]}"
    raise BadInput(f"Nothing in {path} tells whose card it is; name the model with --model ORG/NAME.")
