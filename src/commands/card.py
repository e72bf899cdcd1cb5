"""`python app.py card ORG/NAME`: what the board says of a model, as its card has it; printed, merged or offered."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src import settings
from src.core import suites
from src.core.errors import BadInputError, NotFoundError

if TYPE_CHECKING:
    import pandas as pd

    from src.board.live.snapshot import Snapshot


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "card",
        help="write a model's results in the form of its card",
        description="Print the `model-index` and the results section of a model's card. With --into they go into that "
        "file, if an older block of this board or of its bot is replaced and every other byte stays; with "
        "--open-pr they are offered to the model's repository on the Hub.",
        epilog="example: python app.py card org/name --store my-board --into README.md",
    )
    parser.add_argument("model", metavar="ORG/NAME", help="a model on the board, or the id of one of its rows")
    parser.add_argument("--suite", metavar="NAME", help="which results (default: the board's first suite)")
    parser.add_argument("--precision", metavar="WORD", help="the run of this precision (default: the best one)")
    parser.add_argument("--into", type=Path, metavar="README.md", help="merge them into this card")
    parser.add_argument("--open-pr", action="store_true", help="offer them to the model's repository as a pull request")
    parser.add_argument("--eval-results", action="store_true", help="the .eval_results files too")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", help=f"the board (default: {settings.PUBLIC})")
    parser.add_argument(
        "--space", metavar="OWNER/NAME", help="the Space that the card links to (default: the original)"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print, merge or offer."""
    from src.board.cards import card_block, eval_result_files, merge

    snapshot = _snapshot(args)
    suite, row, source = snapshot.suite.name, _row(args, snapshot), _source(args.space)
    block = card_block(row, suite, source, snapshot.identity)
    date = row.get("submission_date")
    files = eval_result_files(row, suite, date, source, snapshot.identity) if args.eval_results else {}
    if args.open_pr:
        return _offer(block, files)
    if args.into is None:
        print(block.text, end="")
        for path, text in files.items():
            print(f"\n# {path}\n{text}", end="")
        return 0
    before = _read(args.into)
    after = merge(before, block)
    if after == before:
        print(f"{args.into} says so already; nothing was changed.")
    else:
        args.into.write_bytes(after.encode("utf-8", "surrogateescape"))
        print(f"{args.into} now holds the results of {block.model} on {suites.load(suite).title}.")
    for path, text in files.items():
        target = args.into.parent / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
        print(f"{target} written.")
    return 0


def _offer(block: Any, files: dict[str, str]) -> int:
    from huggingface_hub import HfApi

    from src.board.cards.proposing import propose

    done = propose(block, files, HfApi())
    if done.url is None:
        print(f"The card of {block.model} says so already; no pull request is needed.")
    else:
        print(f"{'Opened' if done.opened else 'Open already'}: {done.url}")
    return 0


def _snapshot(args: argparse.Namespace) -> Snapshot:
    from src.board.live.opening import read_once

    board = read_once(settings.read(args))
    suite, held = args.suite or board.suites[0], board.state.snapshots
    if suite not in held:
        problem = board.state.problem
        raise NotFoundError(problem or f"This board has no rows of {suite}; it has {', '.join(held) or 'none at all'}.")
    return held[suite]


def _row(args: argparse.Namespace, snapshot: Snapshot) -> dict[str, Any]:
    from src.board.table.listing import of_model, plain

    found: pd.DataFrame = of_model(snapshot, args.model).frame
    if args.precision:
        here = ", ".join(map(str, found["precision"].dropna().unique()))
        found = found[found["precision"] == args.precision]
        if found.empty:
            raise NotFoundError(f"{args.model} was not run in {args.precision}; there is {here}.")
    elif len(found) > 1:
        print(f"{args.model} has {len(found)} rows; taking {found['id'].iloc[0]}.", file=sys.stderr)
    return {name: plain(found[name])[0] for name in found.columns}


def _source(space: str | None) -> Any:
    from src.board.cards import CardSource

    if space is None:
        return None
    if space.count("/") != 1:
        raise BadInputError(f"--space is OWNER/NAME, not '{space}'.")
    return CardSource(space, space.partition("/")[0])


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}.") from error
