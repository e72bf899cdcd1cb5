"""The suites at hand: those that ship, those of the board's own dataset, and those of `--suite FILE`.

A board's own suite replaces a shipped one of its name; a file replaces both. They are kept for the whole process,
because a suite's name is all that requests, results and tables hold.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from src.core.errors import BadInputError, NotFoundError
from src.core.suites.parsing import parse_text
from src.core.suites.suite import Suite

FOLDER = Path(__file__).parent
NOT_SUITES = {"metrics"}
DEFAULT = "open-llm-v2"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_lock = threading.Lock()
_of_board: dict[str, tuple[str, Suite]] = {}  # name → (file, suite)
_of_files: dict[str, Suite] = {}


def names() -> tuple[str, ...]:
    """Return the suites at hand: the default, the board before it, the other shipped ones, then the board's own."""
    shipped = [path.stem for path in FOLDER.glob("*.toml") if path.stem not in NOT_SUITES]
    shipped.sort(key=lambda name: (name != DEFAULT, not name.startswith("open-llm"), name))
    return (*shipped, *sorted({*_of_files, *_of_board}.difference(shipped)))


def load(name: str | Path = DEFAULT) -> Suite:
    """Return the suite of that name, or in that .toml file, which is then known by its name too.

    Raise NotFoundError, or BadInputError if the file makes no sense.
    """
    if str(name).endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise NotFoundError(f"There is no file {name}.")
        suite = _checked_name(parse_text(_read(path), path.name), path.name)
        with _lock:
            _of_files[suite.name] = suite
        return suite
    known = _of_files.get(str(name)) or _of_board.get(str(name), ("", None))[1]
    if known is not None:
        return known
    if name not in names():
        raise NotFoundError(
            f"There is no suite '{name}'; choose one of {', '.join(names())}, or give the path of a .toml."
        )
    return _shipped(str(name))


def provide(texts: Mapping[str, str]) -> dict[str, str]:
    """Make the suites of the board's own dataset known, in place of those before; return file → what is wrong with it.

    `texts`: file → text. A file with an error leaves its last good suite in place.
    """
    fresh: dict[str, tuple[str, Suite]] = {}
    problems: dict[str, str] = {}
    before = dict(_of_board.values())
    for file, text in sorted(texts.items()):
        try:
            suite = _checked_name(parse_text(text, file), file)
            if suite.name in fresh:
                raise BadInputError(f"{file}: {fresh[suite.name][0]} has the name '{suite.name}' already.")
        except BadInputError as error:
            problems[file] = str(error)
            if file not in before:
                continue
            suite = before[file]
        fresh.setdefault(suite.name, (file, suite))
    with _lock:
        _of_board.clear()
        _of_board.update(fresh)
    return problems


def forget_files() -> None:
    """Forget the suites of `--suite FILE`."""
    with _lock:
        _of_files.clear()


def is_withheld(task: str) -> bool:
    """Return whether the questions of `task` must not be shown, by any suite at hand.

    A task of no suite counts as withheld if its name contains the key of a gated benchmark as a word.
    """
    every = [benchmark for name in names() for benchmark in load(name).benchmarks]
    listed = [each for each in every if any(task in (one.name, *one.aliases) for one in each.tasks)]
    if listed:
        return any(benchmark.withheld for benchmark in listed)
    words = f"_{re.sub(r'[^a-z0-9]+', '_', task.lower())}_"
    return any(f"_{benchmark.key.lower()}_" in words for benchmark in every if benchmark.withheld)


def _checked_name(suite: Suite, source: str) -> Suite:
    if not NAME.fullmatch(suite.name):
        raise BadInputError(f"{source}: the name '{suite.name}' must be lower-case letters, digits, '-', '_' and '.'.")
    return suite


@cache
def _shipped(name: str) -> Suite:
    return parse_text(_read(FOLDER / f"{name}.toml"), f"{name}.toml")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read: {error}.") from error
