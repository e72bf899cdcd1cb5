"""lm-eval's own command line, which knows the model `prefix-tree` here: `python -m evaluator.engine run --help`."""

from __future__ import annotations

import evaluator.engine  # noqa: F401  (registers the model)


def main() -> None:
    """Run lm-eval's command line."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
