"""A store that hands every call on to another: for those that change one call of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO

from src.core.store.protocol import Entry, Rev, Store


class DelegatingStore:
    """The same store."""

    def __init__(self, store: Store) -> None:
        self.name = store.name
        self.inner = store

    def head(self, dataset: str) -> Rev:
        return self.inner.head(dataset)

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        return self.inner.list(prefix, rev)

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        return self.inner.read(path, rev)

    def open(self, path: str, rev: Rev | None = None) -> IO[bytes]:
        return self.inner.open(path, rev)

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        return self.inner.append(files, message)

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        return self.inner.replace(files, expect, message)

    def order(self, paths: Sequence[str], rev: Rev | None = None) -> Sequence[str]:
        return self.inner.order(paths, rev)

    def now(self) -> datetime:
        return self.inner.now()
