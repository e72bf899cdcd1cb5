"""Is a store fit to carry a board? Each check does for real, in a scratch folder, what the queue relies on."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from src.core import suites
from src.core.errors import BadInputError, BoardError, ConflictError, CorruptError, NotFoundError
from src.core.profile.reading import ProfileReader
from src.core.published import published
from src.core.queue import Queue
from src.core.recovery import suites_of_history
from src.core.store import Rev, Store
from src.core.store.inspection import Inspection
from src.core.store.salvage import folder_store
from src.core.table_paths import contents_path

RACERS = 8
MANY_IN_FOLDER, MANY_IN_DATASET = 10_000, 100_000
DATASETS = ("requests", "results", "contents", "votes")


class UnfitStoreError(BoardError):
    """The store does not keep a promise that the queue relies on."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. `fit` None: a warning."""

    name: str
    fit: bool | None
    detail: str


def examine(store: Store, writes: bool = True) -> Iterator[Finding]:
    """Run the checks one after the other, the writing ones (which leave nothing behind) only if asked."""
    checks: list[tuple[str, Callable[[Store], str | Finding]]] = [("reading", _reading), ("clock", _clock)]
    if writes:
        checks += [("appending", _appending), ("racing", _racing), ("expecting", _expecting), ("tidying", _tidying)]
    checks += [("sizes", _sizes), ("files", _files), ("tables", _tables), ("board", _board), ("queue", _queue)]
    for name, check in checks:
        try:
            data = check(store)
        except BoardError as error:
            yield Finding(name, False, str(error))
            return
        yield data if isinstance(data, Finding) else Finding(name, True, data)


def _reading(store: Store) -> str:
    counts = []
    for dataset in DATASETS:
        try:
            counts.append(f"{dataset} {len(store.list(dataset, store.head(dataset))):,} files")
        except NotFoundError:
            counts.append(f"{dataset} not there yet")
    return ", ".join(counts)


def _board(store: Store) -> str | Finding:
    profile = ProfileReader(store).read()
    if profile.problems:
        return Finding("board", None, " ".join(profile.problems.values()))
    decisions = len(profile.moderation.entries)
    return f"{profile.config.name or 'no board.toml'}, {len(profile.own_suites)} suites, {decisions} decisions"


def _clock(store: Store) -> str | Finding:
    ahead = (store.now() - datetime.now(UTC)) / timedelta(seconds=1)
    data = f"the store's time is {ahead:+.1f} s from this machine's"
    return data if abs(ahead) < 60 else Finding("clock", None, data + "; leases go by the store's")


def _appending(store: Store) -> str:
    path, data = f"{SCRATCH}/{uuid.uuid4().hex}", b"doctor"
    rev = store.append({path: data}, "Doctor")
    if store.read(path, rev) != data:
        raise UnfitStoreError(f"{store.name} gave back other bytes than were written.")
    store.append({path: data}, "Doctor, the same once more")
    try:
        store.append({path: b"other"}, "Doctor")
    except ConflictError:
        return "what is written is there at once, and written once"
    raise UnfitStoreError(f"{store.name} let a second writer change a file that is written once.")


def _racing(store: Store) -> str:
    """Eight at once want the same place: each sees itself at its own commit, and all agree on who was first."""
    folder, start = f"{SCRATCH}/{uuid.uuid4().hex}", threading.Barrier(RACERS)
    alone, trouble, views = list[str](), list[Exception](), list[tuple[list[str], Rev]]()

    def race(number: int) -> None:
        path = f"{folder}/{number}"
        start.wait(60)
        try:
            rev = store.append({path: b"%d" % number}, "Doctor races")
            seen = [entry.path for entry in store.list(folder, rev)]
            if path not in seen:
                raise UnfitStoreError(f"{store.name} confirmed a commit that does not hold what was committed.")
            views.append((seen, rev))
            if len(seen) == 1 or store.order(seen, rev)[0] == path:
                alone.append(path)
        except Exception as error:
            trouble.append(error)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    if trouble:
        raise trouble[0] if isinstance(trouble[0], BoardError) else UnfitStoreError(f"{store.name}: {trouble[0]}")
    left, rev = max(views, key=lambda view: len(view[0]))  # the last one saw them all
    if len(left) != RACERS:
        raise UnfitStoreError(
            f"{store.name} lost {RACERS - len(left)} of {RACERS} appends that met; no queue can be kept there."
        )
    if alone != [store.order(left, rev)[0]]:
        raise UnfitStoreError(
            f"{store.name} reported to {len(alone)} of {RACERS} writers that they were first; it must be one."
        )
    return f"{RACERS} appends at once: none lost, one was first"


