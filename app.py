"""The door: settings → store → board → page → launch; `python app.py <command>` for everything else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from src import commands, settings
from src.core.errors import BoardError


def parser() -> argparse.ArgumentParser:
    """The command line: flags that serve the board, and one command for each module of `src.commands`."""
    top = argparse.ArgumentParser(
        prog="python app.py",
        description="Serve the leaderboard, or run one of its commands.",
        epilog="Without flags: the last copy of the public board, or a made-up sample, while the live one is fetched.",
    )
    settings.add_options(top)
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in iter_modules(commands.__path__):
        command = import_module(f"{commands.__name__}.{module.name}")
        command.add_parser(subparsers).set_defaults(run=command.run)
    return top


def serve(args: argparse.Namespace) -> int:
    """Open the board and serve it until stopped."""
    chosen = settings.read(args)
    from src.board.opening import open_board
    from src.ui.app import build_app, launch

    board = open_board(chosen)
    board.start()
    try:
        launch(build_app(board, chosen), board, chosen)
    finally:
        board.stop()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; a `BoardError` is printed as its sentence and gives 1."""
    args = parser().parse_args(argv)
    try:
        return getattr(args, "run", serve)(args) or 0
    except BoardError as error:
        print(f"{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
