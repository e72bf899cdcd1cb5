"""The search language: words narrow, `;` unites, `@license:mit` looks into a field, `/regex/` is a pattern.

`assets/table/search.js` reads the same language in the browser; `tests/data/query_cases.json` runs through both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LONGEST_QUERY = 512
LONGEST_PATTERN = 256
LARGEST_PATTERN = 10_000  # characters times counted repeats
MOST_TERMS = 20
FIELDS = ("license", "architecture", "precision", "type", "org", "family")
SPELLINGS = {"licence": "license"}

TOO_LONG = f"A pattern can be at most {LONGEST_PATTERN} characters long."
TOO_MANY = f"A search can have at most {MOST_TERMS} words."


def unreadable(pattern: str) -> str:
    """Return the message for a pattern with a syntax error."""
    return f"The pattern /{pattern}/ cannot be read. Check its brackets and repeats; write \\( to find a bracket."


def unsupported(pattern: str) -> str:
    """Return the message for a pattern that `is_supported` refuses."""
    return f"The pattern /{pattern}/ uses \\B, \\C, \\p or a named group, or repeats too much. Write it without."


def unknown_field(name: str) -> str:
    """Return the message for an unknown `@field:`."""
    return f"There is no field @{name}. The fields are {', '.join('@' + field for field in FIELDS)}."


@dataclass(frozen=True)
class Term:
    """One condition: `text` in the name, in the field, or as a pattern (lower case except in patterns).

    A "size" is a word such as `7b`: it matches 7B, not 47B, 2.7B or 7bit.
    """

    kind: Literal["word", "size", "field", "pattern"]
    text: str
    field: str = ""


@dataclass(frozen=True)
class Search:
    """Any of the alternatives, each of which asks for all of its terms; `problem` says why it cannot be answered."""

    alternatives: tuple[tuple[Term, ...], ...] = ()
    problem: str | None = None


def parse(text: str) -> Search:
    """Parse a search box's text. Never raises: what cannot be read becomes `problem`."""
    alternatives: list[list[Term]] = [[]]
    problem = None
    for match in _TOKEN.finditer(text[:LONGEST_QUERY]):
        kind = match.lastgroup
        if kind == "or":
            alternatives.append([])
        elif kind == "field":
            name, value = match["name"].lower(), (match["quoted_value"] or match["value"] or "").lower()
            name = SPELLINGS.get(name, name)
            if name not in FIELDS:
                problem = problem or unknown_field(name)
            elif value:
                alternatives[-1].append(Term("field", value, name))
        elif kind == "pattern":
            pattern = match["closed"] if match["closed"] is not None else match["open"].rstrip()
            problem = problem or _fault(pattern)
            if pattern:
                alternatives[-1].append(Term("pattern", pattern))
        elif kind == "address":
            path = match["path"].lower()
            alternatives[-1].append(Term("word", path) if "/" in path else Term("field", path, "org"))
        elif kind in ("quote", "word"):
            word = ((match["quoted"] or "") if kind == "quote" else match["word"]).lower()
            # "@lic" is a field being typed: it does not narrow yet
            if word and not (kind == "word" and _FIELD_BEGUN.fullmatch(word)):
                alternatives[-1].append(Term("size" if _SIZE.fullmatch(word) else "word", word))
    whole = tuple(tuple(terms) for terms in alternatives if terms)
    if sum(map(len, whole)) > MOST_TERMS:
        problem = problem or TOO_MANY
    return Search(whole, problem)


def widen(text: str) -> str:
    """Translate a search of the original board, which took patterns without slashes."""
    return ";".join(
        f"/{part.strip()}/" if _LOOKS_LIKE_PATTERN.search(part) and not part.strip().startswith(("@", "/")) else part
        for part in text.split(";")
    )


def is_supported(pattern: str) -> bool:
    r"""Return whether RE2 on the server and its port in the browser agree on a pattern, and compile it quickly.

    They differ on `\C` (bytes), `\B` beside letters outside ASCII, `\p` (versions of Unicode), repeated group names
    and how large a program may be.
    """
    size = len(pattern)
    for match in _LARGE_OR_REFUSED.finditer(pattern):
        if match["group"] or match["escaped"] in ("B", "C", "p", "P"):
            return False
        if match["least"]:
            size *= max(1, int(match["least"]), int(match["most"] or 0))
    return size <= LARGEST_PATTERN


def size_pattern(word: str) -> str:
    """Return the RE2 pattern for a "size" term: a pattern because RE2 has no lookaround."""
    return rf"(?:^|[^0-9.]|(?:^|[^0-9])\.){re.escape(word)}(?:[^i]|i[^t]|i?$)"


_TOKEN = re.compile(
    r"""
      (?P<or>;)
    | (?P<field>@(?P<name>[A-Za-z_]+):(?:"(?P<quoted_value>[^"]*)"?|(?P<value>[^\s;]*)))
    | (?P<pattern>/(?:(?P<closed>(?:\\.|[^\\])*?)/(?=[\s;]|\Z)|(?P<open>[^;]*)))
    | (?P<address>(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<path>[^\s;/?\#]+(?:/[^\s;/?\#]+)?)[^\s;]*)
    | (?P<quote>"(?P<quoted>[^"]*)"?)
    | (?P<word>[^\s;]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FIELD_BEGUN = re.compile(r"@[A-Za-z_]*")
_LOOKS_LIKE_PATTERN = re.compile(r"[\\^$*+?()\[\]{}|]")
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)?b")
_LARGE_OR_REFUSED = re.compile(
    r"\\(?P<escaped>.)|(?P<group>\(\?P?<)|\{(?P<least>[0-9]+)(?:,(?P<most>[0-9]*))?\}", re.DOTALL
)


def _fault(pattern: str) -> str | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(pattern) > LONGEST_PATTERN:
        return TOO_LONG
    if not is_supported(pattern):
        return unsupported(pattern)
    try:  # Arrow's matcher is RE2: its time is linear in the text, whatever the pattern
        pc.match_substring_regex(pa.array([""]), pattern, ignore_case=True)
    except pa.ArrowInvalid:
        return unreadable(pattern)
    return None