def _expecting(store: Store) -> str:
    path = f"{SCRATCH}/{uuid.uuid4().hex}"
    old = store.append({path: b"1"}, "Doctor")
    store.append({path + "-2": b"2"}, "Doctor")
    try:
        store.replace({path: b"3"}, old, "Doctor")
    except ConflictError:
        return "a writer that missed something is refused"
    raise UnfitStoreError(f"{store.name} let a writer replace a file though the dataset had moved on since it looked.")


def _tidying(store: Store) -> str | Finding:
    left: list[str] = []
    for _ in range(5):
        head = store.head("requests")
        left = [entry.path for entry in store.list(SCRATCH, head)]
        if not left:
            break
        try:
            store.replace(dict.fromkeys(left), head, "Doctor tidies up")
            return f"{len(left)} scratch files removed"
        except ConflictError:
            continue
    if left:
        return Finding("tidying", None, f"others write all the time: {len(left)} files stay in {SCRATCH}.")
    return "nothing left behind"


def _sizes(store: Store) -> str | Finding:
    for dataset in DATASETS:
        try:
            paths = [entry.path for entry in store.list(dataset)]
        except NotFoundError:
            continue
        folder, most = next(iter(Counter(path.rpartition("/")[0] for path in paths).most_common(1)), ("", 0))
        if most > MANY_IN_FOLDER:
            return Finding("sizes", None, f"{folder} holds {most:,} files; the Hub wants under {MANY_IN_FOLDER:,}.")
        if len(paths) > MANY_IN_DATASET:
            return Finding(
                "sizes", None, f"{dataset} holds {len(paths):,} files; the Hub wants under {MANY_IN_DATASET:,}."
            )
    return "no folder and no dataset is too full"


def _files(store: Store) -> str | Finding:
    folder = folder_store(store)
    if folder is None:
        return "the Hub keeps the hashes of its files itself"
    damages = Inspection(folder).damages()
    if damages:
        lines = "".join(f"\n    {damage}" for damage in damages)
        return Finding("files", None, f"{len(damages)} damaged; `--repair` mends what can be mended:{lines}")
    return "every file holds what was written"


def _tables(store: Store) -> str | Finding:
    rows, problems = [], []
    for suite in suites.names():
        try:
            _, frame = published(store, contents_path(suite))
        except (BadInputError, CorruptError) as error:
            problems.append(str(error))
            continue
        if frame is not None:
            rows.append(f"{suite} {len(frame):,} rows")
        elif suite in suites_of_history(store):
            problems.append(f"{contents_path(suite)} is missing, though there are dated tables of it.")
    if problems:
        return Finding("tables", None, " ".join(problems))
    return ", ".join(rows) or "nothing published yet"


def _queue(store: Store) -> str | Finding:
    try:
        state = Queue(store).snapshot()
    except CorruptError as error:
        return Finding("queue", False, str(error))
    data = (
        f"{len(state.waiting)} waiting, {len(state.running)} running, "
        f"{len(state.finished)} finished, {len(state.failed)} failed"
    )
    if state.problems:
        lines = "".join(f"\n    {problem}" for problem in state.problems)
        return Finding("queue", None, f"{data}; {len(state.problems)} cannot be read:{lines}")
    return data


SCRATCH = "requests/doctor"
