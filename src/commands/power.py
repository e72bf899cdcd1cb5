"""`python app.py power`: how many items it takes to know a score to ±w, or to tell two models apart."""

from __future__ import annotations

import argparse

from src.core.errors import BadInputError


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "power",
        help="how many items it takes to know a score to ±1, or to tell two models apart",
        description="For each benchmark of a suite: its items, how well they fix the score of a model that is right "
        "on SHARE of them, and the items needed for ±WIDTH points and to show a difference of WIDTH points between two "
        "models that answer the same items (80 % power at 5 %).",
        epilog="example: python app.py power --width 1 --share 0.6",
    )
    parser.add_argument("--width", type=float, default=1.0, metavar="POINTS", help="published points (default: 1)")
    parser.add_argument("--share", type=float, default=0.5, metavar="0..1", help="items that are right (default: 0.5)")
    parser.add_argument(
        "--correlation",
        type=float,
        default=0.5,
        metavar="0..1",
        help="of the two models' answers; 0 if they answer different items (default: 0.5)",
    )
    parser.add_argument("--suite", metavar="NAME", help="the suite (default: the newest)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print a line for each benchmark."""
    from src.board.live.certainty import design
    from src.core import suites
    from src.core.statistics.approximate import approximate_se
    from src.core.statistics.intervals import z_value
    from src.core.statistics.power import items_for_difference, items_for_width, paired_variance

    if not (args.width > 0 and 0 < args.share < 1 and 0 <= args.correlation < 1):
        raise BadInputError("--width is above 0, --share between 0 and 1, --correlation from 0 to below 1.")
    suite = suites.load(args.suite or suites.DEFAULT)
    print(f"{'':24}{'items':>8}{'now ±':>8}{f'for ±{args.width:g}':>12}{f'to tell {args.width:g}':>12}")
    for benchmark in suite.benchmarks:
        plan = design(benchmark)
        if plan is None:
            print(f"{benchmark.title:24}{'unknown':>8}  the suite does not say how many items there are")
            continue
        share = args.width / plan.scale
        alone = items_for_width(share, args.share * (1 - args.share))
        paired = items_for_difference(share, paired_variance(args.share, args.correlation))
        now = z_value(0.95) * float(approximate_se(args.share, plan))
        print(f"{benchmark.title:24}{sum(plan.items):>8,}{now:>8.2f}{alone:>12,}{paired:>12,}")
    return 0
