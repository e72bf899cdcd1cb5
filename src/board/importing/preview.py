"""A store as it would be: writes stay in memory, so that an import can be checked, or only shown, before it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from src.core.errors import NotFoundError
from src.core.store import Entry, Rev, Store
from src.core.store.delegating import DelegatingStore
from src.core.store.files import blob_id


class Preview(DelegatingStore):
    """The same store, with files on top that nobody else sees."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._files: dict[str, bytes] = {}

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        """Return the store's files below `prefix` and those on top. Raises NotFoundError if there are neither."""
        ours = [
            Entry(path, blob_id(data), len(data))
            for path, data in self._files.items()
            if path.startswith(f"{prefix.rstrip('/')}/")
        ]
        try:
            theirs = [entry for entry in super().list(prefix, rev) if entry.path not in self._files]
        except NotFoundError:
            if not ours:
                raise
            theirs = []
        return sorted([*theirs, *ours])

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        """Return the file on top, else the store's."""
        return self._files[path] if path in self._files else super().read(path, rev)

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        """Keep the files in memory."""
        self._files |= files
        return "preview"

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        """Keep the files in memory; a preview deletes nothing."""
        self._files |= {path: data for path, data in files.items() if data is not None}
        return "preview"
