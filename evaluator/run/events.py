"""Progress events of a child: JSON lines; only known events with valid fields are accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

Event = Mapping[str, Any]

LONGEST = 2**20  # bytes of a line
MOST = 1_000_000  # events of a run; later ones are read and dropped
NAME = re.compile(r"[\w.:/ +-]{1,200}", re.ASCII)


def _name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 10_000 and all(map(_name, value))


def _count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 2**53


def _counts(value: Any) -> bool:
    return (
        isinstance(value, dict) and len(value) <= 10_000 and all(map(_name, value)) and all(map(_count, value.values()))
    )


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _one_of(*words: str | None) -> Callable[[Any], bool]:
    return lambda value: value in words


EVENTS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "loading": {},
    "unit": {"tasks": _names, "benchmark": _name, "log": _count},
    "requests": {"counts": _counts},
    "answers": {"counts": _counts},
    "way": {
        "scoring": _one_of("packed", "rows", "stock"),
        "generation": _one_of("rolling", "continuous", "stock", None),
        "reason": _text,
    },
    "checkpoint": {"tasks": _names},
    "done": {},
    "failed": {"code": _text, "message": _text, "traceback": _text},
}
"""Event → field → a check of its value. Add every new event of the child here."""


def read_events(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the events that a child writes, until it closes the pipe."""
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        event = parse(line) if number <= MOST else None
        if event is not None:
            yield event


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the event in a line with its known fields only; None if the line is not a valid event."""
    try:
        payload = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = payload.get("event") if isinstance(payload, dict) else None
    fields = EVENTS.get(kind) if isinstance(kind, str) else None
    if fields is None or not all(fits(payload.get(name)) for name, fits in fields.items()):
        return None
    return {"event": kind} | {name: payload.get(name) for name in fields}
