"""Moderation on a tidy frame: merge names, mark official rows, flag, correct, hide."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from src.core.frames.contents import settle
from src.core.moderation.entries import RUN, Moderation, ModerationEntry
from src.core.records import Result
from src.core.run_identity import RunIdentity
from src.core.scoring import Scored, average_of
from src.core.suites import Benchmark, Suite

BEFORE = "_average_before"
RELATIVE = ("win_rate", "z_mean")  # a row's average depends on the other rows


class HiddenRow(NamedTuple):
    """A row that the table leaves out, and the entry that says why."""

    id: str
    model: str
    entry: str


def moderated(frame: pd.DataFrame, suite: Suite, moderation: Moderation) -> pd.DataFrame:
    """Return the frame as the operators' decisions make it, without what is computed from all rows; or `frame` itself.

    `attrs["hidden"]`: the rows left out. Standard errors of corrected scores are forgotten, and estimates that were
    made from counts too, so that certainty can be computed again.
    """
    active = [each for each in moderation.active if each.suite in (None, suite.name)]
    if frame.empty or not any(_touches(frame, each, moderation) for each in active):
        return frame
    notes, before = list(frame.attrs.get("notes", ())), frame
    frame = _without_estimates(frame, suite)
    average = frame["average"].copy()
    frame[BEFORE] = average
    hidden: list[HiddenRow] = []
    for entry in _merges_first(active):
        rows = _rows(frame, entry, moderation)
        if not rows.any():
            continue
        if entry.action == "merge":
            frame.loc[rows, "model"] = moderation.renamed(str(entry.into))
        elif entry.action == "official":
            frame.loc[rows, "official"] = True
        elif entry.action == "flag":
            frame.loc[rows, "flagged"] = True
        elif entry.action == "correct":
            _correct(frame, rows, suite.benchmark(str(entry.benchmark)), float(entry.value or 0.0))
            average[rows] = float("nan")
        else:
            hidden += [
                HiddenRow(row, model, entry.id)
                for row, model in zip(before.loc[rows[rows].index, "id"], frame.loc[rows, "model"], strict=True)
            ]
            frame, average = frame[~rows], average[~rows]
    if hidden:
        notes.append(_hidden_note(hidden))
    recompute = suite.aggregation in RELATIVE and any(each.action in ("hide", "withdraw", "correct") for each in active)
    frame = settle(frame.drop(columns=["id", "family", "average"]), suite, None if recompute else average, notes)
    attrs = {**frame.attrs, "hidden": tuple(hidden), "corrected": _before(frame, active, moderation)}
    frame = frame.drop(columns=BEFORE)
    frame.attrs = attrs
    return frame


def _before(
    frame: pd.DataFrame, active: list[ModerationEntry], moderation: Moderation
) -> dict[str, dict[str, float | None]]:
    """Return row → benchmark or "average" → its value before the corrections that count."""
    found: dict[str, dict[str, float | None]] = {}
    for entry in active:
        if entry.action != "correct":
            continue
        for _, row in frame[_rows(frame, entry, moderation)].iterrows():
            old = found.setdefault(row["id"], {})
            old.setdefault(str(entry.benchmark), entry.was)
            if pd.notna(row[BEFORE]) and row[BEFORE] != row["average"]:
                old["average"] = float(row[BEFORE])
    return found


def corrected(
    scored: Scored, suite: Suite, result: Result, moderation: Moderation
) -> tuple[Scored, tuple[ModerationEntry, ...]]:
    """Return a run's scores as operators corrected them, and the corrections that count."""
    names = moderation.names(result.model)
    entries = tuple(
        each
        for each in moderation.active
        if each.action == "correct"
        and each.suite == suite.name
        and each.model in names
        and each.benchmark in scored.benchmarks
        and each.precision in (None, result.precision)
        and each.revision in (None, result.revision)
        and each.configuration in (None, RunIdentity.of(result).configuration)
    )
    benchmarks = dict(scored.benchmarks)
    for entry in entries:
        benchmarks[str(entry.benchmark)] = replace(benchmarks[str(entry.benchmark)], score=entry.value)
    return replace(scored, benchmarks=benchmarks, average=average_of(benchmarks, suite)), entries


def _hidden_note(hidden: list[HiddenRow]) -> str:
    models = list(dict.fromkeys(each.model for each in hidden))
    more = f" and {len(models) - 5} more" if len(models) > 5 else ""
    count = f"{len(hidden)} row{' is' if len(hidden) == 1 else 's are'}"
    return f"{count} hidden by this board's operators: {', '.join(models[:5])}{more}. Each model's page says why."


def _merges_first(entries: list[ModerationEntry]) -> list[ModerationEntry]:
    """Return entries in the order they are applied: names first, and rows are left out last."""
    order = ("merge", "official", "flag", "correct", "hide", "withdraw")
    return sorted(entries, key=lambda each: (order.index(each.action), each.when))


def _touches(frame: pd.DataFrame, entry: ModerationEntry, moderation: Moderation) -> bool:
    if entry.action == "correct" and f"{entry.benchmark}.score" not in frame:
        return False
    return bool(_rows(frame, entry, moderation).any())


def _rows(frame: pd.DataFrame, entry: ModerationEntry, moderation: Moderation) -> pd.Series:
    if entry.action == "official":
        return frame["model"].str.partition("/")[0] == entry.organisation
    names = {entry.model} if entry.action == "merge" else {entry.model, moderation.renamed(str(entry.model))}
    rows = frame["model"].isin(names)
    for name in RUN:
        if (value := getattr(entry, name)) is not None:
            rows &= (frame[name].fillna("") if name in frame else "") == value
    return rows.fillna(False).astype(bool)


def _correct(frame: pd.DataFrame, rows: pd.Series, benchmark: Benchmark, value: float) -> None:
    """Set a published score, and the raw value if it follows from it."""
    frame.loc[rows, f"{benchmark.key}.score"] = value
    raw = float("nan")
    if benchmark.normalise == "none":
        raw = value / benchmark.scale
    elif benchmark.normalise == "once" and benchmark.chance is not None and value > 0:
        raw = benchmark.chance + value / benchmark.scale * (1 - benchmark.chance)
    frame.loc[rows, f"{benchmark.key}.raw"] = raw
    if f"{benchmark.key}.se" in frame:
        frame.loc[rows, f"{benchmark.key}.se"] = float("nan")


def _without_estimates(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return a copy without standard errors that were estimated from counts: certainty computes them again."""
    frame = frame.copy()
    for benchmark in suite.benchmarks:
        approximate = f"{benchmark.key}.approximate"
        if approximate in frame:
            frame[f"{benchmark.key}.se"] = frame[f"{benchmark.key}.se"].mask(frame[approximate].eq(True))
    return frame
