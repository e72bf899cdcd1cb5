"""Two to six models side by side: what differs, how surely, on which questions, and whether the runs are alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from src.board.model.relations import by_id
from src.board.model.samples import Sample, SampleFile
from src.core import exact
from src.core.errors import BadInputError
from src.core.statistics.intervals import Interval, normal_interval
from src.core.statistics.paired import (
    DETECTABLE,
    Difference,
    ItemScores,
    PairedStratum,
    UnmatchedError,
    holm,
    join,
    macro_difference,
    normal_p,
    pooled_difference,
)
from src.core.statistics.ranking.ranks import RankIntervals, rank_intervals_from_covariance
from src.core.statistics.ranking.together import score_covariance, shared_scores
from src.core.suites import Benchmark, Suite, Task

FEWEST, MOST = 2, 6
PAIRED, COUNTS = "paired", "approximate"

OpenSamples = Callable[[Mapping[str, Any], str], SampleFile | None]
"""(row, task) → the model's answers on that task, None if none were published."""

# What must be alike for two scores to be comparable, and what a reader should know if it is not.
SETTINGS = (
    ("precision", "Precision", "Weights were run in different number formats."),
    ("chat_template", "Chat template", "Only some prompts were wrapped in the model's chat template."),
    ("weight_type", "Weights", "Some are whole weights, some adapters or differences on a base."),
    ("scorer", "Scorer", "Answers were graded by different versions of the scorer."),
)


@dataclass(frozen=True)
class Contrast:
    """A model against the first one, in points; positive: it is ahead.

    `method` is "paired" (the same questions, joined on their hashes) or "approximate" (from counts, as if the two had
    answered different questions: too wide rather than too narrow).
    """

    value: float
    interval: Interval
    p: float  # adjusted for the number of models (Holm) within one benchmark
    method: str
    smallest_detectable: float
    wins: int | None = None
    losses: int | None = None
    problem: str | None = None  # why it is not paired although both published their answers

    @property
    def is_clear(self) -> bool:
        """Whether the difference is more than chance at the 5 % level."""
        return self.p < 0.05


@dataclass(frozen=True)
class ComparisonLine:
    """One benchmark, or the average: each model's score, and each one's contrast to the first (None for the first)."""

    key: str
    title: str
    scores: tuple[float | None, ...]
    contrasts: tuple[Contrast | None, ...]


@dataclass(frozen=True)
class SettingMismatch:
    """A setting in which the runs differ, so that their scores are not simply comparable."""

    title: str
    values: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Comparison:
    """What the page shows of these rows; the first is the one the others are held against."""

    rows: tuple[Mapping[str, Any], ...]
    average: ComparisonLine
    benchmarks: tuple[ComparisonLine, ...]
    ranks: RankIntervals | None  # by average among these, from the items that all answered; None unless all did
    unlike: tuple[SettingMismatch, ...]


@dataclass(frozen=True)
class Disagreement:
    """One question that two models were graded differently on."""

    doc_hash: str
    first: Sample
    second: Sample


