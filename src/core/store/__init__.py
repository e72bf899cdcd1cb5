"""Where a board lives: the calls every store answers, a folder, or an owner on the Hub."""

from __future__ import annotations

import os

from src.core.store.local import LocalStore
from src.core.store.protocol import Entry, Rev, Store


def open_store(name: str | os.PathLike[str], polite: float = 30.0, patience: float = 300.0) -> Store:
    """The store a person names: `hub:OWNER`, or a folder (made where it is missing). The others: see `HubStore`."""
    text = os.fspath(name)
    if text.startswith("hub:"):
        from src.core.store.hub import HubStore

        return HubStore(text.removeprefix("hub:"), polite=polite, patience=patience)
    return LocalStore(text)


__all__ = ["Entry", "LocalStore", "Rev", "Store", "open_store"]
