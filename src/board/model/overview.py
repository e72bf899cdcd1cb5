"""One model as its page shows it: who it is, its scores beside its peers’ and its base’s, its runs, its command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pandas as pd

from src.board.live.snapshot import Snapshot
from src.board.model.relations import Positions, Relations, relations, value_of
from src.board.model.reproduce import reproduce
from src.board.model.scores import Peers, ScoreLine, peers_of, score_lines
from src.board.table.direction import is_higher_better
from src.board.table.suggest import similar_names
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
    result_path: str | None = None  # of the file that the row was made from, if the table says
    raw: Mapping[str, float] = field(default_factory=dict)  # benchmark → 0..1; without those that are missing
    chat_template: bool | None = None
    configuration: str | None = None

    @property
    def query(self) -> dict[str, str]:
        """The parameters that open this run and no other run of its model."""
        named = {"precision": self.precision, "revision": self.revision, "configuration": self.configuration}
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
    facts: Mapping[str, Any]  # every metadata column of the row; None if unknown
    lines: tuple[ScoreLine, ...]  # the average first
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
    snapshot: Snapshot,
    model: str,
    precision: str | None = None,
    revision: str | None = None,
    configuration: str | None = None,
) -> ModelView | Missing:
    """Return the page of `model`: of its run in `precision` at `revision` so configured, else of its best whole run."""
    frame, known = snapshot.frame, relations(snapshot.frame)
    own = known.of(model)
    if not len(own):
        return Missing(model, similar_names(frame, model))
    higher = is_higher_better(snapshot.suite, "average")
    at = known.best(own, precision, revision, higher, configuration)
    row = frame.iloc[at]
    facts = _facts(frame, own, row)
    base = _base(known, facts["base_model"], facts["precision"], higher)
    made = list(known.made_from(facts["model"], higher))
    peers, among = peers_of(frame, facts["params_b"])
    return ModelView(
        run=_run(known, at),
        suite=snapshot.suite,
        facts=facts,
        lines=tuple(score_lines(snapshot.suite, row, None if base is None else frame.iloc[base], among)),
        peers=peers,
        rank=known.rank(facts["average"], higher),
        runs=tuple(_run(known, each) for each in known.newest_first(own)),
        base=None if base is None else _run(known, base),
        ancestors=tuple(_ancestors(known, base, higher)),
        made_from_it=tuple(_run(known, each) for each in made[:MOST_MADE]),
        made_from_it_count=len(made),
        links=tuple(_links(snapshot, facts)),
        command=reproduce(snapshot.suite, facts),
    )


MOST_MADE = 5  # of the models made from one that are listed
MOST_ANCESTORS = 8


def _base(known: Relations, name: str | None, precision: str | None, higher: bool) -> int | None:
    """Return the base model's row, of the same precision if there is one; None if the board has none."""
    own = known.by_model.get(name) if name else None
    return None if own is None else known.best(own, precision, None, higher)


def _ancestors(known: Relations, base: int | None, higher: bool) -> Iterator[Run | str]:
    """Yield what is above the base: its base, and so on, until the board knows no further."""
    seen: set[str] = set()
    while base is not None and len(seen) < MOST_ANCESTORS:
        above = known.value(base, "base_model")
        seen.add(known.value(base, "model"))
        if not above or above in seen:  # some cards name each other
            return
        base = _base(known, above, known.value(base, "precision"), higher)
        yield above if base is None else _run(known, base)


def _run(known: Relations, at: int) -> Run:
    columns = ("id", "model", "precision", "revision", "average", "submission_date", "result_path")
    raw = {name.removesuffix(".raw"): value for name in known.raws if (value := known.value(at, name)) is not None}
    template, configuration = (known.value(at, name) for name in ("chat_template", "configuration"))
    run = Run(*(known.value(at, column) for column in columns))
    return replace(run, raw=raw, chat_template=template, configuration=configuration)


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


OF_THE_MODEL = (
    "model_type", "architecture", "params_b", "license", "likes", "available", "moe", "merged", "flagged", "official",
    "upload_date", "generation", "base_model", "family",
)  # fmt: skip
"""Facts that all rows of a model share: what one row leaves open, another one knows."""


def _facts(frame: pd.DataFrame, own: Positions, row: pd.Series) -> dict[str, Any]:
    facts = {str(name): value_of(value) for name, value in row.items() if "." not in str(name)}
    if len(own) > 1:
        rows = frame.iloc[list(own)]
        for name in OF_THE_MODEL:
            known = rows[name].dropna()
            if facts[name] is None and len(known):
                facts[name] = value_of(known.iloc[0])
        facts["official"] = True if (rows["official"] == True).any() else facts["official"]  # noqa: E712
    return facts
