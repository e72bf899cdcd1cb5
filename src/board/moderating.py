"""Decide about rows: what the form on a model's page and `python app.py moderate` both do."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from src.board.live.snapshot import Board
from src.core.errors import BadInputError, NotFoundError
from src.core.moderation.entries import (
    NEEDS,
    RUN,
    ModerationEntry,
    check_author,
    check_operator,
    draft,
    record,
)
from src.settings import Settings, effective

FIELDS = ("model", *RUN, "suite", "benchmark", "value", "into", "organisation", "of", "reason", "url")


def operators(board: Board, settings: Settings) -> frozenset[str]:
    """Return who may decide now: the operators, or the one person of a board that names none."""
    named = effective(settings, board.state.profile.config).operators
    return named or frozenset({settings.user} if settings.user else ())


def decide(board: Board, settings: Settings, action: str, given: Mapping[str, str], me: str | None) -> ModerationEntry:
    """Record an operator's decision and return it; the board shows it after its next sync.

    Raise DeniedError for anybody else, BadInputError or NotFoundError for a decision about nothing.
    """
    check_operator(me, operators(board, settings))
    fields: dict[str, Any] = {name: given[name] for name in FIELDS if given.get(name)}
    fields = {name: fields[name] for name in fields if name in _used(action)}
    if action == "answer":
        raise BadInputError("An answer is the author's: use the form on the model's page.")
    if action == "official" and "organisation" not in fields and given.get("model"):
        fields["organisation"] = given["model"].partition("/")[0]
    if action == "lift":
        _find(board, str(fields.get("of", "")))
    elif action == "correct":
        fields |= _corrected(board, fields)
    elif action != "official" and "model" in fields:
        _must_be_known(board, str(fields["model"]))
    return record(board.store, draft(action, str(me), board.store.now(), **fields))


def answer(
    board: Board, given: Mapping[str, str], me: str, organisations: Collection[str], senders: Collection[str]
) -> ModerationEntry:
    """Record an author's answer to a decision. Raise DeniedError for anybody else."""
    entry = _find(board, given.get("of", ""))
    model = entry.model or given.get("model", "")
    check_author(model, me, organisations, senders)
    fields = {"of": entry.id, "model": entry.model, "reason": given.get("reason"), "url": given.get("url")}
    return record(board.store, draft("answer", me, board.store.now(), **fields))


def _used(action: str) -> Collection[str]:
    """Return the fields that an entry of this action may have."""
    needed = NEEDS.get(action, ())
    run = RUN if "model" in needed and action != "merge" else ()
    return {*needed, *run, "reason", "url", *(("suite",) if action in ("flag", "hide", "withdraw") else ())}


def _find(board: Board, id_: str) -> ModerationEntry:
    entry = board.state.profile.moderation.find(id_)
    if entry is None or entry.action in ("lift", "answer"):
        known = ", ".join(each.id for each in board.state.profile.moderation.active[-5:])
        raise NotFoundError(f"There is no decision '{id_}'." + (f" The newest are {known}." if known else ""))
    return entry


def _must_be_known(board: Board, model: str) -> None:
    names = board.state.profile.moderation.names(model)
    if any(each.frame["model"].isin(names).any() for each in board.state.snapshots.values()):
        return
    if not board.state.profile.moderation.of(model):
        raise NotFoundError(f"This board has no row of {model}. Check the spelling.")


def _corrected(board: Board, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run, the value and the old value of a correction."""
    snapshot = board.snapshot(fields.get("suite"))
    benchmark = snapshot.suite.benchmark(str(fields.get("benchmark", "")))
    try:
        value = float(fields.get("value", ""))
    except ValueError as error:
        raise BadInputError(f"'{fields.get('value')}' is no number.") from error
    low, high = benchmark.bounds or (-math.inf, math.inf)
    if not low <= value <= high:
        raise BadInputError(f"A score of {benchmark.title} lies between {low:g} and {high:g}, so {value:g} cannot be.")
    frame = snapshot.frame
    rows = frame[frame["model"] == fields.get("model")]
    for name in RUN:
        if fields.get(name) and name in rows:
            rows = rows[rows[name] == fields[name]]
    if rows.empty:
        raise NotFoundError(f"This board has no such row of {fields.get('model')}.")
    if len(rows) > 1:
        raise BadInputError(f"{len(rows)} rows fit; name one by {' or '.join(RUN)}: {', '.join(rows['id'])}.")
    row = rows.iloc[0]
    was = row[f"{benchmark.key}.score"]
    return {
        "suite": snapshot.suite.name,
        **{name: None if pd.isna(row[name]) else row[name] for name in RUN if name in rows},
        "value": value,
        "was": None if pd.isna(was) else float(was),
    }
