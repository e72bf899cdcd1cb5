"""A damaged folder store made sound again: what other files hold is written again, the rest is listed as lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from src.core import suites
from src.core.errors import BadInputError, CorruptError, NotFoundError
from src.core.published import publish, published
from src.core.queue.archive import read_archive
from src.core.queue.events import Event
from src.core.queue.reading import GONE
from src.core.queue.votes import PATH as VOTES
from src.core.records import Vote
from src.core.recovery import Recovery, suites_of_history
from src.core.store.inspection import Damage, Inspection
from src.core.store.local import LocalStore
from src.core.store.salvage import salvaged, set_aside
from src.core.table_paths import contents_path, suite_of_path


@dataclass(frozen=True)
class Step:
    """What was done about one file. `lost`: what is gone for good, in a sentence; None if nothing is."""

    path: str
    done: str
    lost: str | None = None


def repair(store: LocalStore) -> Iterator[Step]:
    """Repair the records and every damaged file of `store`, and tables that cannot be read; yield what was done.

    What is left of a damaged file is kept in `.board/damaged`. Raises StoreError.
    """
    damages = Inspection(store).damages()
    tables = {damage.path for damage in damages if damage.path.startswith("contents/")}
    for damage in damages:
        if damage.path not in tables:
            yield _repaired(store, damage)
    tables |= {contents_path(suite) for suite in suites.names() if _is_lost(store, suite)}
    recovery = Recovery(store)
    for path in sorted(tables):
        yield _table(store, path, recovery)
    for path in store.take_in():
        yield Step(path, "taken in: it lay in the folder, and no commit named it")
    for path in store.lost():
        yield Step(path, "left out: a commit named it, and this folder never held it", "its bytes")


def _is_lost(store: LocalStore, suite: str) -> bool:
    """Return whether a suite has no table that can be read, though it had one."""
    try:
        _, frame = published(store, contents_path(suite))
    except (BadInputError, CorruptError):
        return True
    return frame is None and suite in suites_of_history(store)


def _repaired(store: LocalStore, damage: Damage) -> Step:
    path = damage.path
    with suppress(CorruptError):
        store.put_back(path, store.read(path))
        return Step(path, "put back: the store had kept its bytes")
    set_aside(store, path)
    name = path.rpartition("/")[2]
    event = Event.parse(name) if path.startswith("requests/queue/") else None
    if path == VOTES:
        return _lines(store, path, _is_vote, "votes")
    if path.startswith("requests/archive/"):
        return _lines(store, path, _is_archived, "requests that ended long ago")
    if event and event.kind != "request":
        _write(store, path, b"{}")
        return Step(path, "what happened is known from its name", "what its box or its sender wrote with it")
    if event and _has_followers(store, path):
        _write(store, path, GONE)
        return Step(path, "marked as gone; what happened to it later is kept", "a request: submit it again")
    _write(store, path, None)
    return Step(path, "taken off the store", KINDS.get(path.partition("/")[0], "a file with a run's answers"))


KINDS = {
    "requests": "a request: submit it again",
    "results": "the result file of a run; a row that was published stays",
    "history": "the table of one day",
    "estimates": "an estimate: run it again",
    "calibration": "a calibration: run `python -m evaluator calibrate` again",
}
"""Dataset → what a file of it was, and how to get it again."""


def _table(store: LocalStore, path: str, recovery: Recovery) -> Step:
    suite = suite_of_path(path)
    set_aside(store, path)
    frame, sources = recovery.frame(suite)
    if frame is None:
        with suppress(NotFoundError):
            _write(store, path, None)
        return Step(path, "taken off the store", f"the table of {suite}: no other file holds its rows")
    rows = publish(frame, store, keep=False)
    return Step(
        path,
        f"built again with {rows:,} rows from {sources}",
        "rows that came from an imported table since then: import it again" if "table of" in sources else
        "rows that came from imported tables alone: import those again",
    )  # fmt: skip


def _lines(store: LocalStore, path: str, is_whole: Callable[[bytes], bool], what: str) -> Step:
    lines = [line for line in salvaged(store, path).splitlines() if line.strip()]
    whole = [line for line in lines if is_whole(line)]
    _write(store, path, b"".join(line + b"\n" for line in whole))
    return Step(path, f"{len(whole):,} {what} kept", f"{what} whose lines cannot be read")


def _is_vote(line: bytes) -> bool:
    try:
        Vote.read(line)
    except BadInputError:
        return False
    return True


def _is_archived(line: bytes) -> bool:
    return not any(isinstance(kept, str) for kept in read_archive(line))


def _has_followers(store: LocalStore, path: str) -> bool:
    """Return whether anything else lies in the folder of a request."""
    return any(entry.path != path for entry in store.list(path.rpartition("/")[0]))


def _write(store: LocalStore, path: str, data: bytes | None) -> None:
    store.replace({path: data}, store.head(path.partition("/")[0]), f"Repair {path}")
