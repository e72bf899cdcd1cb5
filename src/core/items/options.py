"""A model's own uncertainty on multiple choice: prediction sets and calibration from the log-likelihoods of options.

The options' probabilities are the softmax of what the benchmark's metric compares: log-likelihoods, or log-likelihoods
per character (`acc_norm`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from src.core import exact
from src.core.items.details import option_likelihoods
from src.core.statistics.calibration import calibration_error
from src.core.statistics.conformal import conformal_score
from src.core.statistics.intervals import Array
from src.core.suites import Benchmark
from src.core.untrusted import number

KEY = "option_scores"
"""The block of a result file: benchmark → `OptionScores`."""
LEAST_ITEMS = 20
AGREES = 0.99
"""Share of items whose grade must follow from the options, before their right answers count as known."""


@dataclass(frozen=True)
class OptionScores:
    """What the options of one benchmark say of the model's certainty.

    set_size: mean options in a 90 % prediction set; options: offered; coverage: share of sets with the right option;
    uacc: uncertainty-adjusted accuracy, 0..1 or above (Ye et al. 2024); ece: expected calibration error, 0..1, and its
    standard error; items: on which all this rests.
    """

    set_size: float
    options: float
    coverage: float
    uacc: float
    ece: float
    ece_se: float
    items: int

    @classmethod
    def read(cls, block: Any) -> Self | None:
        """Return what a result file holds; None if it is not usable."""
        fields = {name: number(block.get(name)) for name in FIELDS} if isinstance(block, Mapping) else {}
        known = {name: value for name, value in fields.items() if value is not None and value >= 0}
        if len(known) < len(FIELDS):
            return None
        return cls(**{name: value for name, value in known.items() if name != "items"}, items=int(known["items"]))

    def write(self) -> dict[str, Any]:
        """Return the block of a result file."""
        return exact.rounded_fields(asdict(self))


FIELDS = tuple(OptionScores.__dataclass_fields__)


class OptionTable(NamedTuple):
    """Items of one task: probabilities (n, most options; 0 beyond an item's own), right: (n,), options: (n,)."""

    probabilities: Array
    right: np.ndarray
    options: np.ndarray


def option_scores(benchmark: Benchmark, lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> OptionScores | None:
    """Return a benchmark's figures from the sample lines of its tasks; None if its answers were generated.

    Every task is calibrated by itself; tasks count as the suite pools them.
    """
    by_length = "acc_norm" in benchmark.metrics
    tables = [option_table(lines.get(task.name, ()), by_length) for task in benchmark.tasks]
    known = [table for table in tables if table is not None]
    if not known:
        return None
    weights = [1.0 if benchmark.pooling == "mean" else len(table.right) for table in known]
    parts = [conformal_score(table.probabilities, table.right, table.options) for table in known]
    every = OptionTable(
        _padded([table.probabilities for table in known]),
        np.concatenate([table.right for table in known]),
        np.concatenate([table.options for table in known]),
    )
    ece = calibration_error(every.probabilities.max(axis=1), every.probabilities.argmax(axis=1) == every.right)
    return OptionScores(
        set_size=exact.weighted_mean([part.set_size for part in parts], weights),
        options=exact.weighted_mean([float(table.options.mean()) for table in known], weights),
        coverage=exact.weighted_mean([part.coverage for part in parts], weights),
        uacc=exact.weighted_mean([part.uacc for part in parts], weights),
        ece=ece.value, ece_se=ece.se, items=len(every.right),
    )  # fmt: skip


def known_answers(lines: Sequence[Mapping[str, Any]], by_length: bool) -> list[int | None] | None:
    """Return each line's right option (None: a line without options); None if the grades do not follow from any."""
    read = [_read_options(line, by_length) for line in lines]
    own = [each for each in read if each is not None]
    right = _right([each[0] for each in own], [each[1] for each in own], [each[2] for each in own], least=1)
    if right is None:
        return None
    answers = iter(right)
    return [None if each is None else next(answers) for each in read]


def option_table(lines: Sequence[Mapping[str, Any]], by_length: bool) -> OptionTable | None:
    """Return the options of one task; None if it has fewer than 20 items with options and known answers."""
    read = [each for line in lines if (each := _read_options(line, by_length)) is not None]
    rows = [each[0] for each in read]
    right = _right(rows, [each[1] for each in read], [each[2] for each in read]) if len(rows) >= LEAST_ITEMS else None
    if right is None:
        return None
    kept = [at for at, answer in enumerate(right) if answer is not None]
    return OptionTable(
        _padded([rows[at][None, :] for at in kept]),
        np.array([right[at] for at in kept], int),
        np.array([len(rows[at]) for at in kept], int),
    )


def _read_options(
    line: Mapping[str, Any], by_length: bool
) -> tuple[Array, tuple[int | None, int | None], float | None] | None:
    """Return the probabilities of a line's options, its possible targets and its grade; None if it has no options."""
    options, likelihoods = option_likelihoods(line)
    if len(options) < 2 or any(value is None for value in likelihoods):
        return None
    lengths = [max(len(option), 1) if by_length else 1 for option in options]
    logits = np.array([float(value or 0) / n for value, n in zip(likelihoods, lengths, strict=True)])
    weights = np.exp(logits - logits.max())
    grade = number(line.get("acc_norm" if by_length else "acc"))
    return weights / weights.sum(), targets_of(line.get("target"), options), grade


def targets_of(target: Any, options: Sequence[str]) -> tuple[int | None, int | None]:
    """Return the right option if the target is its number, and if it is its text: the harness logs either."""
    text = str(target).strip()
    place = int(text) if text.isdecimal() and int(text) < len(options) else None
    stripped = [option.strip() for option in options]
    return place, stripped.index(text) if text in stripped else None


def _right(
    rows: Sequence[Array],
    targets: Sequence[tuple[int | None, int | None]],
    grades: Sequence[float | None],
    least: int = LEAST_ITEMS,
) -> list[int | None] | None:
    """Return each item's right option, read the way that explains the grades; None if neither way does."""
    for way in (0, 1):
        answers = [target[way] for target in targets]
        checked = [
            (row.argmax() == answer) == (grade >= 0.5)
            for row, answer, grade in zip(rows, answers, grades, strict=True)
            if answer is not None and grade is not None
        ]
        if len(checked) >= max(least, AGREES * len(rows)) and np.mean(checked) >= AGREES:
            return answers
    return None


def _padded(tables: Sequence[Array]) -> Array:
    most = max(table.shape[1] for table in tables)
    return np.concatenate([np.pad(table, ((0, 0), (0, most - table.shape[1]))) for table in tables])
