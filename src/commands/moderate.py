"""`python app.py moderate …`: flag, hide, correct, merge, mark as official, withdraw, lift; with a reason, for ever."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from src import settings


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "moderate",
        help="flag, hide, correct or merge rows, with a reason that everyone can read",
        description="Record a decision about rows. Nothing is changed or deleted: a decision is a file of its own in "
        "the dataset `board`, its reason is shown on the model's page, and `lift` ends it. Only operators may: on a "
        "Hub board you are who the token belongs to, in a folder who --user names.",
        epilog='example: python app.py moderate flag org/name --reason "Trained on the test set" --url https://…',
    )
    parser.add_argument("action", metavar="ACTION", help="flag, hide, withdraw, correct, official, merge, lift or list")
    subject = "a model; an organisation for `official`; a decision for `lift`"
    parser.add_argument("subject", nargs="?", metavar="ORG/NAME|ORG|ID", help=subject)
    parser.add_argument("--reason", metavar="TEXT", help="why, in a sentence")
    parser.add_argument("--url", metavar="URL", help="where to read more")
    parser.add_argument("--suite", metavar="NAME", help="only on this suite")
    parser.add_argument("--precision", metavar="WORD", help="only the run of this precision")
    parser.add_argument("--revision", metavar="SHA", help="only the run of this revision")
    parser.add_argument("--configuration", metavar="TEXT", help="only the run of this configuration")
    parser.add_argument("--benchmark", metavar="KEY", help="for `correct`: which score")
    parser.add_argument("--value", metavar="SCORE", help="for `correct`: as it should be published")
    parser.add_argument("--into", metavar="ORG/NAME", help="for `merge`: the name to keep")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", help="the board (default: this folder, if it is one)")
    parser.add_argument("--user", metavar="NAME", help="who you are, in a folder (default: your login)")
    parser.add_argument("--operators", metavar="NAMES", help="operators besides those of board.toml")
    return parser


def run(args: argparse.Namespace) -> int:
    """Record the decision, or list all."""
    from src.board.live.opening import read_once
    from src.board.moderating import decide

    chosen = settings.read(args)
    board = read_once(chosen)
    if args.action == "list":
        _list(board)
        return 0
    fields = {name: value for name, value in vars(args).items() if isinstance(value, str)}
    named = {"lift": "of", "official": "organisation"}.get(args.action, "model")
    fields[named] = args.subject or ""
    entry = decide(board, chosen, args.action, fields, _me(chosen, board.store.name))
    print(f"{entry.action}: recorded as {entry.id}. The board shows it at its next sync.")
    return 0


def _list(board: Any) -> None:
    moderation = board.state.profile.moderation
    for entry in moderation.entries:
        about = entry.model or entry.organisation or entry.of
        more = f" → {entry.into}" if entry.into else f" {entry.benchmark} = {entry.value:g}" if entry.benchmark else ""
        lifted = " (lifted)" if entry.id in moderation.lifted else ""
        print(f"{entry.id}  {entry.action:<8} {about}{more}{lifted}, by {entry.by}: {entry.reason}")
    if not moderation.entries:
        print("No decisions yet.")


def _me(chosen: settings.Settings, store: str) -> str:
    if store.startswith("hub:"):
        from huggingface_hub import whoami

        from src.core.store.client import as_store_error

        try:
            return str(whoami()["name"])
        except Exception as error:
            raise as_store_error(error, "the owner of the token", writing=False) from error
    return chosen.user or getpass.getuser()
