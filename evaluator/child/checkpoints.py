"""Checkpoints of a run on disk: a file is complete or absent, and a task's metrics are written after its samples."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evaluator.job import Unit, checkpoint_name
from evaluator.run_files import is_file

ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of a function in memory


def is_done(run: Path, unit: Unit) -> bool:
    """Return whether every task of a unit has its metrics."""
    return all(is_file(run, checkpoint_name(task)) for task in unit.tasks)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value atomically."""
    _replace(path, [json.dumps(value, indent=2, ensure_ascii=False, default=_plain)])


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """Write one JSON value per line, atomically."""
    encode = json.JSONEncoder(ensure_ascii=False, default=_plain).encode
    _replace(path, (encode(value) + "\n" for value in values))


def _plain(value: Any) -> Any:
    """Return NumPy's and torch's numbers as Python's, sets as lists, other objects as text equal in every process."""
    if isinstance(value, set):
        return sorted(value, key=str)
    return value.item() if hasattr(value, "item") else ADDRESS.sub("", str(value))


def _replace(path: Path, parts: Iterable[str]) -> None:
    part = path.with_suffix(path.suffix + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
