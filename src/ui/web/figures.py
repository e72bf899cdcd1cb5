"""Numbers as they stand on a page."""

from __future__ import annotations


def number(value: float | None, digits: int) -> str | None:
    """Return `52.08`, or `−1.20` with a real minus sign so that columns align; None if unknown."""
    return None if value is None else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int) -> str | None:
    """Return `+4.90` or `−1.20`; None if unknown."""
    if value is None:
        return None
    return f"{value:+,.{digits}f}".replace("-", "−")
