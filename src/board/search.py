"""The search language: words narrow, `;` unites, `@license:mit` looks into a field, `/regex/` is a pattern.

`assets/table/search.js` reads the same language in the browser; `tests/data/query_cases.json` runs through both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LONGEST_QUERY = 512
LONGEST_PATTERN = 256
MOST_TERMS = 20
FIELDS = ("license", "architecture", "precision", "type", "org", "family")

TOO_LONG = f"A pattern can be at most {LONGEST_PATTERN} characters long."
TOO_MANY = f"A search can have at most {MOST_TERMS} words."


def unreadable(pattern: str) -> str:
    """What to tell somebody whose pattern makes no sense."""
    return f"The pattern /{pattern}/ cannot be read. Check its brackets and repeats; write \\( to find a bracket."


def no_field(name: str) -> str:
    """What to tell somebody who asks for a field that is none."""
    return f"There is no field @{name}. The fields are {', '.join('@' + field for field in FIELDS)}."


@dataclass(frozen=True)
class Term:
    """One condition: `text` in the name, in the field, or as a pattern (lower case but for patterns)."""

    kind: Literal["word", "field", "pattern"]
    text: str
    field: str = ""


@dataclass(frozen=True)
class Search:
    """Any of the alternatives, each of which asks for all of its terms; `problem` says why it cannot be answered."""

    alternatives: tuple[tuple[Term, ...], ...] = ()
    problem: str | None = None


def parse(text: str) -> Search:
    """The meaning of a search box's text. Never raises: what cannot be read becomes `problem`."""
    alternatives: list[list[Term]] = [[]]
    problem = None
    for match in _TOKEN.finditer(text[:LONGEST_QUERY]):
        kind = match.lastgroup
        if kind == "or":
            alternatives.append([])
        elif kind == "field":
            name, value = match["name"].lower(), (match["quoted_value"] or match["value"] or "").lower()
            if name not in FIELDS:
                problem = problem or no_field(name)
            elif value:
                alternatives[-1].append(Term("field", value, name))
        elif kind == "pattern":
            pattern = match["closed"] if match["closed"] is not None else match["open"].rstrip()
            problem = problem or _fault(pattern)
            if pattern:
                alternatives[-1].append(Term("pattern", pattern))
        elif kind in ("quote", "word"):
            word = (match["quoted"] or "") if kind == "quote" else match["word"]
            # "@lic" is a field being typed: it narrows nothing yet
            if word and not (kind == "word" and _FIELD_BEGUN.fullmatch(word)):
                alternatives[-1].append(Term("word", word.lower()))
    whole = tuple(tuple(terms) for terms in alternatives if terms)
    if sum(map(len, whole)) > MOST_TERMS:
        problem = problem or TOO_MANY
    return Search(whole, problem)


def widen(text: str) -> str:
    """A search of the original board in our language: it took patterns without slashes."""
    return ";".join(
        f"/{part.strip()}/" if _LOOKS_LIKE_PATTERN.search(part) and "@" not in part and "/" not in part else part
        for part in text.split(";")
    )


def is_plain(pattern: str) -> bool:
    """Whether a pattern keeps to what the browser's matcher reads too: no lookaround, back-reference or flag."""
    return _SUBSET.fullmatch(pattern) is not None


_TOKEN = re.compile(
    r"""
      (?P<or>;)
    | (?P<field>@(?P<name>[A-Za-z_]+):(?:"(?P<quoted_value>[^"]*)"?|(?P<value>[^\s;]*)))
    | (?P<pattern>/(?:(?P<closed>(?:\\.|[^/\\])*)/|(?P<open>[^;]*)))
    | (?P<quote>"(?P<quoted>[^"]*)"?)
    | (?P<word>[^\s;]+)
    """,
    re.VERBOSE,
)
_FIELD_BEGUN = re.compile(r"@[A-Za-z_]*")
_LOOKS_LIKE_PATTERN = re.compile(r"[\\^$*+?()\[\]{}|]")
_SUBSET = re.compile(
    r"""(?:
      \\[dDwWsS] | \\[^\w\s]
    | \(\?: | \((?!\?) | [)|.^$]
    | [*+?]\?? | \{\d{1,2}(?:,\d{0,2})?\}\??
    | \[\^?(?:\\[dDwWsS]|\\[^\w\s]|[^\]\\\[])+\]
    | [^\\(){}\[\]*+?|.^$]
    )*""",
    re.VERBOSE,
)


def _fault(pattern: str) -> str | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(pattern) > LONGEST_PATTERN:
        return TOO_LONG
    if not is_plain(pattern):
        return unreadable(pattern)
    try:  # Arrow's matcher is RE2: its time is linear in the text, whatever the pattern
        pc.match_substring_regex(pa.array([""]), pattern, ignore_case=True)
    except pa.ArrowInvalid:
        return unreadable(pattern)
    return None
