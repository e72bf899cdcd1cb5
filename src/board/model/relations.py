"""Which rows of a frame have an id, are a model's, or were made from it: indexed once for each frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from src.board.live.per_frame import per_frame
from src.board.table.rows import kept

Positions = Sequence[int] | np.ndarray


CELLS = (
    "id",
    "model",
    "precision",
    "revision",
    "average",
    "submission_date",
    "result_path",
    "base_model",
    "chat_template",
    "configuration",
)


@dataclass(frozen=True)
class Relations:
    """The rows of one frame by their id, by the model they are of, and by the model they name as their base."""

    frame: pd.DataFrame
    by_model: Mapping[str, np.ndarray]
    by_base: Mapping[str, np.ndarray]
    averages: np.ndarray  # all known ones, rounded as they are ranked, ascending
    columns: Mapping[str, pd.Series]  # those that are read cell by cell
    raws: tuple[str, ...]  # columns of raw values

    def of(self, model: str) -> Positions:
        """Return the rows of `model`; fall back to another way of writing it in capitals. Empty if there is none."""
        own = self.by_model.get(model)
        if own is None:
            own = np.flatnonzero((self.frame["model"].str.lower() == model.lower()).to_numpy(dtype=bool))
        return own

    def best(
        self,
        own: Positions,
        precision: str | None,
        revision: str | None,
        higher: bool,
        configuration: str | None = None,
    ) -> int:
        """Return the best run of `own`, of this precision, revision and configuration if one is.

        Without a configuration, a run with nothing out of the ordinary comes first.
        """
        rows = list(own)
        if precision and (of_precision := [at for at in rows if self.value(at, "precision") == precision]):
            rows = of_precision
        if revision and (of_revision := [at for at in rows if (self.value(at, "revision") or "").startswith(revision)]):
            rows = of_revision
        if configuration or precision or revision:
            rows = [at for at in rows if self.value(at, "configuration") == configuration] or rows
        return self.by_average(self.newest_first(rows), higher)[0]

    def newest_first(self, rows: Positions) -> list[int]:
        """Return `rows` by the day they were submitted, then by precision; unknown ones last."""
        by_precision = sorted(rows, key=lambda at: _last_if_unknown(self.value(at, "precision")))
        dated = [(self.value(at, "submission_date"), at) for at in by_precision]
        known = sorted((pair for pair in dated if pair[0] is not None), key=lambda pair: pair[0], reverse=True)
        return [at for _, at in known] + [at for day, at in dated if day is None]

    def by_average(self, rows: Positions, higher: bool) -> list[int]:
        """Return `rows` by their average, the best first and unknown ones last; equal ones keep their order."""
        rated = [(self.value(at, "average"), at) for at in rows]
        known = sorted(
            (pair for pair in rated if pair[0] is not None), key=lambda pair: -pair[0] if higher else pair[0]
        )
        return [at for _, at in known] + [at for average, at in rated if average is None]

    def made_from(self, model: str, higher: bool) -> Iterator[int]:
        """Yield the best row of each model that names `model` as its base, the best first."""
        seen = set()
        for at in self.by_average(self.by_base.get(model, ()), higher):
            if (name := self.value(at, "model")) not in seen:
                seen.add(name)
                yield at

    def rank(self, average: float | None, higher: bool) -> tuple[int, int] | None:
        """Return the place of `average` among all, and how many there are."""
        if average is None:
            return None
        own, total = kept(np.array([average]))[0], len(self.averages)
        better = total - np.searchsorted(self.averages, own, "right") if higher else np.searchsorted(self.averages, own)
        return int(better) + 1, total

    def value(self, at: int, column: str) -> Any:
        """Return one cell as plain Python, None if it or its column is missing."""
        return value_of(self.columns[column].iat[at]) if column in self.columns else None


@per_frame(8)
def by_id(frame: pd.DataFrame) -> Mapping[str, int]:
    """Return the position of each row by its id, of two alike the first."""
    return {str(row): at for at, row in reversed(list(enumerate(frame["id"])))}


@per_frame(8)
def relations(frame: pd.DataFrame) -> Relations:
    """Return the relations within `frame`."""
    by_model = frame.groupby("model", sort=False).indices
    by_base = frame.groupby("base_model", sort=False).indices  # rows without a base are in no group
    averages = np.sort(kept(frame["average"].dropna().to_numpy(dtype=float)))
    raws = tuple(name for name in frame if str(name).endswith(".raw"))
    columns = {name: frame[name] for name in (*CELLS, *raws) if name in frame}
    return Relations(frame, dict(by_model), dict(by_base), averages, columns, raws)


def value_of(value: Any) -> Any:
    """Return `value` as plain Python, None if it is missing."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def _last_if_unknown(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""
