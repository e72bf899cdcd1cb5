"""From a store's files to frames: the published table if there is one, else the results; only what changed.

A store publishes one table for each suite, as the parquet files of one folder of `contents/` (`data/` for the first);
its columns say which suite that is. Where nothing is published yet, rows are built from `results/` and `requests/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

import pandas as pd

from src.board.live.certainty import with_certainty
from src.core import suites
from src.core.errors import BadInputError, BoardError, CorruptError, NotFoundError
from src.core.frames.frame import from_contents, from_records, read_table, suite_of
from src.core.records import Request, Result
from src.core.recovery import Recovery, suites_of_history
from src.core.store import Entry, Rev, Store
from src.core.table_paths import contents_path, suite_of_path

NEVER = datetime.min.replace(tzinfo=UTC)
READERS = 8  # files fetched at once

PUBLISHED = ("contents",)
RECORDS = ("results", "requests")
FALLBACKS = ("results", "requests", "history")  # what else a damaged table's rows may come from


class Kept(Protocol):
    """Bytes of files that an earlier sync fetched."""

    def read(self, entry: Entry) -> bytes | None:
        """Return the bytes of `entry`, if they are here whole."""

    def write(self, entry: Entry, data: bytes) -> None:
        """Keep bytes that a sync has just fetched."""


@dataclass(frozen=True)
class Contents:
    """What a store's rows were built from, and the rows."""

    heads: Mapping[str, Rev | None]  # dataset that was looked at → its revision; None: there was none
    files: tuple[Entry, ...]
    frames: Mapping[str, pd.DataFrame]  # suite → rows; a suite whose files did not change keeps its very frame
    tables: Mapping[str, str] = field(default_factory=dict)  # folder of `contents/` → the suite its table is of
    records: Mapping[str, Result | Request] = field(default_factory=dict)  # path → what it says
    problems: Mapping[str, str] = field(default_factory=dict)  # file that could not be read → why, and what serves
    as_of: datetime = NEVER

    @property
    def revision(self) -> str:
        """One word for all the heads."""
        return "+".join(rev for _, rev in sorted(self.heads.items()) if rev)


def read_contents(store: Store, known: Contents | None, copy: Kept | None) -> Contents:
    """Return the store's rows now; `known` itself if nothing changed, after one call per dataset it was built from.

    A file that cannot be read costs itself and is named in `problems`: of a damaged table the rows last read stay, else
    those that results and dated tables hold. Raises StoreError; then nothing of `known` is lost.
    """
    if known and known.heads and all(_head(store, dataset) == rev for dataset, rev in known.heads.items()):
        if not any(_is_back(store, known, path) for path in known.problems):
            return known
        known = None
    heads: dict[str, Rev | None] = {}
    for datasets in (PUBLISHED, RECORDS):
        heads |= {dataset: _head(store, dataset) for dataset in datasets}
        if files := _listed(store, heads):
            break
    else:
        if not suites_of_history(store):
            raise NotFoundError(
                f"{store.name} holds no results yet. Bring some in with `python app.py import FILE --store "
                f"{store.name}`, or evaluate a model into it."
            )
        files = ()
    fresh, problems = _fetch(store, heads, files, known, copy)
    if files and all(map(_is_table, files)):
        contents = _from_tables(store, heads, files, fresh, known, problems)
    else:
        contents = _from_records(store, heads, files, fresh, known, problems)
    return contents


def _is_back(store: Store, known: Contents, path: str) -> bool:
    """Return whether a file that could not be read can be read now: put back by hand, no commit tells of it."""
    if path not in {entry.path for entry in known.files}:
        return False
    try:
        data = store.read(path)
        if path.startswith("contents/"):
            _table(path, data)
        else:
            _record(path, data)
    except (BadInputError, CorruptError, NotFoundError):
        return False
    return True


def _head(store: Store, dataset: str) -> Rev | None:
    try:
        return store.head(dataset)
    except NotFoundError:
        return None


def _listed(store: Store, heads: Mapping[str, Rev | None]) -> tuple[Entry, ...]:
    found = [entry for dataset, rev in heads.items() if rev for entry in store.list(dataset, rev)]
    return tuple(entry for entry in found if _counts(entry.path))


def _counts(path: str) -> bool:
    dataset, _, rest = path.partition("/")
    if dataset == "contents":
        return rest.endswith(".parquet")
    return rest.endswith(".json") and (dataset != "results" or rest.rpartition("/")[2].startswith("results_"))


