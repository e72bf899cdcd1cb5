"""The door: settings → store → board → page → launch; `python app.py <command>` for everything else."""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from typing import NoReturn

from src import __version__, commands, settings
from src.core.command_line import exit_code


def parser() -> argparse.ArgumentParser:
    """Return the command line: flags that serve the board, and one command for each module of `src.commands`."""
    top = Parser(
        prog="python app.py",
        description="Serve the leaderboard, or run one of its commands.",
        epilog="Without flags: the last copy of the public board, or a made-up sample, while the live one is fetched.",
    )
    top.add_argument("--version", action="version", version=f"open-llm-leaderboard {__version__}")
    settings.add_options(top)
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in iter_modules(commands.__path__):
        command = import_module(f"{commands.__name__}.{module.name}")
        command.add_parser(subparsers).set_defaults(run=command.run)
    return top


def serve(args: argparse.Namespace) -> int:
    """Open the board and serve it until stopped."""
    chosen = settings.read(args)
    from src.board.live.opening import open_board
    from src.ui.app import build_app, launch

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    board = open_board(chosen)
    board.start()
    try:
        running = launch(build_app(board, chosen), board, chosen)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: running.stop())
        shown = {"sample": "made-up sample data", "copy": "the last copy", "none": "nothing yet"}.get(
            board.state.source
        )
        reads = f"; {shown} while {board.store.name} is fetched" if shown else f", and reads {board.store.name}"
        name = settings.effective(chosen, board.state.profile.config).name
        print(f"{name} is at {running.url}{reads}. Ctrl+C stops it.", flush=True)
        running.wait()
        running.close()
    finally:
        board.stop()
    return 0


class Parser(argparse.ArgumentParser):
    """Says what there is if a command is misspelled."""

    def error(self, message: str) -> NoReturn:
        if wrong := re.search(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)", message):
            known = wrong[2].replace("'", "").split(", ")
            near = get_close_matches(wrong[1], known, 1)
            meant = f" Did you mean `{near[0]}`?" if near else f" There are {', '.join(known)}."
            message = f"there is no command `{wrong[1]}`.{meant} `{self.prog} --help` says more."
            self.exit(2, f"{message[0].upper()}{message[1:]}\n")
        super().error(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; a `BoardError` is printed as its sentence and gives 1."""

    def run() -> int:
        args = parser().parse_args(argv)
        return getattr(args, "run", serve)(args) or 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
