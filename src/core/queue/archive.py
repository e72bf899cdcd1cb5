"""Ended requests, many to a file: `requests/archive/<time>-<nonce>.jsonl`, one request a line with its events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from src.core.errors import BadInputError
from src.core.queue.events import Event, RequestState, replay, request_key
from src.core.records import Request

ARCHIVE_PATH = re.compile(r"requests/archive/[0-9]+-[0-9a-f]+\.jsonl")


class ArchivedRequest(NamedTuple):
    """One ended request."""

    key: str
    request: Request
    state: RequestState
    events: tuple[Event, ...]
    results: tuple[str, ...]
    engine: str | None = None
    trial: str | None = None


def pack_archive(requests: Iterable[ArchivedRequest]) -> bytes:
    """Return the file that holds them."""
    return b"".join(
        json.dumps(
            {
                "key": kept.key,
                "request": json.loads(kept.request.write()),
                "events": [event.name for event in kept.events],
                "results": kept.results,
                **({"engine": kept.engine} if kept.engine else {}),
                **({"trial": kept.trial} if kept.trial else {}),
            },
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for kept in requests
    )


def read_archive(data: bytes) -> Iterator[ArchivedRequest | str]:
    """Yield what a file of `pack_archive` holds; of a line that nobody can read, why."""
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            yield _read(line)
        except (BadInputError, ValueError, KeyError, TypeError, RecursionError) as error:
            yield f"line {number}: {error}"


def _read(line: bytes) -> ArchivedRequest:
    data = json.loads(line)
    events = tuple(event for event in map(Event.parse, data["events"]) if event)
    request = Request.read(data["request"])
    if request_key(request) != data["key"]:
        raise ValueError("its key is another request's")
    engine, trial = (str(data[name]) if data.get(name) else None for name in ("engine", "trial"))
    return ArchivedRequest(
        data["key"], request, replay(events), events, tuple(map(str, data["results"])), engine, trial
    )
