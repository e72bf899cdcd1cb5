"""The trees of the Hub's datasets, fetched folder by folder and only where their ids changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub.hf_api import RepoFile, RepoFolder

from src.core.store.files import blob_id, sha256
from src.core.store.order import Written
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
    written: Written | None = None  # where asked for

    def is_whole(self, data: bytes) -> bool:
        """Whether these bytes are this file."""
        return sha256(data) == self.sha256 if self.sha256 else blob_id(data) == self.oid

    @classmethod
    def of(cls, item: Any) -> Leaf | None:
        """A leaf from what the client tells; None for a folder."""
        if not isinstance(item, RepoFile):
            return None
        last = Written(item.last_commit.date, item.last_commit.oid) if item.last_commit else None
        return cls(item.path, item.blob_id, item.size, item.lfs.sha256 if item.lfs else None, last)


@dataclass(slots=True)
class _Folder:
    """The newest known content of one folder; `tree_id` None where only its revision is known."""

    tree_id: str | None
    files: tuple[Leaf, ...]
    folders: tuple[tuple[str, str], ...]  # (path, tree id)
    size: int  # entries below, at all depths


class Trees:
    """What is known of the trees of one owner's datasets. `fetch(dataset, rev, folder, recursive)` asks the Hub."""

    REMEMBER = 400_000  # files, over all listings that are kept for the reads that follow

    def __init__(self, fetch: Callable[[str, Rev, str, bool], Sequence[Any]]) -> None:
        self._fetch = fetch
        self._known: dict[tuple[str, str], _Folder] = {}
        self._at: dict[tuple[str, Rev], dict[str, Leaf]] = {}

    def leaves(self, dataset: str, rev: Rev, folder: str) -> Sequence[Leaf]:
        """All files below `folder` at `rev`, sorted by path."""
        leaves = sorted(self._walk(dataset, rev, folder, None), key=lambda leaf: leaf.path)
        self._at.setdefault((dataset, rev), {}).update((leaf.path, leaf) for leaf in leaves)
        while len(self._at) > 1 and sum(map(len, self._at.values())) > self.REMEMBER:
            self._at.pop(next(iter(self._at)), None)
        return leaves

    def find(self, dataset: str, rev: Rev, path: str) -> Leaf | None:
        """A file that a listing at this revision has shown."""
        return self._at.get((dataset, rev), {}).get(path)

    def _walk(self, dataset: str, rev: Rev, path: str, tree_id: str | None) -> Iterator[Leaf]:
        known = self._known.get((dataset, path))
        if known is None or tree_id is None or known.tree_id != tree_id:
            whole = known is None or known.size <= PAGE
            self._take(dataset, path, tree_id, self._fetch(dataset, rev, path, whole), whole)
            if known is not None and not whole and self._changed(dataset, path) > known.size / PAGE:
                self._take(dataset, path, tree_id, self._fetch(dataset, rev, path, True), True)
        known = self._known[dataset, path]
        yield from known.files
        for child, child_id in known.folders:
            yield from self._walk(dataset, rev, child, child_id)

    def _changed(self, dataset: str, path: str) -> int:
        """How many folders of a folder have to be asked for."""
        folders = self._known[dataset, path].folders
        known = [(self._known.get((dataset, child)), child_id) for child, child_id in folders]
        return sum(one is None or one.tree_id != child_id for one, child_id in known)

    def _take(self, dataset: str, path: str, tree_id: str | None, items: Sequence[Any], whole: bool) -> None:
        ids = {path: tree_id} | {item.path: item.tree_id for item in items if isinstance(item, RepoFolder)}
        files: dict[str, list[Leaf]] = {folder: [] for folder in ids}
        folders: dict[str, list[tuple[str, str]]] = {folder: [] for folder in ids}
        size = dict.fromkeys(ids, 0)
        for item in items:
            parent = item.path.rpartition("/")[0]
            if leaf := Leaf.of(item):
                files[parent].append(leaf)
            else:
                folders[parent].append((item.path, item.tree_id))
            while whole and parent != path:
                size[parent] += 1
                parent = parent.rpartition("/")[0]
            size[path] += 1
        if not whole:
            below = [self._known.get((dataset, folder)) for folder, _ in folders[path]]
            size[path] += sum(one.size for one in below if one)
        for folder in ids if whole else [path]:
            self._known[dataset, folder] = _Folder(
                ids[folder], tuple(files[folder]), tuple(folders[folder]), size[folder]
            )
