"""Who a board is to the outside: what cards, citations, feeds and other boards' formats name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from src.core.profile.config import BoardConfig


@dataclass(frozen=True)
class BoardIdentity:
    """The board's name, where it is found, and the owner of its datasets; unknown is None."""

    name: str
    url: str | None = None
    owner: str | None = None  # on the Hub
    authors: str | None = None
    description: str | None = None

    @property
    def place(self) -> str:
        """Return what ids begin with that must not change with the address that a reader came by."""
        return urlsplit(self.url or "").hostname or self.slug

    @property
    def slug(self) -> str:
        """Return the name as a key: lower-case letters, digits and '-'."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "board"


def identity_of(name: str | None, config: BoardConfig, store: str) -> BoardIdentity | None:
    """Return who a board is; None if nobody says. `name`: an operator's, which counts before `board.toml`."""
    called = name or config.name
    if called is None:
        return None
    space = os.environ.get("SPACE_ID")
    url = config.url or (f"https://huggingface.co/spaces/{space}" if space else None)
    owner = store.removeprefix("hub:") if store.startswith("hub:") else None
    return BoardIdentity(called, url, owner, config.authors, config.description)
