"""Stores in which something happens that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from src.core.errors import UnknownOutcomeError
from src.core.store import Entry, Rev, Store
from src.core.store.delegating import DelegatingStore


class Meddled(DelegatingStore):
    """A store in which somebody else acts between two calls: `before_append` and `before_replace` run once,
    before the next of these.

    Who `is_blind` can still append, and sees nothing.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.before_append: Callable[[], object] | None = None
        self.before_replace: Callable[[], object] | None = None
        self.commits: list[list[str]] = []
        self.is_blind = False

    def head(self, dataset: str) -> Rev:
        self._look()
        return super().head(dataset)

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        self._look()
        return super().list(prefix, rev)

    def _look(self) -> None:
        if self.is_blind:
            raise UnknownOutcomeError("The store cannot be read just now.")

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        act, self.before_append = self.before_append, None
        if act:
            act()
        rev = self.inner.append(files, message)
        self.commits.append(sorted(files))
        return rev

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        act, self.before_replace = self.before_replace, None
        if act:
            act()
        return super().replace(files, expect, message)
