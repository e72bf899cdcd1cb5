"""`python app.py suite RESULT.json`: a suite drafted from what a result file holds."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from src.core.errors import BadInputError

PREFERRED = ("acc_norm", "acc", "exact_match", "prompt_level_strict_acc", "f1", "em", "pass@1", "bleu", "chrf", "wer")


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "suite",
        help="draft a suite from a result file of the harness",
        description="Print a suite with a benchmark for each task of a result file: its title, shots, metric, and the "
        "options if the file holds them. Look through it, set `chance` by `options`, and put it into the board's "
        "suites folder or name it with --suite FILE.",
        epilog="example: python app.py suite results_2026-01-01T00-00-00.json --name mine > mine.toml",
    )
    parser.add_argument("result", type=Path, metavar="RESULT.json", help="a result file of lm-evaluation-harness")
    parser.add_argument("--name", default="mine", metavar="NAME", help="the suite's name (default: mine)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the draft, which is read back first."""
    from src.core.records import Result
    from src.core.suites.parsing import parse_text

    try:
        data = args.result.read_bytes()
    except OSError as error:
        raise BadInputError(f"{args.result} cannot be read: {error.strerror}.") from error
    result = Result.read(data, str(args.result), "draft/draft")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", args.name):
        raise BadInputError("--name is made of small letters, digits and hyphens.")
    configs = json.loads(data).get("configs") or {}
    text = "\n".join(_suite(args.name, result, configs if isinstance(configs, Mapping) else {}))
    parse_text(text, f"the draft of {args.result.name}")  # what is printed is known to load
    print(text)
    return 0


def _suite(name: str, result: Any, configs: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"name = {_text(name)}", f"title = {_text(name.replace('-', ' ').title())}", 'aggregation = "mean"')
    keys: set[str] = set()
    for task, metrics in result.tasks.items():
        metric = next((each for each in PREFERRED if each in metrics), next(iter(metrics), None))
        if metric is None:
            continue
        key = re.sub(r"\W+", "_", task.lower()).strip("_") or "task"
        while key in keys:
            key += "_2"
        keys.add(key)
        config = configs.get(task)
        options = config.get("doc_to_choice") if isinstance(config, Mapping) else None
        yield from ("", "[[benchmark]]", f"key = {_text(key)}", f"title = {_text(task.replace('_', ' '))}")
        yield f"metrics = [{_text(metric)}]"
        if isinstance(options, list) and len(options) > 1:
            yield f'options = {len(options)}  # guessing scores 1 / options; add normalise = "once" to take it off'
        yield f"shots = {result.shots.get(task, 0)}"
        items = f", items = {result.samples[task]}" if task in result.samples else ""
        yield f"tasks = [{{ name = {_text(task)}{items} }}]"


def _text(value: str) -> str:
    """Return a TOML string: JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
