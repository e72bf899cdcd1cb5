"""`python -m evaluator <command>`: run requests of a queue or one model without a queue, and manage a board's runs."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from evaluator.arguments import parser
from src.core.command_line import exit_code
from src.core.redact import redact_logs


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; print a `BoardError` as its message and return 1."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    redact_logs()
    return exit_code(lambda: _run(parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    from evaluator import commands

    return int(getattr(commands, args.run)(args) or 0)


if __name__ == "__main__":
    sys.exit(main())
