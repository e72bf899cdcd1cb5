"""Boards whose files somebody broke: cut, changed, swapped, renamed, of other kinds."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

from src.core.queue import Queue
from src.core.store import LocalStore
from tests.boards.requests import ask
from tests.doubles.clock import Clock

STRANGE = (b"", b"null", b"[]", b"1", b"NaN", b"{}", b'{"model": 1}', b"\0" * 100, b"[" * 100_000,
           b'{"progress": 5, "box": [1], "results": 5}', b'{"progress": [1], "results": true}')  # fmt: skip
VALUES = (None, -1, 1e999, "x" * 5000, [], {}, True, 0, "2024-99-99", 10**30, "../../x", "\u202e")
NAMES = ("claim.9.9.9.aaaaaaaa.-.json", "done.1.1.1.aaaaaaaa.-.json", "request.0.999999999999999.0.aaaaaaaa.-.json",
         "claim.999999.999999999999999.999999999999999.ffffffff.-.json", "fail.1.5.999999999999999.aaaaaaaa.x.json",
         "notes.txt", "README.md")  # fmt: skip


def garbled(data: bytes, rng: random.Random) -> bytes:
    """Other bytes, some of them nearly right."""
    match rng.randrange(6):
        case 0:
            return data[: rng.randrange(len(data) + 1)]
        case 1:
            changed = bytearray(data or b"x")
            for _ in range(3):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            return bytes(changed)
        case 2:
            return rng.choice(STRANGE)
        case 3:
            return rng.choice((b"\xff\xfe" + data, data * 2, rng.randbytes(200)))
        case _:
            try:
                output = json.loads(data)
            except ValueError:
                return data[1:]
            if isinstance(output, dict) and output:
                output[rng.choice(list(output))] = rng.choice(VALUES)
            return json.dumps(output).encode()


def broken(files: Mapping[str, bytes], to: Path, rng: random.Random, share: float = 0.5) -> int:
    """Writes the files below `to`, a share of them garbled or under other names; how many those are."""
    wrong = 0
    for path, data in files.items():
        place, garble, rename = to / path, rng.random() < share, rng.random() < share / 5
        if rename:
            place = place.with_name(rng.choice(NAMES))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(garbled(data, rng) if garble else data)
        wrong += garble or rename
    return wrong


def files_of(folder: Path) -> dict[str, bytes]:
    """A board of requests of every age and votes, as files."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".board" not in path.parts)
    old = {"requests/org/x_eval_request_False_float16_Original.json": ask("org/x").write()}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found} | old


def use(folder: Path, clock: Clock) -> None:
    """Do everything that readers, boxes and operators do with a queue."""
    queue = Queue(LocalStore(folder, clock=clock.moment))
    state = queue.snapshot()
    for standing in state.standings.values():
        queue.results(standing.key)
    assert all(isinstance(each.progress, dict) for each in state.running)
    queue.vote("org/new", "a" * 40, "dora")
    claim = queue.claim("box")
    if claim:
        queue.finish(queue.renew(claim), ["results/x"])
    queue.tidy()
    queue.submit(ask("org/new"))
