"""Single measurements of models, as records of other boards hold them, gathered into the rows of a suite's table."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from src.board.importing.reasons import DRAFT
from src.core.frames.cells import TEXT
from src.core.frames.contents import EXTRAS, FIELDS, settle
from src.core.scoring import normalised
from src.core.suites import Benchmark, Suite, load
from src.core.suites.spellings import fold, spellings

MOST = 8


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """Whose measurements they are: what makes the row, and what travels with it. None is unknown."""

    model: str
    precision: str | None = None
    revision: str | None = None
    chat_template: bool | None = None
    configuration: str | None = None
    harness: str | None = None
    source: str | None = None
    license: str | None = None
    base_model: str | None = None
    architecture: str | None = None
    model_type: str | None = None
    params_b: float | None = None
    date: str | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells rows apart."""
        return self.model, self.precision, self.revision, self.chat_template, self.configuration


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one row.

    `labels` may name the benchmark, the most certain first; `most` is what a perfect answer earns, None if the record
    does not say; `kind` is "raw", "published" or None for a value before chance is taken off.
    """

    row: MeasuredRow
    labels: tuple[str, ...]
    value: float
    most: float | None = None
    kind: str | None = None
    se: float | None = None
    n: int | None = None
    is_makers: bool = False  # the model's makers say so themselves


class Target(NamedTuple):
    """Where a measurement belongs."""

    suite: str
    benchmark: Benchmark


def gathered(measurements: Sequence[Measurement], names: Sequence[str]) -> tuple[list[pd.DataFrame], list[str]]:
    """Return one frame for each suite that the measurements are of, and notes on what no suite has.

    A value of a benchmark that several suites have is taken by the suite that has most of the benchmarks measured.
    """
    suites = [load(name) for name in names]
    known = {suite.name: _words(suite) for suite in suites}
    votes = Counter(
        name
        for each in measurements
        for name, words in known.items()
        if any(fold(label) in words for label in each.labels)
    )
    order = sorted(known, key=lambda name: -votes[name])
    of_suite: dict[str, list[tuple[Measurement, Benchmark]]] = defaultdict(list)
    unknown: Counter[str] = Counter()
    for each in measurements:
        target = _target(each, order, known)
        if target is None:
            unknown[each.labels[-1]] += 1
        else:
            of_suite[target.suite].append((each, target.benchmark))
    frames = [_frame(of_suite[suite.name], suite) for suite in suites if suite.name in of_suite]
    notes = []
    if unknown:
        shown = ", ".join(f"{label} ({count:,})" for label, count in unknown.most_common(MOST))
        more = f" and {len(unknown) - MOST} more" if len(unknown) > MOST else ""
        notes.append(f"{sum(unknown.values()):,} values left out: no suite has {shown}{more}; {DRAFT}.")
    if own := sum(each.is_makers for each in measurements):
        notes.append(
            f"{own:,} values are what makers report of their own models; `python app.py claims --records FILE` keeps "
            "such values as claims, beside what a board measured."
        )
    return frames, notes


def _target(each: Measurement, order: Sequence[str], known: Mapping[str, Mapping[str, Benchmark]]) -> Target | None:
    for label in each.labels:
        folded = fold(label)
        for name in order:
            if (benchmark := known[name].get(folded)) is not None:
                return Target(name, benchmark)
    return None


def _words(suite: Suite) -> dict[str, Benchmark]:
    """Map every folded name of a benchmark to it; ids of our own exports, `suite.key.kind`, name the suite too."""
    words: dict[str, Benchmark] = {}
    for benchmark in suite.benchmarks:
        others = (f"{suite.name}.{benchmark.key}", *(source.task for source in benchmark.sources.values()))
        for word in (*spellings(benchmark), *map(fold, others)):
            words.setdefault(word, benchmark)
    return words


def _frame(values: Iterable[tuple[Measurement, Benchmark]], suite: Suite) -> pd.DataFrame:
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    twice = 0
    for each, benchmark in values:
        row = rows.setdefault(each.row.key, {})
        for name in MeasuredRow.__slots__:
            if (fact := getattr(each.row, name)) is not None:
                row["submission_date" if name == "date" else name] = fact
        cells = dict(_cells(each, benchmark))
        twice += any(
            row.get(name, value) != value for name, value in cells.items() if name.endswith((".raw", ".score"))
        )
        row |= cells
        if benchmark.normalise == "none" and f"{benchmark.key}.raw" not in row:
            row[f"{benchmark.key}.raw"] = cells.get(f"{benchmark.key}.score", math.nan) / benchmark.scale
    kinds: dict[str, Any] = {field.key: field.dtype for field in FIELDS + EXTRAS}
    scores = [f"{benchmark.key}.{part}" for benchmark in suite.benchmarks for part in ("raw", "score")]
    extra = sorted({name for row in rows.values() for name in row if name.endswith((".se", ".n"))})
    kinds |= dict.fromkeys([*scores, *extra], "float64")
    table = pd.DataFrame(list(rows.values()), columns=list(kinds))
    notes = [f"{twice:,} values were measured more than once; the last one counts."] if twice else []
    return settle(
        table.astype({name: TEXT if kind == "str" else kind for name, kind in kinds.items()}), suite, notes=notes
    )


def _cells(each: Measurement, benchmark: Benchmark) -> Iterator[tuple[str, float]]:
    """Yield the cells of the frame that one measurement fills."""
    key, se = benchmark.key, each.se
    if each.kind == "published" or benchmark.unit != "%":
        yield f"{key}.score", each.value
        if se is not None:
            yield f"{key}.se", se
    else:
        raw = each.value / (each.most or (1 if each.value <= 1 else 100))
        yield f"{key}.raw", raw
        if each.kind is None:
            slope = benchmark.scale
            if benchmark.normalise == "none":
                yield f"{key}.score", benchmark.scale * raw
            elif benchmark.normalise == "once" and benchmark.chance is not None:
                yield f"{key}.score", normalised(raw, benchmark.chance, benchmark.scale)
                slope /= 1 - benchmark.chance
            if se is not None and (benchmark.normalise == "none" or benchmark.chance is not None):
                yield f"{key}.se", se / (each.most or (1 if each.value <= 1 else 100)) * slope
    if each.n is not None:
        yield f"{key}.n", float(each.n)
