"""Copies of a folder board that are taken, file by file and in any order, while others write to it.

The writers confirm in journals of their own what they committed; a copy has to hold what was confirmed before it began.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from src.core.errors import ConflictError, NotFoundError, StoreError
from src.core.lifecycle import Status
from src.core.queue import LeaseLostError, Queue
from src.core.store import LocalStore
from tests.boards.requests import ask
from tests.core.processes import PROCESSES

TABLE, CARD, VOTES = "contents/table.json", "contents/README.md", "votes/votes_data.jsonl"
PAUSE = 0.01  # seconds between two acts: a board that grows faster than it is copied shows nothing more
Acknowledged = list[tuple[str, str]]
"""(what, of what): `file` and its path, `table` and its number, `vote` and its line; `request`, `done`, `ballot`."""


def copy_in_any_order(source: Path, target: Path, rng: random.Random) -> None:
    """Copy a folder as `cp -r` does, except that nobody knows in which order; what vanishes meanwhile is left out."""
    left = [source]
    while left:
        place = left.pop(rng.randrange(len(left)))
        to = target / place.relative_to(source)
        with suppress(FileNotFoundError):
            if place.is_dir():
                to.mkdir(parents=True)
                left += place.iterdir()
            else:
                shutil.copyfile(place, to)


def acknowledged(journals: Path) -> Acknowledged:
    """What has been confirmed to the writers so far."""
    lines = [line for file in journals.glob("*.jsonl") for line in file.read_text().splitlines()]
    return [(what, of) for what, of in map(json.loads, lines)]


@contextmanager
def writers(folder: Path, count: int, seed: int = 0) -> Iterator[Path]:
    """Let `count` processes write to the board in `folder` until the block ends; yields their journals' folder."""
    journals = folder.with_name(f"{folder.name}-journals")
    journals.mkdir()
    LocalStore(folder)
    kinds = (write_files, write_queue)
    crew = [
        PROCESSES.Process(
            target=kinds[n % 2], args=(folder, journals / f"{n}.jsonl", seed + n, os.getpid()), daemon=True
        )
        for n in range(count)
    ]
    for process in crew:
        process.start()
    try:
        yield journals
    finally:
        for process in crew:
            process.kill()
            process.join(10)


class Journal:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, what: str, of: str) -> None:
        os.write(self._file, (json.dumps([what, of]) + "\n").encode())


def write_files(folder: Path, path: Path, seed: int, parent: int) -> None:
    """Append files, move them into archives, replace a table and votes, one after the other."""
    store, journal, rng, number = LocalStore(folder), Journal(path), random.Random(seed), 0
    while Path(f"/proc/{parent}").exists():
        number += 1
        time.sleep(PAUSE)
        act = rng.choice(["append", "append", "append", "archive", "table", "vote"])
        with suppress(ConflictError, StoreError):
            if act == "append":
                names = [f"requests/{rng.randrange(4)}/{seed}-{number}-{one}" for one in range(rng.randint(1, 4))]
                store.append({name: name.encode() for name in names})
                for name in names:
                    journal.write("file", name)
            elif act == "archive":
                head = head_of(store, "requests")
                loose = [one.path for one in store.list("requests", head) if not one.path.startswith("requests/arch")]
                loose = [name for name in loose if name.count("-") == 2]
                if len(loose) > 4:
                    archive = {f"requests/archive/{uuid4().hex}": "\n".join(loose).encode()}
                    store.replace(archive | dict.fromkeys(loose), head)
            elif act == "table":
                head = head_of(store, "contents")
                before = json.loads(store.read(TABLE, head)) if head else 0
                after = str(before + 1)
                store.replace({TABLE: after.encode(), CARD: f"table {after}".encode()}, head)
                journal.write("table", after)
            else:
                head = head_of(store, "votes")
                line = f"{seed}-{number}"
                store.replace({VOTES: (store.read(VOTES, head) if head else b"") + line.encode() + b"\n"}, head)
                journal.write("vote", line)


def head_of(store: LocalStore, dataset: str) -> str | None:
    try:
        return store.head(dataset)
    except NotFoundError:
        return None


def write_queue(folder: Path, path: Path, seed: int, parent: int) -> None:
    """Submit, claim, renew, finish, archive, one after the other."""
    queue, journal, number = Queue(LocalStore(folder)), Journal(path), 0
    while Path(f"/proc/{parent}").exists():
        number += 1
        time.sleep(PAUSE)
        with suppress(StoreError, LeaseLostError):
            journal.write("request", queue.submit(ask(f"org/m-{seed}-{number}")).key)
            claim = queue.claim(f"box-{seed}")
            if claim:
                claim = queue.renew(claim, {"done": 1})
                queue.finish(claim, [f"results/{claim.nonce}.json"])
                journal.write("done", claim.key)
            if number % 10 == 0:
                queue.tidy(timedelta(0), least=1)


def missing(copy: LocalStore, confirmed: Acknowledged) -> list[str]:
    """What a store does not hold of what was confirmed; raises CorruptError if it lists what cannot be read."""
    held = {entry.path: copy.read(entry.path) for name in DATASETS for entry in listed(copy, name)}
    archived = {
        line for path, data in held.items() if path.startswith("requests/archive/") and not path.endswith(".jsonl")
        for line in data.decode().splitlines()
    }  # fmt: skip
    votes = {*held.get(VOTES, b"").decode().splitlines()}
    state = Queue(copy).snapshot()
    finished = {one.key for one in state.standings.values() if one.status is Status.FINISHED}
    is_there = {
        "file": lambda path: path in archived or held.get(path) == path.encode(),
        "table": lambda number: json.loads(held.get(TABLE, b"0")) >= int(number),
        "vote": votes.__contains__,
        "request": state.standings.__contains__,
        "done": finished.__contains__,
    }
    return [f"{what} {of}" for what, of in confirmed if not is_there[what](of)] + [*state.problems]


def listed(store: LocalStore, dataset: str) -> Iterator:
    with suppress(StoreError):
        yield from store.list(dataset)


DATASETS = ("requests", "contents", "votes")