def pick(frame: pd.DataFrame, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the rows of these ids, in this order.

    Raises BadInputError if one is unknown, or there are too few or too many.
    """
    wanted = list(dict.fromkeys(ids))
    if not FEWEST <= len(wanted) <= MOST:
        raise BadInputError(f"Choose {FEWEST} to {MOST} models to compare; this link names {len(wanted)}.")
    known = by_id(frame)
    if missing := [each for each in wanted if each not in known]:
        raise BadInputError(f"There is no row '{missing[0]}' on this board; it may have been renamed or removed.")
    return [frame.iloc[known[each]].to_dict() for each in wanted]


def compare(rows: Sequence[Mapping[str, Any]], suite: Suite, samples: OpenSamples) -> Comparison:
    """Return every benchmark of `rows`, paired if both models published their answers."""
    lines = [_line(rows, benchmark, samples) for benchmark in suite.benchmarks]
    average = _average(rows, lines, suite)
    return Comparison(tuple(rows), average, tuple(lines), _ranks(average, rows, suite, samples), _unlike(rows))


def disagreements(first: SampleFile, second: SampleFile, most: int = 20) -> list[Disagreement]:
    """Return the first questions that two models were graded differently on, joined on their hashes."""
    changed = first.rows("changed", second)[:most]
    at = {hash_: row for row, hash_ in enumerate(second.hashes)}
    mine = first.page(changed)
    theirs = second.page(np.array([at[sample.doc_hash] for sample in mine], dtype=int))
    return [Disagreement(str(a.doc_hash), a, b) for a, b in zip(mine, theirs, strict=True)]


def _line(rows: Sequence[Mapping[str, Any]], benchmark: Benchmark, samples: OpenSamples) -> ComparisonLine:
    contrasts: list[Contrast | None] = [None]
    contrasts += [_contrast(row, rows[0], benchmark, samples) for row in rows[1:]]
    return ComparisonLine(
        benchmark.key,
        benchmark.title,
        tuple(_number(row, f"{benchmark.key}.score") for row in rows),
        tuple(_adjusted(contrasts)),
    )


def _average(rows: Sequence[Mapping[str, Any]], lines: Sequence[ComparisonLine], suite: Suite) -> ComparisonLine:
    """Differences of averages: the benchmarks' variances add up, whether each is paired or not."""
    weights = {benchmark.key: benchmark.weight for benchmark in suite.averaged}
    total = exact.total(weights.values())
    contrasts: list[Contrast | None] = [None]
    for at in range(1, len(rows)):
        parts = [(weights[line.key] / total, line.contrasts[at]) for line in lines if line.key in weights]
        known = [(weight, part) for weight, part in parts if part]
        if len(known) < len(parts) or not parts or suite.aggregation != "mean":
            contrasts.append(None)
            continue
        value = exact.total(weight * part.value for weight, part in known)
        se = math.sqrt(exact.total((weight * part.smallest_detectable / DETECTABLE) ** 2 for weight, part in known))
        method = PAIRED if all(part.method == PAIRED for _, part in known) else COUNTS
        contrasts.append(_normal(value, se, method))
    return ComparisonLine(
        "average", "Average", tuple(_number(row, "average") for row in rows), tuple(_adjusted(contrasts))
    )


def _ranks(
    average: ComparisonLine, rows: Sequence[Mapping[str, Any]], suite: Suite, samples: OpenSamples
) -> RankIntervals | None:
    """Return the ranks that each model may have among these, by the covariance of their averages."""
    scores = [score for score in average.scores if score is not None]
    if suite.aggregation != "mean" or len(scores) < len(rows):
        return None
    total = exact.total(benchmark.weight for benchmark in suite.averaged)
    covariance = np.zeros((len(rows), len(rows)))
    for benchmark in suite.averaged:
        tasks = []
        for task in benchmark.tasks:
            files = [samples(row, task.name) for row in rows]
            known = [file for file in files if file is not None and len(file)]
            if len(known) < len(rows):
                return None
            try:
                together = shared_scores([_answers(file, task) for file in known]).scores
            except UnmatchedError:
                return None
            tasks.append((together, _scale(benchmark, task)))
        if not tasks or any(together.shape[1] < 2 for together, _ in tasks):
            return None
        is_macro = benchmark.pooling == "mean" and len(tasks) > 1
        covariance += (benchmark.weight / total) ** 2 * score_covariance(tasks, is_macro)
    sign = 1 if all(benchmark.higher_is_better for benchmark in suite.averaged) else -1
    return rank_intervals_from_covariance(sign * np.array(scores), covariance, rng=np.random.default_rng(0))


def _contrast(
    row: Mapping[str, Any], first: Mapping[str, Any], benchmark: Benchmark, samples: OpenSamples
) -> Contrast | None:
    try:
        paired, problem = _paired(row, first, benchmark, samples), None
    except UnmatchedError as error:
        paired, problem = None, str(error)
    if paired:
        sign = 1 if benchmark.higher_is_better else -1
        return Contrast(
            sign * paired.value, paired.interval if sign > 0 else _mirrored(paired.interval), paired.p, PAIRED,
            paired.smallest_detectable, paired.wins, paired.losses,
        )  # fmt: skip
    mine, theirs = (_number(each, f"{benchmark.key}.score") for each in (row, first))
    errors = [_number(each, f"{benchmark.key}.se") for each in (row, first)]
    if mine is None or theirs is None or None in errors:
        return None
    value = mine - theirs if benchmark.higher_is_better else theirs - mine
    return _normal(value, math.hypot(*(error or 0 for error in errors)), COUNTS, problem)


def _paired(
    row: Mapping[str, Any], first: Mapping[str, Any], benchmark: Benchmark, samples: OpenSamples
) -> Difference | None:
    """Return the difference on the same questions; None unless both models published every task of the benchmark."""
    strata, unmatched = [], 0.0
    for task in benchmark.tasks:
        mine, theirs = samples(row, task.name), samples(first, task.name)
        if mine is None or theirs is None or not len(mine) or not len(theirs):
            return None
        pair = join(_answers(mine, task), _answers(theirs, task))
        clusters = pair.clusters if benchmark.independent else None  # set if subtasks ask the same questions
        strata.append(PairedStratum(pair.a, pair.b, _scale(benchmark, task), clusters))
        unmatched = max(unmatched, pair.unmatched)
    if not strata or any(len(stratum.a) < 2 for stratum in strata):
        return None
    together = macro_difference if benchmark.pooling == "mean" and len(strata) > 1 else pooled_difference
    return together(strata, unmatched=unmatched)


def _answers(file: SampleFile, task: Task) -> ItemScores:
    scores = file.scores
    known = ~np.isnan(scores)
    hashes, questions = (np.array([text or "" for text in column]) for column in (file.hashes, file.questions))
    return ItemScores(np.full(int(known.sum()), task.name), hashes[known], scores[known], questions[known])


def _scale(benchmark: Benchmark, task: Task) -> float:
    """Return points that a full item is worth."""
    chance = (task.chance or 0.0) if benchmark.normalise != "none" else 0.0
    return benchmark.scale / (1 - chance)


def _normal(value: float, se: float, method: str, problem: str | None = None) -> Contrast:
    p = normal_p(value, se) if se > 0 else 1.0
    return Contrast(value, normal_interval(value, se), p, method, DETECTABLE * se, problem=problem)


def _adjusted(contrasts: Sequence[Contrast | None]) -> list[Contrast | None]:
    """Return the same contrasts with p-values that hold for all models of the line together (Holm 1979)."""
    known = [contrast for contrast in contrasts if contrast]
    if not known:
        return list(contrasts)
    adjusted = iter(holm([contrast.p for contrast in known]))
    return [replace(contrast, p=float(next(adjusted))) if contrast else None for contrast in contrasts]


def _mirrored(interval: Interval) -> Interval:
    return Interval(-interval.high, -interval.low, interval.method, interval.level)


def _unlike(rows: Sequence[Mapping[str, Any]]) -> tuple[SettingMismatch, ...]:
    found = []
    for key, title, why in SETTINGS:
        values = [row.get(key) for row in rows]
        words = ["unknown" if value is None or pd.isna(value) else _word(value) for value in values]
        if len(set(words)) > 1:
            found.append(SettingMismatch(title, tuple(words), why))
    return tuple(found)


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)


def _number(row: Mapping[str, Any], column: str) -> float | None:
    value = row.get(column)
    return None if value is None or pd.isna(value) else float(value)
