"""Where pages lie, relative to the board's root."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def model_page(model: str, run: Mapping[str, str] | None = None, suite: str | None = None) -> str:
    """Return the address of `model` on the board of `suite`: of the run with the precision and revision of `run`.

    Without `suite` it is the first board's page.
    """
    query = {**(run or {}), **({"suite": suite} if suite else {})}
    return f"model/{quote(model)}" + (f"?{urlencode(query)}" if query else "")
