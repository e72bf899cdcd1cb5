"""Queues of any size on the stand-in, and what looking at them costs."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import NamedTuple

from src.core.queue import Queue
from src.core.queue.events import Event, folder, request_key
from src.core.store.files import blob_id
from tests.boards.requests import ask
from tools.hub import Hub


class Calls(NamedTuple):
    """Calls to the Hub of one look each."""

    cold: int
    unchanged: int
    one_changed: int
    ten_changed: int


def fill(hub: Hub, count: int, finished: float = 0.9, disk: Path | None = None) -> None:
    """A queue of `count` requests, most of them finished, in one commit; on `disk`, as if they had been read before."""
    rng = random.Random(count)
    files: dict[str, bytes] = {}
    for number in range(count):
        request = ask(f"org-{number % 97}/model-{number}", revision=f"{number:040x}")
        place = folder(request_key(request)).removeprefix("requests/")
        at, nonce = 1_600_000_000_000 + number * 1000, f"{rng.getrandbits(64):016x}"
        events = [Event("request", 0, at, 0, nonce)]
        if rng.random() < finished:
            events += [Event("claim", 1, at + 10, at + 7_200_000, nonce), Event("done", 1, at + 600_000, 0, nonce)]
        bodies = {
            "request": request.write(),
            "claim": b'{"box": "b"}',
            "done": json.dumps({"results": ["results/x"]}).encode(),
        }
        files |= {f"{place}/{event.name}": bodies[event.kind] for event in events}
        if disk:
            oid = blob_id(bodies["request"])
            (disk / oid[:2]).mkdir(parents=True, exist_ok=True)
            (disk / oid[:2] / oid).write_bytes(bodies["request"])
    hub.seed("datasets", "owner/requests", files)


def calls_of_syncs(hub: Hub, queue: Queue) -> Calls:
    """Looks four times: first, after nothing, after one event, after ten; each with the votes out of the way."""

    def look() -> int:
        hub.calls.clear()
        queue.snapshot()
        return hub.calls.total()

    cold = look()
    unchanged = look()
    other = Queue(queue.store)
    keys = [other.submit(ask(f"new/model-{number}")).key for number in range(1)]
    one = look()
    keys += [other.submit(ask(f"newer/model-{number}")).key for number in range(10)]
    ten = look()
    assert all(key in queue.snapshot() for key in keys)
    return Calls(cold, unchanged, one, ten)
