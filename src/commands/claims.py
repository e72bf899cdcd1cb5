"""`python app.py claims`: what makers say of their models, read from their repositories, beside what was measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from src import settings

if TYPE_CHECKING:
    import pandas as pd

    from src.board.claims.gathering import Claims
    from src.core.suites import Suite


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "claims",
        help="read what makers claim of their models, and compare it with what was measured",
        description="Read model-index and .eval_results of the board's models on the Hub and keep the claims in the "
        "board's table, where the models' pages, the column Claim, the feed and audit show them. Run it once a week.",
        epilog="example: python app.py claims --store my-board org/model",
    )
    parser.add_argument("models", nargs="*", metavar="ORG/NAME", help="these models alone (default: all)")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", help=f"the board (default: {settings.PUBLIC})")
    parser.add_argument("--suite", metavar="NAME", help="this suite alone (default: all that the board has)")
    parser.add_argument(
        "--records", metavar="FILE", nargs="+", type=Path, help="read makers' own Every Eval Ever records instead"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be kept, and keep nothing")
    return parser


def run(args: argparse.Namespace) -> int:
    """Gather, say, keep."""
    from src.board.claims.gathering import apply, gather, keep
    from src.board.claims.records import claims_of_records, read_records
    from src.board.live.opening import open_board
    from src.board.live.sources import read_contents
    from src.core import suites
    from src.core.model.source import HubModel

    store = open_board(settings.read(args)).store
    values, left = read_records(args.records or ())
    for reason in left:
        print(reason)
    for name, frame in read_contents(store, None, None).frames.items():
        if args.suite not in (None, name):
            continue
        suite = suites.load(name)
        found = claims_of_records(suite, values)
        if args.records is None:
            wanted = [model for model in frame["model"].unique() if not args.models or model in args.models]
            for model, claims in gather(suite, wanted, HubModel):
                if claims is None:
                    print(f"{model}: its repository cannot be read; nothing is changed.")
                else:
                    found[model] = claims
        found = {model: claims for model, claims in found.items() if (frame["model"] == model).any()}
        _print_comparison(apply(frame, suite, found, args.records is None), suite, found)
        count = sum(map(len, found.values()))
        print(f"{suite.title}: {count} claims of {len(found)} models{', not kept' if args.dry_run else ''}.")
        if found and not args.dry_run:
            keep(found, suite, store, args.records is None)
    return 0


def _print_comparison(frame: pd.DataFrame, suite: Suite, found: Claims) -> None:
    from src.board.claims.comparing import compare_claims
    from src.board.live.certainty import with_certainty

    for row in with_certainty(frame, suite).to_dict("records"):
        for claim in compare_claims(row, suite) if row["model"] in found else ():
            title = suite.benchmark(claim.benchmark).title
            print(f"{row['id']}: {title} {claim.claimed:.1f} claimed, {claim.measured:.1f} measured, z {claim.z:+.1f}")
