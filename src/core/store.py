"""Where a board lives: the five calls every store answers, and the store that is a folder. `hub.py` holds the other one.

A path starts with the dataset it lies in: `requests/…`, `results/…`, `contents/…`, `votes/…`, `<org>__<model>-details/…`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

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
        """The newest revision of `dataset`; one cheap call. Raises NotFound where there is no such dataset yet."""

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        """Every file below `prefix` (its first part is the dataset) at `rev`, newest where not given."""

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        """The bytes of one file at `rev`. Raises NotFound."""

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        """Write new files of one dataset in one commit and return a revision that contains them.

        Write-once and idempotent: the same bytes again are no error, other bytes raise Conflict. Returns only when the
        commit is confirmed.
        """

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        """Set (or, for None, delete) files of one dataset, if its head still is `expect`; else raises Conflict."""
