"""From a store's files to frames: the published table where there is one, else the results; only what changed.

A store publishes one table for each suite, as the parquet files of one folder of `contents/` (`data/` for the first);
its columns say which suite that is. Where nothing is published yet, rows are built from `results/` and `requests/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from src.board.certainty import with_certainty
from src.core import suites
from src.core.errors import BadInput, BoardError, Corrupt, NotFound
from src.core.frame import from_contents, from_records, read_table, suite_of
from src.core.records import Request, Result
from src.core.store import Entry, Rev, Store

NEVER = datetime.min.replace(tzinfo=UTC)
READERS = 8  # files fetched at once
DIGEST = 32  # bytes before those of a kept file that tell whether it is whole

PUBLISHED = ("contents",)
RECORDS = ("results", "requests")


@dataclass(frozen=True)
class Contents:
    """What a store's rows were built from, and the rows."""

    heads: Mapping[str, Rev | None]  # dataset that was looked at → its revision; None: there was none
    files: tuple[Entry, ...]
    frames: Mapping[str, pd.DataFrame]  # suite → rows; a suite whose files did not change keeps its very frame
    tables: Mapping[str, str] = field(default_factory=dict)  # folder of `contents/` → the suite its table is of
    records: Mapping[str, Result | Request] = field(default_factory=dict)  # path → what it says
    as_of: datetime = NEVER

    @property
    def revision(self) -> str:
        """One word for all the heads."""
        return "+".join(rev for _, rev in sorted(self.heads.items()) if rev)


class Copy:
    """The files of the last good sync, on disk by their oid; the manifest is written last and names what is whole."""

    def __init__(self, folder: Path, store: str) -> None:
        self.store = store
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", store)[:60]
        self.folder = folder / f"{slug}-{hashlib.sha256(store.encode()).hexdigest()[:8]}"

    def last(self) -> Contents | None:
        """What the last sync showed, or None where there was none or it is damaged."""
        try:
            manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
            files = tuple(Entry(*entry) for entry in manifest["files"])
            heads = dict(manifest["heads"])
            as_of = datetime.fromisoformat(manifest["as_of"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        blobs = {entry.path: data for entry in files if (data := self.read(entry)) is not None}
        return _build(heads, files, blobs, None, as_of) if len(blobs) == len(files) else None

    def read(self, entry: Entry) -> bytes | None:
        """The bytes of `entry`, if they are here whole."""
        try:
            kept = self._blob(entry).read_bytes()
        except OSError:
            return None
        digest, data = kept[:DIGEST], kept[DIGEST:]
        return data if hashlib.sha256(data).digest() == digest else None

    def write(self, entry: Entry, data: bytes) -> None:
        """Keep bytes that a sync has just fetched; they count once `keep` has named them. A full disk is no error."""
        try:
            _write(self._blob(entry), hashlib.sha256(data).digest() + data)
        except OSError:
            return

    def keep(self, contents: Contents) -> None:
        """Make `contents` what the next start shows, and drop what it does not name."""
        manifest = {
            "store": self.store,
            "as_of": contents.as_of.isoformat(),
            "heads": dict(contents.heads),
            "files": [list(entry) for entry in contents.files],
        }
        try:
            # manifest last: it may only name blobs that are whole
            _write(self.folder / "manifest.json", json.dumps(manifest, indent=1).encode())
            wanted = {self._blob(entry).name for entry in contents.files}
            for blob in (self.folder / "blobs").iterdir():
                if blob.name not in wanted:
                    blob.unlink(missing_ok=True)
        except OSError:
            return

    def forget(self) -> None:
        """The next start finds no copy."""
        (self.folder / "manifest.json").unlink(missing_ok=True)

    def _blob(self, entry: Entry) -> Path:
        return self.folder / "blobs" / hashlib.sha256(entry.oid.encode()).hexdigest()


def read_contents(store: Store, known: Contents | None, copy: Copy | None) -> Contents:
    """The store's rows now; `known` itself where nothing changed, after one call for each dataset it was built from.

    Raises StoreError, or BadInput for a file that cannot be read; then nothing of `known` is lost.
    """
    if known and known.heads and all(_head(store, dataset) == rev for dataset, rev in known.heads.items()):
        return known
    heads: dict[str, Rev | None] = {}
    for datasets in (PUBLISHED, RECORDS):
        heads |= {dataset: _head(store, dataset) for dataset in datasets}
        if files := _listed(store, heads):
            break
    else:
        raise NotFound(
            f"{store.name} holds no results yet. Bring some in with `python app.py import FILE --store {store.name}`, "
            "or evaluate a model into it."
        )
    return _build(heads, files, _fetch(store, heads, files, known, copy), known)


def _head(store: Store, dataset: str) -> Rev | None:
    try:
        return store.head(dataset)
    except NotFound:
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
    store: Store, heads: Mapping[str, Rev | None], files: tuple[Entry, ...], known: Contents | None, copy: Copy | None
) -> dict[str, bytes]:
    """The bytes of every file whose frame must be built anew, from the copy where it has them."""
    had = {(entry.path, entry.oid) for entry in known.files} if known else set()
    changed = {_part(entry.path) for entry in set(files) ^ set(known.files if known else ())}
    missing = [
        entry
        for entry in files
        if (entry.path, entry.oid) not in had or (_is_table(entry) and _part(entry.path) in changed)
    ]

    def fetch(entry: Entry) -> bytes:
        data = copy.read(entry) if copy else None
        if data is None:
            data = store.read(entry.path, heads[entry.path.partition("/")[0]])
            if copy:
                copy.write(entry, data)
        return data

    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip((entry.path for entry in missing), pool.map(fetch, missing), strict=True))


