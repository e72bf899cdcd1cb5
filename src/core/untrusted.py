"""Single values of what strangers wrote: what is no number, no object or no time is None or empty, never an error."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from src.core.errors import BadInputError


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else that a file may hold ("N/A", NaN, text)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return float(value) if isinstance(value, bool) else None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object's fields; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def moment(value: Any) -> datetime | None:
    """Return a time in any of the notations found (ISO 8601, seconds since 1970), as UTC; None for anything else."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is not None:
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    seconds = number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    except (ValueError, OverflowError, OSError):
        return None


def json_object(data: bytes | str, name: str) -> dict[str, Any]:
    """Return the fields of a JSON object. Raises BadInputError, which calls the data `name`."""
    try:
        payload = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{name} is not JSON: {error}.") from error
    if not isinstance(payload, dict):
        raise BadInputError(f"{name} is no JSON object but {type(payload).__name__}.")
    return payload
