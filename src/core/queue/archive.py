"""Ended requests, many to a file: `requests/archive/<time>-<nonce>.jsonl`, one request a line with its events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from src.core.errors import BadInput
from src.core.queue.events import Event, Story, request_key, tell
from src.core.records import Request

PATH = re.compile(r"requests/archive/[0-9]+-[0-9a-f]+\.jsonl")


class Kept(NamedTuple):
    """One ended request."""

    key: str
    request: Request
    story: Story
    events: tuple[Event, ...]
    results: tuple[str, ...]


def pack(requests: Iterable[Kept]) -> bytes:
    """The file that holds them."""
    return b"".join(
        json.dumps(
            {
                "key": kept.key,
                "request": json.loads(kept.request.write()),
                "events": [event.name for event in kept.events],
                "results": kept.results,
            },
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for kept in requests
    )


def read(data: bytes) -> Iterator[Kept | str]:
    """What a file of `pack` holds; of a line that nobody can read, why."""
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            yield _read(line)
        except (BadInput, ValueError, KeyError, TypeError, RecursionError) as error:
            yield f"line {number}: {error}"


def _read(line: bytes) -> Kept:
    said = json.loads(line)
    events = tuple(event for event in map(Event.parse, said["events"]) if event)
    request = Request.read(said["request"])
    if request_key(request) != said["key"]:
        raise ValueError("its key is another request's")
    return Kept(said["key"], request, tell(events), events, tuple(map(str, said["results"])))
