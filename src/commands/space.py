"""`python app.py space OWNER/NAME`: this board as a Space on the Hub, created or brought up to date."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from src.core.errors import BadInputError


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "space",
        help="put this board on the Hub, or bring it up to date there",
        description="Create or update the Space OWNER/NAME and OWNER's datasets (requests, results, contents, votes, "
        "history, board), tell it where its data lie, name the secrets it needs, and wait until it answers. "
        "Uses the token of `hf auth login` or HF_TOKEN, which must be allowed to write to OWNER's repositories.",
        epilog="example: BOARD_TOKEN=hf_… python app.py space my-org/leaderboard --secret HF_TOKEN=BOARD_TOKEN",
    )
    parser.add_argument("space", metavar="OWNER/NAME", help="the Space")
    parser.add_argument("--private", action="store_true", help="make what is new private")
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="NAME=VARIABLE",
        help="set the Space's secret NAME to what this machine's environment variable VARIABLE holds",
    )
    parser.add_argument(
        "--board", type=Path, metavar="DIR", help="a board of your own: its DIR/board goes into OWNER's dataset `board`"
    )
    parser.add_argument("--wait", type=float, default=600.0, metavar="SECONDS", help="how long to wait for it (0: not)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Deploy, say what was done, and wait."""
    from huggingface_hub import HfApi

    from src.board.deploy import came_up, deploy

    api = HfApi()
    done = deploy(args.space, api, private=args.private, secrets=dict(_secrets(args.secret)), own=args.board)
    for repo in done.created:
        print(f"created  {repo}")
    print(f"{len(done.changed)} files changed." if done.changed else "Every file is up to date.")
    for key, words in done.missing.items():
        print(f"missing  secret {key}: {words}.")
        print(
            f"         Set it at https://huggingface.co/spaces/{args.space}/settings, or with --secret {key}=VARIABLE."
        )
    if args.wait > 0:
        print(f"Waiting for {done.url} …", flush=True)
        print(f"It is up and shows {came_up(done, api, args.wait)} data.")
    return 0


def _secrets(given: list[str]) -> list[tuple[str, str]]:
    found = []
    for each in given:
        name, _, variable = each.partition("=")
        value = os.environ.get(variable or name)
        if not value:
            # the value itself never stands on the command line, where other users of the machine could read it
            raise BadInputError(f"The environment variable {variable or name} is empty; put the secret {name} there.")
        found.append((name, value))
    return found
