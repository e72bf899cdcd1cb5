"""Whether a store may be written to, found out before any work is done for it."""

from __future__ import annotations

import os

from src.core.errors import DeniedError
from src.core.store.hub import HubStore
from src.core.store.local import LocalStore
from src.core.store.protocol import Store

WRITTEN = ("requests", "results")
"""The datasets that a box appends to."""


def require_write(store: Store) -> None:
    """Raise DeniedError if this account cannot add requests' events and results to `store`."""
    if isinstance(store, HubStore):
        for dataset in WRITTEN:
            store.check_write(dataset)
    if isinstance(store, LocalStore):
        for folder in (store.root, *(store.root / dataset for dataset in WRITTEN)):
            if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
                raise DeniedError(f"{folder} is not writable for this account, so results could not be stored.")