def _fetch(
    store: Store, heads: Mapping[str, Rev | None], files: tuple[Entry, ...], known: Contents | None, copy: Kept | None
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the bytes of every file whose frame must be built again, from the copy if it has them.

    And what is damaged.
    """
    had = {(entry.path, entry.oid) for entry in known.files} if known else set()
    changed = {_part(entry.path) for entry in set(files) ^ set(known.files if known else ())}
    missing = [
        entry
        for entry in files
        if (entry.path, entry.oid) not in had
        or (_is_table(entry) and _part(entry.path) in changed)
        or (known and entry.path in known.problems)
    ]
    problems: dict[str, str] = {}

    def fetch(entry: Entry) -> bytes | None:
        data = copy.read(entry) if copy else None
        if data is None:
            try:
                data = store.read(entry.path, heads[entry.path.partition("/")[0]])
            except CorruptError as error:
                problems[entry.path] = str(error)
                return None
            if copy:
                copy.write(entry, data)
        return data

    with ThreadPoolExecutor(READERS) as pool:
        fetched = zip((entry.path for entry in missing), pool.map(fetch, missing), strict=True)
        return {path: data for path, data in fetched if data is not None}, problems


def _from_tables(
    store: Store,
    heads: Mapping[str, Rev | None],
    files: tuple[Entry, ...],
    fresh: Mapping[str, bytes],
    known: Contents | None,
    problems: Mapping[str, str],
) -> Contents:
    """Return the published tables; in place of an unreadable one, its last rows, else those of other files."""
    contents = build(heads, files, fresh, known, problems=problems)
    if not contents.problems:
        return contents
    frames, tables, data = dict(contents.frames), dict(contents.tables), dict(contents.problems)
    recovery = Recovery(store)
    for path in contents.problems:
        folder = _part(path)
        if known and folder in known.tables and known.tables[folder] in known.frames:
            tables[folder] = known.tables[folder]
            frames[tables[folder]] = known.frames[tables[folder]]
            data[path] += " Its rows are those that were read before."
            continue
        suite = suite_of_path(path)
        frame, sources = recovery.frame(suite)
        if frame is None:
            data[path] += " No other file holds its rows."
        else:
            loaded = suites.load(suite)
            tables[folder], frames[suite] = suite, with_certainty(frame, loaded)
            data[path] += f" Its rows are taken from {sources}."
    data |= {path: why for path, why in recovery.problems.items() if path not in data}
    more = {dataset: _head(store, dataset) for dataset in FALLBACKS}
    return replace(contents, heads={**contents.heads, **more}, frames=frames, tables=tables, problems=data)


def _from_records(
    store: Store,
    heads: Mapping[str, Rev | None],
    files: tuple[Entry, ...],
    fresh: Mapping[str, bytes],
    known: Contents | None,
    problems: Mapping[str, str],
) -> Contents:
    """Return rows of results that were never published; and those of dated tables, if published tables are gone."""
    contents = build(heads, files, fresh, known, problems=problems)
    if files and not heads.get("contents"):
        return contents  # nothing was ever published here
    frames, data, recovery = dict(contents.frames), dict(contents.problems), Recovery(store)
    for name in suites_of_history(store):
        frame, sources = recovery.frame(name)
        if frame is not None:
            frames[name] = with_certainty(frame, suites.load(name))
            data[contents_path(name)] = f"{contents_path(name)} is missing. Its rows are taken from {sources}."
    more = {dataset: _head(store, dataset) for dataset in FALLBACKS}
    return replace(contents, heads={**contents.heads, **more}, frames=frames, problems={**data, **recovery.problems})


def build(
    heads: Mapping[str, Rev | None],
    files: tuple[Entry, ...],
    fresh: Mapping[str, bytes],
    known: Contents | None,
    as_of: datetime = NEVER,
    problems: Mapping[str, str] = MappingProxyType({}),
) -> Contents:
    """Frames from the bytes of files, and from what is `known` of those whose bytes are not given."""
    data = dict(problems)
    if files and all(map(_is_table, files)):
        frames, tables = _published(files, fresh, known, data)
        return Contents(heads, files, frames, tables, problems=data, as_of=as_of)
    records: dict[str, Result | Request] = {}
    notes = []
    for entry in files:
        if entry.path in data:
            notes.append(f"{entry.path} was left out: {data[entry.path]}")
        elif entry.path not in fresh:
            if known and entry.path in known.records:
                records[entry.path] = known.records[entry.path]
        else:
            try:
                records[entry.path] = _record(entry.path, fresh[entry.path])
            except BadInputError as error:  # one run in a thousand: the others count
                notes.append(f"{entry.path} was left out: {error}")
    return Contents(heads, files, _of_records(records, notes), records=records, problems=data, as_of=as_of)


def _published(
    files: tuple[Entry, ...], fresh: Mapping[str, bytes], known: Contents | None, problems: dict[str, str]
) -> tuple[Mapping[str, pd.DataFrame], Mapping[str, str]]:
    """Return the frames of whole tables; `problems` gets the files of the others."""
    folders: dict[str, list[str]] = {}
    for entry in files:
        folders.setdefault(_part(entry.path), []).append(entry.path)
    frames: dict[str, pd.DataFrame] = {}
    tables: dict[str, str] = {}
    for folder, paths in folders.items():
        if any(path in problems for path in paths):
            continue
        if known and folder in known.tables and not any(path in fresh for path in paths):
            tables[folder] = known.tables[folder]
            frames[tables[folder]] = known.frames[tables[folder]]
            continue
        try:
            table = pd.concat([_table(path, fresh[path]) for path in paths], ignore_index=True)
            suite = suites.load(folder) if folder in suites.names() else suite_of(table)
            frame = with_certainty(from_contents(table, suite), suite)
        except BoardError as error:
            problems[paths[0]] = str(error) if paths[0] in str(error) else f"{paths[0]}: {error}"
            continue
        tables[folder], frames[suite.name] = suite.name, frame
    return frames, tables


def _of_records(records: Mapping[str, Result | Request], notes: Sequence[str]) -> Mapping[str, pd.DataFrame]:
    results = [record for record in records.values() if isinstance(record, Result)]
    requests = [record for record in records.values() if isinstance(record, Request)]
    built = {name: from_records(results, requests, suites.load(name)) for name in suites.names()}
    for frame in built.values():
        frame.attrs["notes"] = (*frame.attrs.get("notes", ()), *notes)
    return {name: with_certainty(frame, suites.load(name)) for name, frame in built.items() if len(frame)}


def _table(path: str, data: bytes) -> pd.DataFrame:
    try:
        return read_table(data)
    except BoardError as error:
        raise CorruptError(f"{path}: {error}") from error


def _record(path: str, data: bytes) -> Result | Request:
    return Result.read(data, path) if path.startswith("results/") else Request.read(data)


def _part(path: str) -> str:
    """Return the folder of `contents` a table lies in: it is one suite's."""
    return path.split("/")[1]


def _is_table(entry: Entry) -> bool:
    return entry.path.startswith("contents/")
