"""Where pages lie, relative to the board's root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from src.settings import Settings


def model_page(model: str, run: Mapping[str, str] | None = None, suite: str | None = None) -> str:
    """Return the address of `model` on the board of `suite`: of the run with the precision and revision of `run`.

    Without `suite` it is the first board's page.
    """
    query = {**(run or {}), **({"suite": suite} if suite else {})}
    return f"model/{quote(model)}" + (f"?{urlencode(query)}" if query else "")


def public_address(settings: Settings) -> str:
    """Return where the board is on the web, without a last slash: the root path if it is a whole address, a Space's
    own host, else "".
    """  # noqa: D205
    if urlsplit(settings.root_path).netloc:
        return settings.root_path.rstrip("/")
    host = os.environ.get("SPACE_HOST", "")
    return f"https://{host}{settings.root_path.rstrip('/')}" if host else ""


def picture(suite: str | None = None, row: str | None = None) -> str:
    """Return the address of the picture that other sites show beside a link: of the board, or of one row."""
    query = {**({"row": row} if row else {}), **({"suite": suite} if suite else {})}
    return "picture.png" + (f"?{urlencode(query)}" if query else "")
