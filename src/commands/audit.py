"""`python app.py audit [--store DIR | CARD.md …]`: what does not add up on a board, or in a model card."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from src import settings
from src.core import suites
from src.core.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

    from src.board.audit import AuditFinding
    from src.core.store import Store
    from src.core.suites import Suite

LINKS = (
    re.compile(r"/datasets/[\w.-]+/(?:details_)?([\w.-]+?)__([\w.-]+?)(?:-details)?(?![\w.-])"),
    re.compile(r"[?&]query=([\w.-]+)(?:/|%2F)([\w.-]+)"),
)
"""Where the leaderboard's block in a card names the model."""


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "audit",
        help="find what does not add up on a board or in model cards",
        description="Check a board: averages against their cells and columns, scores and models that repeat, dates, "
        "what is not described. With cards: check their claims against themselves and the board. "
        "Ends with 1 if something is wrong, with 0 if there are only warnings and notes.",
        epilog="example: python app.py audit --store my-board README.md",
    )
    parser.add_argument("cards", nargs="*", type=Path, metavar="CARD.md", help="model cards; without any, the board")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", help=f"the board (default: {settings.PUBLIC})")
    parser.add_argument(
        "--model",
        metavar="ORG/NAME",
        help="whose card it is, if neither its links nor its file name (ORG__NAME.md) tell",
    )
    parser.add_argument(
        "--weights",
        action="store_true",
        help="read the headers of the published models' weights as well, and name those that did not fit",
    )
    parser.add_argument(
        "--requeue", action="store_true", help="with --weights: put those models back into the queue, off the table"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each finding")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if any is an error."""
    from src.board.audit import lines

    found = list(_findings(args))
    reported = (json.dumps(asdict(each), ensure_ascii=False) for each in found) if args.json else lines(found)
    for line in reported:
        print(line)
    return int(any(finding.severity == "error" for finding in found))


def _findings(args: argparse.Namespace) -> Iterator[AuditFinding]:
    from src.board.audit import audit, audit_card, audit_table
    from src.board.cards import claims
    from src.board.live.opening import open_board
    from src.board.live.sources import read_contents
    from src.core.frames.tables import read_table
    from src.core.profile.reading import know_suites

    cards = {path: _text(path) for path in args.cards}
    models = {path: args.model or _model(path, text) for path, text in cards.items()}
    if args.requeue and not args.weights:
        raise BadInputError("--requeue needs --weights, which finds the models to put back.")
    store = open_board(settings.read(args)).store
    know_suites(store)
    contents = read_contents(store, None, None)
    for path, text in cards.items():
        for name, frame in contents.frames.items():
            yield from audit_card(claims(text, models[path]), frame, suites.load(name))
    if cards:
        return
    for name, frame in contents.frames.items():
        yield from audit(frame, suites.load(name))
        if args.weights:
            yield from _weights(frame, suites.load(name), store, args.requeue)
    for entry in contents.files:
        suite = contents.tables.get(entry.path.split("/")[1])
        if suite and entry.path.startswith("contents/"):
            yield from audit_table(read_table(store.read(entry.path)), suites.load(suite))


def _weights(frame: pd.DataFrame, suite: Suite, store: Store, is_requeued: bool) -> Iterator[AuditFinding]:
    """Yield the rows whose weights did not fit; put them back into the queue if that was asked for."""
    from src.board.audit_weights import requeue, unfit_rows
    from src.core.model.source import HubModel
    from src.core.queue import Queue

    token = os.environ.get("HF_TOKEN")
    found = list(unfit_rows(frame, store, lambda model, revision: HubModel(model, revision, token)))
    yield from (row.finding() for row in found)
    unfit = [row.row for row in found if not row.is_unread]
    if is_requeued and unfit:
        for request in requeue(unfit, suite, store, Queue(store), "operator"):
            print(f"{request.model} ({request.precision}) is pending again, and off the table", file=sys.stderr)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read as a model card: {error}.") from error


def _model(path: Path, text: str) -> str:
    named = re.fullmatch(r"([\w.-]+?)__([\w.-]+?)(?:\.(?:README|page))?", path.stem)
    for found in (*(link.search(text) for link in LINKS), named):
        if found:
            return f"{found[1]}/{found[2]}"
    raise BadInputError(f"Nothing in {path} tells whose card it is; name the model with --model ORG/NAME.")
