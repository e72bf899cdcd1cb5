"""Searches that find something, for one that finds nothing: its words spelled as the names on the board are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import pandas as pd

from src.board.live.per_frame import per_frame
from src.board.table.query import Query, run
from src.board.table.rows import Rows, rows_of
from src.board.table.search import Term, parse

CLOSE = 0.66  # ratio of equal letters from which two words are one word misspelled: "phy" and "phi"
A_LETTER_MORE = 0.02  # taken off for each letter of difference in length: "mistrla" is mistral before mistralai
MOST = 3
MOST_COMPARED = 4000  # words of a large board that are compared letter by letter
_BETWEEN = re.compile(r"([/_\-\s]+)")


@dataclass(frozen=True)
class Suggestion:
    """A search that finds something: its text, and how many rows it leaves."""

    q: str
    matches: int


def suggestions(frame: pd.DataFrame | Rows, query: Query) -> list[Suggestion]:
    """Return searches like the one of `query` that find rows under its other filters, the likeliest first."""
    rows = frame if isinstance(frame, Rows) else rows_of(frame)
    search = parse(query.q)
    if search.problem or not search.alternatives:
        return []
    corrected = "; ".join(" ".join(_written(rows, term) for term in terms) for terms in search.alternatives)
    words = [term.text for terms in search.alternatives for term in terms if term.kind == "word"]
    names = similar_names(rows.frame, words[0], MOST) if len(words) == 1 and len(words[0]) > 3 else ()
    found = []
    for q in dict.fromkeys([corrected, *names]):
        matches = run(rows, replace(query, q=q, pinned=())).matches if q.lower() != query.q.lower() else 0
        if matches:
            found.append(Suggestion(q, matches))
    return found[:MOST]


def similar_names(frame: pd.DataFrame, model: str, most: int = 5) -> tuple[str, ...]:
    """Return names on the board most like `model`: those that share its organisation or a stretch of its name."""
    asked = model.lower()
    name = asked.rpartition("/")[2]
    names = frame["model"].drop_duplicates()
    lower = names.str.lower()
    alike = lower.str.startswith(asked.partition("/")[0] + "/")
    for stretch in {name, name[:5], name[-5:]}:
        alike |= lower.str.contains(stretch, regex=False) if stretch else False
    compared = names[alike].head(2000)
    if "/" not in asked:  # an organisation that nobody typed makes no name less alike
        return tuple(_closest(asked, {each: each.lower().rpartition("/")[2] for each in compared}, most, 0.5))
    return tuple(_closest(asked, {each: each.lower() for each in compared}, most, 0.4))


def _closest(asked: str, texts: Mapping[str, str], most: int, at_least: float) -> list[str]:
    matcher = SequenceMatcher(b=asked, autojunk=False)
    scored = []
    for key, text in texts.items():
        matcher.set_seq1(text)
        if matcher.real_quick_ratio() > at_least and (ratio := matcher.ratio()) > at_least:
            scored.append((-ratio, key))
    return [key for _, key in sorted(scored)[:most]]


def _written(rows: Rows, term: Term) -> str:
    """Return a term as it is typed, with the words that no name has replaced by the closest that one has."""
    if term.kind == "pattern":
        return f"/{term.text}/"
    if term.kind == "field":
        return f'@{term.field}:"{term.text}"' if re.search(r"[\s;]", term.text) else f"@{term.field}:{term.text}"
    if term.kind == "size" or rows.contains("model", term.text).any():
        return f'"{term.text}"' if re.search(r"[\s;]", term.text) else term.text
    words_and_between = _BETWEEN.split(term.text)
    for at in range(0, len(words_and_between), 2):
        word = words_and_between[at]
        if word and not rows.contains("model", word).any():
            words_and_between[at] = _corrected(rows, word)
    return "".join(words_and_between)


def _corrected(rows: Rows, word: str) -> str:
    """Return the word of the board's names that is most like `word`, the more frequent of two; `word` if none is."""
    counts = _words(rows.frame)
    matcher = SequenceMatcher(b=word, autojunk=False)
    best = (CLOSE, 0, word)
    for candidate in _candidates(counts, word):
        matcher.set_seq1(candidate)
        if matcher.real_quick_ratio() >= best[0] and matcher.quick_ratio() >= best[0]:
            likeness = matcher.ratio() - A_LETTER_MORE * abs(len(candidate) - len(word))
            best = max(best, (round(likeness, 3), counts[candidate], candidate))
    return best[2]


def _candidates(counts: Mapping[str, int], word: str) -> Sequence[str]:
    """Return the words of about the same length that share the beginning or the end, the most frequent first."""
    alike: Iterable[str] = (
        each for each in counts if abs(len(each) - len(word)) < 3 and (each[0] == word[0] or each[-2:] == word[-2:])
    )
    return [each for each, _ in zip(alike, range(MOST_COMPARED), strict=False)]


@per_frame(4)
def _words(frame: pd.DataFrame) -> dict[str, int]:
    """Return each word of the models' names with how many models have it, the most frequent first."""
    counts = Counter(
        word for name in frame["model"].str.lower().unique() for word in set(_BETWEEN.split(name)[::2]) if word
    )
    return dict(counts.most_common())
