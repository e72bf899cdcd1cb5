"""What every store answers.

A path starts with its dataset: `requests/…`, `results/…`, `contents/…`, `votes/…`, `<org>__<model>-details/…`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, NamedTuple, Protocol, runtime_checkable

Rev = str
"""A commit of a dataset: opaque, comparable for equality only."""


class Entry(NamedTuple):
    """One stored file: `oid` changes exactly when its bytes do."""

    path: str
    oid: str
    size: int


@runtime_checkable
class Store(Protocol):
    """A board's files. Every call may raise a `StoreError`; none leaves anything half-written."""

    name: str
    """What a person calls it: `hub:open-llm-leaderboard` or the folder."""

    def head(self, dataset: str) -> Rev:
        """Return the newest revision of `dataset`; one cheap call.

        Raises NotFoundError if there is no such dataset yet.
        """

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        """Return every file below the folder `prefix` (its first part is the dataset) at `rev`, newest if not given.

        Sorted by path. No such folder: nothing. Raises NotFoundError if there is no such dataset or revision.
        """

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        """Return the bytes of one file at `rev`. Raises NotFoundError."""

    def open(self, path: str, rev: Rev | None = None) -> IO[bytes]:
        """Return one file at `rev`, seekable, of which only what is asked for is read. Raises NotFoundError."""

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        """Write new files of one dataset in one commit and return a revision that contains them.

        Write-once and idempotent: the same bytes again are no error, other bytes raise ConflictError. Returns only
        when the
        commit is confirmed. Writers that race choose names of their own (a nonce), never one path.
        """

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        """Set (or, for None, delete) files of one dataset, if its head still is `expect`; else raises ConflictError.

        `expect` None: there must be no such dataset yet.
        """

    def order(self, paths: Sequence[str], rev: Rev | None = None) -> Sequence[str]:
        """Return appended files of one folder at `rev` in the order of their commits, those of one commit as given."""

    def now(self) -> datetime:
        """Return the store's own clock (UTC), the only one that leases are judged by; no call of its own."""
