"""What lies under the name of a damaged file of a folder store: parts of it may still be worth reading."""

from __future__ import annotations

from pathlib import Path

from src.core.store.delegating import DelegatingStore
from src.core.store.disk import as_store_error
from src.core.store.files import blob_id
from src.core.store.local import LocalStore
from src.core.store.protocol import Store


def folder_store(store: Store) -> LocalStore | None:
    """Return the folder store behind `store`, or None if it is kept elsewhere."""
    while isinstance(store, DelegatingStore):
        store = store.inner
    return store if isinstance(store, LocalStore) else None


def salvaged(store: Store, path: str) -> bytes:
    """Return the bytes that lie where a file should be, unchecked; none if nothing can be read there."""
    folder = folder_store(store)
    if folder is None:
        return b""
    place: Path = folder.root / path
    try:
        return place.read_bytes()
    except OSError:
        return b""


def set_aside(store: Store, path: str) -> Path | None:
    """Copy what is left of a damaged file of a folder store to `.board/damaged`; return where it lies now.

    Raises StoreError if the disk does not take it: then nothing may take the place of the file.
    """
    folder, data = folder_store(store), salvaged(store, path)
    if folder is None or not data:
        return None
    kept = folder.root / ".board" / "damaged" / f"{blob_id(data)[:12]}-{path.replace('/', '__')}"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
    except OSError as error:
        raise as_store_error(error, folder.name) from error
    return kept
