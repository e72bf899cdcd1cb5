"""The trees of the Hub's datasets, fetched folder by folder and only where their ids changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub.hf_api import RepoFile, RepoFolder

from src.core.store.files import blob_id, sha256
from src.core.store.order import FileCommit
from src.core.store.protocol import Rev

PAGE = 1000
"""Entries that one call lists. A folder that held more is entered level by level, a smaller one fetched whole."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One file of a tree."""

    path: str
    oid: str
    size: int
    sha256: str | None = None  # of large files, whose oid is that of a pointer
    written: FileCommit | None = None  # if asked for

    def is_whole(self, data: bytes) -> bool:
        """Return whether these bytes are this file."""
        return sha256(data) == self.sha256 if self.sha256 else blob_id(data) == self.oid

    @classmethod
    def of(cls, item: Any) -> Leaf | None:
        """Return a leaf from what the client tells; None for a folder."""
        if not isinstance(item, RepoFile):
            return None
        last = FileCommit(item.last_commit.date, item.last_commit.oid) if item.last_commit else None
        return cls(item.path, item.blob_id, item.size, item.lfs.sha256 if item.lfs else None, last)


@dataclass(slots=True)
class _Folder:
    """The newest known content of one folder; `tree_id` None if only its revision is known."""

    tree_id: str | None
    files: tuple[Leaf, ...]
    folders: tuple[tuple[str, str | None], ...]  # (path, tree id, if the Hub gives one)
    size: int  # entries below, at all depths


class Trees:
    """What is known of the trees of one owner's datasets. `fetch(dataset, rev, folder, recursive)` asks the Hub."""

    REMEMBER = 400_000  # files, over all listings that are kept for the reads that follow

    def __init__(self, fetch: Callable[[str, Rev, str, bool], Sequence[Any]]) -> None:
        self._fetch = fetch
        self._known: dict[tuple[str, str], _Folder] = {}
        self._at: dict[tuple[str, Rev], dict[str, Leaf]] = {}

    def leaves(self, dataset: str, rev: Rev, folder: str) -> Sequence[Leaf]:
        """Return all files below `folder` at `rev`, sorted by path."""
        leaves = sorted(self._walk(dataset, rev, folder, None), key=lambda leaf: leaf.path)
        self._at.setdefault((dataset, rev), {}).update((leaf.path, leaf) for leaf in leaves)
        while len(self._at) > 1 and sum(map(len, self._at.values())) > self.REMEMBER:
            self._at.pop(next(iter(self._at)), None)
        return leaves

    def find(self, dataset: str, rev: Rev, path: str) -> Leaf | None:
        """Return a file that a listing at this revision has shown."""
        return self._at.get((dataset, rev), {}).get(path)

    def _walk(self, dataset: str, rev: Rev, path: str, tree_id: str | None) -> Iterator[Leaf]:
        known = self._known.get((dataset, path))
        if known is None or tree_id is None or known.tree_id != tree_id:
            whole = known is None or known.size <= PAGE
            self._take(dataset, path, tree_id, self._fetch(dataset, rev, path, whole), whole)
            if known is not None and not whole and self._changed(dataset, path) > known.size / PAGE:
                whole = True
                self._take(dataset, path, tree_id, self._fetch(dataset, rev, path, True), True)
            if whole:
                yield from self._held(dataset, path)
                return
        known = self._known[dataset, path]
        yield from known.files
        for child, child_id in known.folders:
            yield from self._walk(dataset, rev, child, child_id)

    def _held(self, dataset: str, path: str) -> Iterator[Leaf]:
        """Yield the files below a folder that was just fetched whole, whatever is known of its tree ids."""
        folder = self._known[dataset, path]
        yield from folder.files
        for child, _ in folder.folders:
            yield from self._held(dataset, child)

    def _changed(self, dataset: str, path: str) -> int:
        """Return how many folders of a folder have to be asked for."""
        folders = self._known[dataset, path].folders
        known = [(self._known.get((dataset, child)), child_id) for child, child_id in folders]
        return sum(one is None or child_id is None or one.tree_id != child_id for one, child_id in known)

    def _take(self, dataset: str, path: str, tree_id: str | None, items: Sequence[Any], whole: bool) -> None:
        ids: dict[str, str | None] = {path: tree_id}
        for item in items:
            for folder in _folders_between(path, item.path):  # some servers leave them out of a recursive listing
                ids.setdefault(folder, None)
            if isinstance(item, RepoFolder):
                ids[item.path] = item.tree_id or None  # "" on some servers: it says nothing about what is below
        files: dict[str, list[Leaf]] = {folder: [] for folder in ids}
        folders: dict[str, list[tuple[str, str | None]]] = {folder: [] for folder in ids}
        size = dict.fromkeys(ids, 0)
        leaves = [leaf for leaf in map(Leaf.of, items) if leaf]
        for leaf in leaves:
            files[leaf.path.rpartition("/")[0]].append(leaf)
        below = [folder for folder in ids if folder != path]
        for folder in below:
            folders[folder.rpartition("/")[0]].append((folder, ids[folder]))
        for entry in (*below, *(leaf.path for leaf in leaves)):
            parent = entry.rpartition("/")[0]
            while whole and parent != path:
                size[parent] += 1
                parent = parent.rpartition("/")[0]
            size[path] += 1
        if not whole:
            children = [self._known.get((dataset, folder)) for folder in below]
            size[path] += sum(child.size for child in children if child)
        for folder in ids if whole else [path]:
            self._known[dataset, folder] = _Folder(
                ids[folder], tuple(files[folder]), tuple(folders[folder]), size[folder]
            )


def _folders_between(top: str, path: str) -> Iterator[str]:
    """Yield the folders above `path` and below `top`, the deepest first."""
    while (path := path.rpartition("/")[0]) != top and path:
        yield path
