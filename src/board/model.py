"""One model as its page shows it: who it is, its scores beside its peers’ and its base’s, its runs, its command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import pandas as pd

from src.board.direction import is_higher_better
from src.board.reproduce import reproduce
from src.board.rows import kept
from src.board.score_lines import Line, Peers, peers_of, score_lines, value_of
from src.board.snapshot import Snapshot
from src.core.suites import Suite

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Run:
    """One row of the board."""

    id: str
    model: str
    precision: str | None
    revision: str | None
    average: float | None
    submitted: str | None

    @property
    def query(self) -> dict[str, str]:
        """The parameters that open this run and no other run of its model."""
        named = {"precision": self.precision, "revision": self.revision}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Link:
    """An address outside the board."""

    title: str
    url: str


@dataclass(frozen=True)
class ModelView:
    """Everything of the page that the snapshot knows."""

    run: Run
    suite: Suite
    facts: Mapping[str, Any]  # every metadata column of the row; None where unknown
    lines: tuple[Line, ...]  # the average first
    peers: Peers
    rank: tuple[int, int] | None  # place by average on the whole board
    runs: tuple[Run, ...]  # all of this model's rows, newest first, this one included
    base: Run | None  # the base model's row, if the board has one
    ancestors: tuple[Run | str, ...]  # what the base was made from, and so on; names of those the board has no row of
    made_from_it: tuple[Run, ...]  # the best few
    made_from_it_count: int
    links: tuple[Link, ...]
    command: str


@dataclass(frozen=True)
class Missing:
    """The board has no such model."""

    model: str
    suggestions: tuple[str, ...]


def model_view(
    snapshot: Snapshot, model: str, precision: str | None = None, revision: str | None = None
) -> ModelView | Missing:
    """The page of `model`: of its run in `precision` at `revision` where given, else of its best complete run."""
    frame = snapshot.frame
    rows = frame.index[frame["model"] == model]
    if rows.empty:
        rows = frame.index[frame["model"].str.lower() == model.lower()]
    if rows.empty:
        return Missing(model, _suggestions(frame, model))
    own = frame.loc[rows]
    higher = is_higher_better(snapshot.suite, "average")
    row = _chosen(own, precision, revision, higher)
    facts = _facts(row)
    base = _base(frame, facts, higher)
    peers, among = peers_of(
        frame, facts["params_b"], ["average", *(f"{each.key}.score" for each in snapshot.suite.benchmarks)]
    )
    return ModelView(
        run=_run(row),
        suite=snapshot.suite,
        facts=facts,
        lines=tuple(score_lines(snapshot.suite, row, base, among)),
        peers=peers,
        rank=_rank(frame["average"], row["average"], higher),
        runs=tuple(_run(each) for _, each in _newest_first(own).iterrows()),
        base=None if base is None else _run(base),
        ancestors=tuple(_ancestors(frame, base, higher)),
        made_from_it=tuple(_made_from(frame, str(row["model"]), higher)),
        made_from_it_count=frame.loc[frame["base_model"] == row["model"], "model"].nunique(),
        links=tuple(_links(snapshot, facts)),
        command=reproduce(snapshot.suite, facts),
    )


def _chosen(own: pd.DataFrame, precision: str | None, revision: str | None, higher: bool) -> pd.Series:
    kept = own
    if precision and (own["precision"] == precision).any():
        kept = kept[kept["precision"] == precision]
    if revision and (fits := kept["revision"].fillna("").str.startswith(revision)).any():
        kept = kept[fits]
    return kept.sort_values(["average", "submission_date"], ascending=[not higher, False], na_position="last").iloc[0]


def _base(frame: pd.DataFrame, facts: Mapping[str, Any], higher: bool) -> pd.Series | None:
    """The base model's row: of the same precision where it has one."""
    if not facts["base_model"]:
        return None
    own = frame[frame["model"] == facts["base_model"]]
    return None if own.empty else _chosen(own, facts["precision"], None, higher)


def _rank(averages: pd.Series, average: Any, higher: bool) -> tuple[int, int] | None:
    value = value_of(average)
    if value is None:
        return None
    own, known = kept(np.array([value])), kept(averages.dropna().to_numpy(dtype=float))
    return int((known > own if higher else known < own).sum()) + 1, len(known)


def _newest_first(own: pd.DataFrame) -> pd.DataFrame:
    return own[IDENTITY].sort_values(["submission_date", "precision"], ascending=[False, True], na_position="last")


def _made_from(frame: pd.DataFrame, model: str, higher: bool, most: int = 5) -> list[Run]:
    made = frame.loc[frame["base_model"] == model, IDENTITY].sort_values(
        "average", ascending=not higher, na_position="last"
    )
    return [_run(row) for _, row in made.drop_duplicates("model").head(most).iterrows()]


def _ancestors(frame: pd.DataFrame, base: pd.Series | None, higher: bool, most: int = 8) -> Iterator[Run | str]:
    """Above the base: its base, and so on, until the board knows no further."""
    seen: set[str] = set()
    while base is not None and len(seen) < most:
        facts = _facts(base)
        above = facts["base_model"]
        seen.add(facts["model"])
        if not above or above in seen:  # some cards name each other
            return
        base = _base(frame, facts, higher)
        yield above if base is None else _run(base)


IDENTITY = ["id", "model", "precision", "revision", "average", "submission_date"]
"""The columns that make a `Run`."""


def _run(row: pd.Series) -> Run:
    return Run(
        str(row["id"]),
        str(row["model"]),
        value_of(row["precision"]),
        value_of(row["revision"]),
        value_of(row["average"]),
        value_of(row["submission_date"]),
    )


def _links(snapshot: Snapshot, facts: Mapping[str, Any]) -> list[Link]:
    model, owner = quote(facts["model"]), snapshot.store.removeprefix("hub:")
    links: list[Link] = []
    if snapshot.source == "sample":  # made up: the Hub has never heard of it
        return links
    if facts["available"] is not False:
        links.append(Link("Model on the Hub", f"{HUB}/{model}"))
        if facts["revision"]:
            links.append(Link("This revision", f"{HUB}/{model}/tree/{quote(facts['revision'])}"))
    if snapshot.store.startswith("hub:"):
        details = quote(facts["model"].replace("/", "__"))
        links.append(Link("Answers to every question", f"{HUB}/datasets/{owner}/{details}-details"))
        links.append(Link("Result files", f"{HUB}/datasets/{owner}/results/tree/main/{model}"))
    return links


def _suggestions(frame: pd.DataFrame, model: str, most: int = 5) -> tuple[str, ...]:
    """Names on the board most like `model`: those that share its organisation or a stretch of its name."""
    asked = model.lower()
    name = asked.rpartition("/")[2]
    names = frame["model"].drop_duplicates()
    lower = names.str.lower()
    alike = lower.str.startswith(asked.partition("/")[0] + "/")
    for stretch in {name, name[:5], name[-5:]}:
        alike |= lower.str.contains(stretch, regex=False) if stretch else False
    matcher = SequenceMatcher(b=asked)
    scored: list[tuple[float, Literal[0], str]] = []
    for candidate in names[alike].head(2000):
        matcher.set_seq1(candidate.lower())
        scored.append((-matcher.ratio(), 0, candidate))
    return tuple(candidate for ratio, _, candidate in sorted(scored)[:most] if -ratio > 0.4)


def _facts(row: pd.Series) -> dict[str, Any]:
    return {str(name): value_of(value) for name, value in row.items() if "." not in str(name)}
