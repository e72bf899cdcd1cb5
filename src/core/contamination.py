"""Reports that a model may have seen a benchmark's answers: who says so, by which tool, against which control.

`contamination/reports.jsonl`, one report a line: `{model, revision, benchmark, tool, score, reference, control, url,
reported_by, date}`. A score means nothing by itself: `reference` names a model known to be clean and `control` what the
tool gave for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from src.core.errors import NotFoundError
from src.core.records import Record
from src.core.store import Store

PATH = "contamination/reports.jsonl"
MOST_SHOWN = 20


class Report(Record):
    """One report. Everything but the model and the tool may be unknown."""

    model: str
    tool: str
    revision: str | None = None
    benchmark: str | None = None
    score: float | None = None  # as the tool gives it; what it means, the tool's page says
    reference: str | None = None  # a model taken for clean
    control: float | None = None  # the tool's score of the reference
    url: str | None = None
    reported_by: str | None = None
    date: str | None = None


def reports(store: Store, model: str) -> tuple[Report, ...]:
    """Return the reports on `model`, newest first; lines that are none are passed over."""
    try:
        lines = store.read(PATH).decode("utf-8", "replace").splitlines()
    except NotFoundError:
        return ()
    found = [report for line in lines if (report := _read(line)) and report.model == model]
    return tuple(sorted(found, key=lambda report: report.date or "", reverse=True)[:MOST_SHOWN])


def _read(line: str) -> Report | None:
    try:
        data: Mapping[str, Any] = json.loads(line)
        return Report.model_validate(data)
    except (ValueError, ValidationError):
        return None
