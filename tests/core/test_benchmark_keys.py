"""A benchmark's facts stand in its suite's .toml: no Python asks which benchmark it has in hand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from src.core import suites

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "src/board/api/original.py": "the columns' names in the answers of the Space that was replaced",
    "src/board/api/asking.py": "an example in a parameter's description",
    "src/sample/answers.py": "the made-up board imitates how hard the public board's benchmarks are",
    "src/sample/board.py": "the made-up board withholds what the public board withholds",
    "src/sample/models.py": "the made-up board has rows with gaps",
    "src/sample/queue.py": "the made-up queue shows requests halfway",
}
"""File → why it may name a benchmark."""


def keys() -> set[str]:
    """Return the keys of every shipped suite's benchmarks, without those that are everyday words."""
    shipped = {each.key for path in suites.FOLDER.glob("*.toml") if path.stem != "metrics"
               for each in suites.load(path.stem).benchmarks}  # fmt: skip
    return shipped - EVERYDAY


EVERYDAY = {"math", "arc", "reading", "trivia", "proficiency", "rating", "safety", "capability", "votes"}
"""Keys that are words of the language: they count only if a text is nothing else."""


def named(path: Path) -> Iterator[str]:
    """Yield the benchmarks that the code of a file names: in its strings, not in docstrings and comments."""
    words = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(sorted(keys(), key=len, reverse=True))})(?![A-Za-z0-9])", re.I)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from words.findall(node.value)
            if node.value in {"math", "arc"}:
                yield node.value


def test_only_the_listed_files_name_a_benchmark() -> None:
    files = [ROOT / "app.py", *(path for room in ("src", "evaluator", "tools") for path in (ROOT / room).rglob("*.py"))]
    found = {str(path.relative_to(ROOT)): sorted(set(named(path))) for path in files}
    found = {file: names for file, names in found.items() if names}
    assert {file: names for file, names in found.items() if file not in ALLOWED} == {}
    assert ALLOWED.keys() - found.keys() == set(), "these name no benchmark any more: take them off the list"
    assert len(ALLOWED) <= 8
