"""One tidy frame: a row per published result, from contents tables of every age or from records, and back.

Columns: `id model precision revision model_type weight_type architecture params_b license likes available moe merged
flagged official chat_template co2_kg upload_date submission_date generation base_model family average`, then for each
benchmark k of the suite `k.raw` (0..1) and `k.score` (as published); where known also `scorer`, `result_path` and
`base_written` (the base model in the words of the table it came from). Unknown is missing (`isna()`) in every column.
`frame.attrs` holds `suite` (its name) and `notes` (sentences on what had to be left out or mended).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from src.core.cells import TEXT
from src.core.contents import EXTRAS, FIELDS, Field, from_contents, settle, suite_of, to_contents
from src.core.records import Request, Result
from src.core.result_files import number
from src.core.scoring import Scored, co2_kg, score
from src.core.suites import Suite, load
from src.core.tables import read_table, write_parquet

__all__ = [
    "EXTRAS",
    "FIELDS",
    "Field",
    "from_contents",
    "from_records",
    "read_table",
    "suite_of",
    "to_contents",
    "write_parquet",
]

OLDEST = datetime.min.replace(tzinfo=UTC)


def from_records(results: Iterable[Result], requests: Iterable[Request], suite: Suite | str) -> pd.DataFrame:
    """The tidy frame of everything that was run on `suite`, one row for each (model, precision, revision).

    Several runs of one row complete each other, benchmark by benchmark, the newest first. What the harness does not
    know (type, licence, date of submission …) comes from the row's request. Runs without any benchmark of the suite
    make no row; runs that lack some have no average.
    """
    suite = load(suite) if isinstance(suite, str) else suite
    asked: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        asked[request.model].append(request)
    runs: dict[tuple[str, str | None, str | None], list[tuple[Result, Scored]]] = defaultdict(list)
    for result in results:
        scored = score(result, suite)
        if any(benchmark.raw is not None for benchmark in scored.benchmarks.values()):
            runs[result.model, result.precision, result.revision].append((result, scored))
    rows = [_row(newest_first(of_key), asked[key[0]], suite) for key, of_key in runs.items()]
    scores = [f"{benchmark.key}.{part}" for benchmark in suite.benchmarks for part in ("raw", "score")]
    kinds: dict[str, Any] = {field.key: TEXT if field.dtype == "str" else field.dtype for field in FIELDS + EXTRAS}
    kinds |= dict.fromkeys(scores, "float64")
    return settle(pd.DataFrame(rows, columns=list(kinds)).astype(kinds), suite)


def newest_first(runs: Sequence[tuple[Result, Scored]]) -> list[tuple[Result, Scored]]:
    """Runs by the time they were written, else started; those of unknown time last."""
    return sorted(runs, key=lambda run: run[0].written or run[0].date or OLDEST, reverse=True)


def _row(runs: Sequence[tuple[Result, Scored]], asked: Sequence[Request], suite: Suite) -> dict[str, Any]:
    result, scored = runs[0]
    request = _request_of(result, asked)
    row: dict[str, Any] = {
        "model": result.model,
        "precision": result.precision,
        "revision": result.revision,
        "params_b": _billions(result),
        "chat_template": _used_template(result),
        "co2_kg": co2_kg(result, suite),
        "scorer": scored.scorer,
        "result_path": result.path,
    }
    if request:
        row |= {
            "precision": result.precision or request.precision,
            "revision": result.revision or request.revision,
            "model_type": request.model_type,
            "weight_type": request.weight_type,
            "architecture": request.architectures,
            "params_b": request.params or row["params_b"],
            "license": request.license,
            "likes": request.likes,
            "chat_template": row["chat_template"] if row["chat_template"] is not None else request.use_chat_template,
            "submission_date": f"{request.submitted_time:%Y-%m-%d}" if request.submitted_time else None,
            "base_model": request.base_model,
        }
    for benchmark in suite.benchmarks:
        told = (run.benchmarks[benchmark.key] for _, run in runs)
        found = next((each for each in told if each.raw is not None), None)
        row[f"{benchmark.key}.raw"] = found.raw if found else None
        row[f"{benchmark.key}.score"] = found.score if found else None
    return row


def _request_of(result: Result, asked: Sequence[Request]) -> Request | None:
    """The request a run answered: of its precision (where it tells), rather of its revision, rather the newest."""
    fitting = [request for request in asked if result.precision in (None, request.precision)]
    return max(
        fitting,
        key=lambda request: (request.revision == result.revision, request.submitted_time or OLDEST),
        default=None,
    )


def _billions(result: Result) -> float | None:
    config = result.settings.get("config")
    parameters = number(config.get("model_num_parameters")) if isinstance(config, dict) else None
    return parameters / 1e9 if parameters and parameters > 0 else None


def _used_template(result: Result) -> bool | None:
    """Whether a chat template was used; a dump that speaks of templates at all says no by null."""
    if result.chat_template is not None:
        return True
    return False if "chat_template_sha" in result.settings else None
