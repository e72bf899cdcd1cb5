"""Scores estimated from a few questions: kept apart from results, labelled, and never ranked among measured ones.

`estimates/{org}/{model}/estimate_{time}.json`: one file an estimate. `calibration/{suite}/{benchmark}.parquet`: what
reference models tell of each question, one row a question in the order of its tasks.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from pydantic import ValidationError

from src.core.errors import BadInputError, NotFoundError
from src.core.names import check_model_name, is_model_name
from src.core.records import Record
from src.core.statistics.subset import ItemModel
from src.core.store import Store

MOST_SHOWN = 5


class Guess(Record):
    """One benchmark, or the average: the estimate and its 95 % interval, in points of the published score.

    The interval is not cut at 0, so that it can be computed with; what shows it cuts it.
    """

    value: float
    se: float
    low: float
    high: float
    asked: int  # questions that were put to the model
    items: int  # questions the benchmark has
    references: int = 0  # models whose answers narrowed it; 0: the questions alone


class EstimateRecord(Record):
    """One model on a random part of a suite."""

    model: str
    revision: str | None = None
    precision: str | None = None
    suite: str
    seed: int  # of the choice of questions: with it anybody draws the same ones
    date: datetime
    benchmarks: Mapping[str, Guess]
    average: Guess | None = None  # None unless every benchmark of the suite is there


def keep(store: Store, estimate: EstimateRecord) -> str:
    """Write an estimate into a store and return its path."""
    stamp = estimate.date.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    path = f"estimates/{check_model_name(estimate.model)}/estimate_{stamp}.json"
    store.append({path: estimate.model_dump_json(indent=1).encode()}, f"{estimate.model}, estimated")
    return path


def estimates(store: Store, model: str, suite: str) -> tuple[EstimateRecord, ...]:
    """Return the estimates of `model` on `suite`, newest first; files that are none are passed over."""
    if not is_model_name(model):
        return ()
    try:
        entries = store.list(f"estimates/{model}")
    except NotFoundError:
        return ()
    found = []
    for entry in sorted(entries, key=lambda entry: entry.path, reverse=True)[: 4 * MOST_SHOWN]:
        try:
            data = EstimateRecord.model_validate_json(store.read(entry.path))
        except ValidationError:
            continue
        if data.suite == suite and data.model == model:
            found.append(data)
    return tuple(found[:MOST_SHOWN])


def calibration_path(suite: str, benchmark: str) -> str:
    """Return where a store keeps what reference models tell of a benchmark's questions."""
    return f"calibration/{suite}/{benchmark}.parquet"


def write_calibration(model: ItemModel, tasks: Sequence[str]) -> bytes:
    """Return an item model as a file; `tasks` (items,) names the subtask of every question."""
    slopes = {f"slope_{d}": model.slopes[:, d] for d in range(model.slopes.shape[1])}
    table = pd.DataFrame({"task": list(tasks), "intercept": model.intercepts, **slopes, "references": model.references})
    out = io.BytesIO()
    table.to_parquet(out, index=False)
    return out.getvalue()


def read_calibration(store: Store, suite: str, benchmark: str, tasks: Sequence[str]) -> ItemModel:
    """Return the item model of a benchmark whose questions belong to `tasks` (items,).

    A flat one if none was published.

    A flat one knows nothing: then the estimate is the stratified mean of the questions asked.
    """
    path = calibration_path(suite, benchmark)
    try:
        table = pd.read_parquet(io.BytesIO(store.read(path)))
    except NotFoundError:
        return ItemModel(np.zeros((len(tasks), 1)), np.zeros(len(tasks)), 0)
    if table["task"].tolist() != list(tasks):
        raise BadInputError(
            f"{path} is of other questions than the suite has now; run `python -m evaluator calibrate` again."
        )
    slopes = table[[name for name in table if str(name).startswith("slope_")]].to_numpy(float)
    return ItemModel(slopes, table["intercept"].to_numpy(float), int(table["references"].iloc[0]))
