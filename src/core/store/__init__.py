"""Where a board lives: the calls every store answers, a folder, or an owner on the Hub."""

from __future__ import annotations

import os

from src.core.errors import BadInputError
from src.core.store.local import LocalStore
from src.core.store.protocol import Entry, Rev, Store


def open_store(name: str | os.PathLike[str], jitter: float = 30.0, max_wait: float = 300.0) -> Store:
    """Return the store a person names: `hub:OWNER`, or a folder (made if it is missing).

    The others: see `HubStore`.
    """
    text = os.fspath(name)
    if text.startswith("hub:"):
        if text == "hub:":
            raise BadInputError("`hub:` names no owner; write `hub:OWNER`, such as `hub:open-llm-leaderboard`.")
        from src.core.store.hub import HubStore

        return HubStore(text.removeprefix("hub:"), jitter=jitter, max_wait=max_wait)
    return LocalStore(text)


__all__ = ["Entry", "LocalStore", "Rev", "Store", "open_store"]