def _build(
    heads: Mapping[str, Rev | None],
    files: tuple[Entry, ...],
    fresh: Mapping[str, bytes],
    known: Contents | None,
    as_of: datetime = NEVER,
) -> Contents:
    if all(map(_is_table, files)):
        return Contents(heads, files, *_published(files, fresh, known), as_of=as_of)
    records: dict[str, Result | Request] = {}
    notes = []
    for entry in files:
        if entry.path not in fresh:
            if known and entry.path in known.records:
                records[entry.path] = known.records[entry.path]
            continue
        try:
            records[entry.path] = _record(entry.path, fresh[entry.path])
        except BadInput as error:  # one run in a thousand: the others count
            notes.append(f"{entry.path} was left out: {error}")
    return Contents(heads, files, _from_records(records, notes), records=records, as_of=as_of)


def _published(
    files: tuple[Entry, ...], fresh: Mapping[str, bytes], known: Contents | None
) -> tuple[Mapping[str, pd.DataFrame], Mapping[str, str]]:
    folders: dict[str, list[str]] = {}
    for entry in files:
        folders.setdefault(_part(entry.path), []).append(entry.path)
    frames: dict[str, pd.DataFrame] = {}
    tables: dict[str, str] = {}
    for folder, paths in folders.items():
        if known and folder in known.tables and not any(path in fresh for path in paths):
            tables[folder] = known.tables[folder]
            frames[tables[folder]] = known.frames[tables[folder]]
            continue
        table = pd.concat([_table(path, fresh[path]) for path in paths], ignore_index=True)
        suite = suites.load(folder) if folder in suites.names() else suite_of(table)
        tables[folder] = suite.name
        frames[suite.name] = with_certainty(from_contents(table, suite), suite)
    return frames, tables


def _from_records(records: Mapping[str, Result | Request], notes: Sequence[str]) -> Mapping[str, pd.DataFrame]:
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
        raise Corrupt(f"{path}: {error}") from error


def _record(path: str, data: bytes) -> Result | Request:
    return Result.read(data, path) if path.startswith("results/") else Request.read(data)


def _part(path: str) -> str:
    """The folder of `contents` a table lies in: it is one suite's."""
    return path.split("/")[1]


def _is_table(entry: Entry) -> bool:
    return entry.path.startswith("contents/")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
