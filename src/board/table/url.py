"""The URL of a view: our parameters, and those of the original board, whose links still work."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from src.board.table.columns import ALL_SIZES, HIDES
from src.board.table.search import LONGEST_QUERY, widen
from src.core.model.types import read_type
from src.core.statistics.aggregate import AGGREGATIONS

UNKNOWN = "unknown"
"""The choice that stands for a missing value."""

MOST_PINS = 50
MOST_SORTS = 5
HEAVIEST = 5.0  # times a benchmark's own weight

ORIGINAL_FLAGS = {
    "is_merged": "merged",
    "is_moe": "moe",
    "is_flagged": "flagged",
    "is_not_available_on_hub": "gone",
}
"""`filters=…` of the original board hid rows by these names."""
ORIGINAL_OFFICIAL = ("is_highlighted_by_maintainer", "is_official_provider")
ORIGINAL_COLUMNS = {
    "average_score": "average",
    "type_icon": "type",
    "co2_cost": "co2_kg",
    "hub_hearts": "likes",
    "params_billions": "params_b",
    "hub_license": "license",
    "has_chat_template": "chat_template",
    "is_not_available_on_hub": "available",
    "is_highlighted_by_maintainer": "official",
    "is_official_provider": "official",
    "is_moe": "moe",
    "is_flagged": "flagged",
    "is_merged": "merged",
}
"""`columns=metadata.co2_cost,…`: the part that says which, if it is not our key."""


PARAMETERS = frozenset(
    {"q", "types", "family", "precision", "license", "size", "params", "uploaded", "submitted", "hide", "official"}
    | {"columns", "sort", "pinned", "score", "rank", "average", "aggregate", "weights", "suite", "billions"}
    | {"at"}  # a day: the board as it was
    | {"search", "query", "filters", "scoreDisplay", "rankingMode", "averageMode"}  # the original board's
)
"""Every parameter that `read` looks at: whatever else an address holds changes no view."""


@dataclass(frozen=True)
class Sort:
    """One column to sort by; missing values come last either way."""

    key: str
    descending: bool = True


def first(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return an address's parameters by name; of those given twice the first, as the browser's own reader has it."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def read(params: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a `Query` that a URL's parameters set; values that make no sense are left out."""
    hidden = [*_list(params, "hide"), *(ORIGINAL_FLAGS.get(flag, "") for flag in _list(params, "filters"))]
    read: dict[str, Any] = {
        "q": (params["q"] if "q" in params else widen(params.get("search") or params.get("query") or ""))[
            :LONGEST_QUERY
        ],
        "types": _unique(map(_type, _list(params, "types"))),
        "family": _unique(_list(params, "family")),
        "precision": _unique(_list(params, "precision")),
        "license": _unique(word.lower() for word in _list(params, "license")),  # as the Hub writes them
        "size": _known(_list(params, "size"), [size.key for size in ALL_SIZES]),
        "params": _params(params.get("params") or params.get("billions", "")),
        "uploaded": _days(params.get("uploaded", "")),
        "submitted": _days(params.get("submitted", "")),
        "hide": _known(hidden, [hide.key for hide in HIDES]),
        "official": params.get("official") in ("1", "true")
        or any(flag in ORIGINAL_OFFICIAL for flag in _list(params, "filters")),
        "columns": _unique(map(_column, _list(params, "columns"))) if "columns" in params else None,
        "sort": tuple(_sort(word) for word in _list(params, "sort")[:MOST_SORTS]),
        "pinned": _unique(_list(params, "pinned"))[:MOST_PINS],
        "score": "raw" if "raw" in (params.get("score"), params.get("scoreDisplay")) else "normalised",
        "rank": "shown" if params.get("rank") == "shown" or params.get("rankingMode") == "dynamic" else "all",
        "average": "shown" if params.get("average") == "shown" or params.get("averageMode") == "visible" else "all",
        "aggregate": params["aggregate"] if params.get("aggregate") in AGGREGATIONS else None,
        "weights": _weights(_list(params, "weights")),
        "suite": params.get("suite") or None,
    }
    if not read["sort"]:
        del read["sort"]
    return read


def write(name: str, value: Any) -> str:
    """Return one field of a `Query` as its parameter; `read` gives it back."""
    if name == "sort":
        return ",".join(("-" if sort.descending else "") + sort.key for sort in value)
    if name in ("params", "uploaded", "submitted"):
        return ",".join("" if end is None else f"{end:g}" if isinstance(end, float) else end for end in value)
    if name == "weights":
        return ",".join(f"{key}:{weight:g}" for key, weight in value)
    if isinstance(value, tuple):
        return ",".join(each.replace("%", "%25").replace(",", "%2C") for each in value)
    return "1" if value is True else str(value)


def pin(original: str) -> tuple[str, str] | None:
    """Model and precision in a pin of the original board, `org/name_bfloat16_<sha>_True`; None if it is none."""
    found = _ORIGINAL_PIN.fullmatch(original)
    return (found[1], found[2]) if found else None


_ORIGINAL_PIN = re.compile(r"(.+)_([^_]+)_[0-9a-f]{7,40}_(?:True|False)")
_KEY = re.compile(r"[a-z0-9_]{1,40}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ORIGINAL_ALL_SIZES = (-1.0, 140.0)


def _list(params: Mapping[str, str], name: str) -> list[str]:
    return [word.replace("%2C", ",").replace("%25", "%") for word in params.get(name, "").split(",") if word]


def _unique(words: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _type(word: str) -> str | None:
    return UNKNOWN if word.strip().lower() == UNKNOWN else read_type(word)


def _known(words: list[str], keys: list[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key in words)


def _params(text: str) -> tuple[float | None, float | None]:
    ends = [_number(end) for end in text.split(",")]
    if len(ends) != 2 or tuple(ends) == _ORIGINAL_ALL_SIZES:
        return (None, None)
    low, high = (None if end is None or end < 0 else end for end in ends)
    return (low, high)


def _number(text: str) -> float | None:
    if not re.fullmatch(r"-?\d+(\.\d+)?", text.strip()):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _weights(words: list[str]) -> tuple[tuple[str, float], ...]:
    """`ifeval:2` and the like; 1 changes nothing and is left out."""
    weights: dict[str, float] = {}
    for key, _, text in (word.partition(":") for word in words):
        weight = _number(text)
        if _KEY.fullmatch(key) and weight is not None and 0 <= weight <= HEAVIEST:
            weights[key] = weight
    return tuple((key, weight) for key, weight in weights.items() if weight != 1)


def _days(text: str) -> tuple[str | None, str | None]:
    ends = [end if _DAY.fullmatch(end) else None for end in text.split(",")]
    return (ends[0], ends[1]) if len(ends) == 2 else (None, None)


def _column(word: str) -> str | None:
    if word in ("id", "isPinned", "rank", "model"):
        return None  # always there
    parts = [part for part in word.split(".") if part not in ("model", "evaluations", "metadata", "features")]
    if len(parts) == 2 and parts[1] in ("normalized_score", "raw"):
        return parts[0] + (".raw" if parts[1] == "raw" else "")
    key = parts[0] if parts else ""
    return ORIGINAL_COLUMNS.get(key, "type" if word == "model_type" else key)


def _sort(word: str) -> Sort:
    key, descending = word.lstrip("-"), word.startswith("-")
    # place 1 is the highest average
    return Sort("average", not descending) if key == "rank" else Sort(key, descending)
