"""One tidy frame: a row per published result, from contents tables of every age or from records, and back.

Columns: `id model precision revision model_type weight_type architecture params_b license likes available moe merged
flagged official chat_template co2_kg upload_date submission_date generation base_model family average`, then for each
benchmark k of the suite `k.raw` (0..1) and `k.score` (as published); if known also `scorer`, `result_path` and
`base_written` (the base model in the words of the table it came from). Unknown is missing (`isna()`) in every column.
`frame.attrs` holds `suite` (its name) and `notes` (sentences on what had to be left out or mended).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from src.core import exact
from src.core.frames.cells import TEXT
from src.core.frames.contents import EXTRAS, FIELDS, Field, from_contents, settle, suite_of, to_contents
from src.core.frames.tables import read_table, write_parquet
from src.core.items.errors import KEY as ERRORS
from src.core.items.errors import ItemErrors
from src.core.items.options import KEY as OPTIONS
from src.core.items.options import OptionScores
from src.core.items.sensitivity import KEY as SENSITIVITY
from src.core.items.sensitivity import OptionSensitivity
from src.core.records import Request, Result
from src.core.run_costs import run_costs
from src.core.run_identity import RunIdentity, backend_of, joined
from src.core.scoring import Scored, co2_kg, score
from src.core.suites import Suite, load
from src.core.untrusted import mapping, number

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
    """Return the tidy frame of everything that was run on `suite`, one row for each `RunIdentity`.

    Several runs of one identity complete each other, benchmark by benchmark, the newest first; a run that does not say
    everything belongs to the only one it fits. What the harness does not know (type, licence, date of submission …)
    comes from the row's request. Runs without any benchmark of the suite make no row; runs that lack some have no
    average. `attrs["notes"]` says which runs were joined and which were kept apart.
    """
    suite = load(suite) if isinstance(suite, str) else suite
    asked: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        asked[request.model].append(request)
    scored_runs = []
    for result in results:
        scored = score(result, suite)
        if any(benchmark.raw is not None for benchmark in scored.benchmarks.values()):
            scored_runs.append((RunIdentity.of(result), result, scored))
    runs: dict[RunIdentity, list[tuple[Result, Scored]]] = defaultdict(list)
    of_model: dict[str, list[RunIdentity]] = defaultdict(list)
    for identity, _, _ in scored_runs:
        of_model[identity.model].append(identity)
    whole = {own: target for identities in of_model.values() for own, target in joined(identities).items()}
    for identity, result, scored in scored_runs:
        runs[whole[identity]].append((result, scored))
    rows = [_row(identity, newest_first(of_key), asked[identity.model], suite) for identity, of_key in runs.items()]
    scores = [f"{benchmark.key}.{part}" for benchmark in suite.benchmarks for part in ("raw", "score")]
    kinds: dict[str, Any] = {field.key: TEXT if field.dtype == "str" else field.dtype for field in FIELDS + EXTRAS}
    kinds |= dict.fromkeys(scores, "float64")
    errors = [f"{benchmark.key}.{part}" for benchmark in suite.benchmarks for part in ("se", "from", "to")]
    kinds |= {column: "float64" for column in errors if any(column in row for row in rows)}
    frame = pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
    return settle(frame, suite, notes=list(_notes(runs)))


def _notes(runs: Mapping[RunIdentity, Sequence[tuple[Result, Scored]]]) -> Iterator[str]:
    """Yield a sentence for each row made of runs that differ harmlessly, and for each that was kept apart."""
    first: dict[str, RunIdentity] = {}
    for identity, own in runs.items():
        backends = sorted({backend for result, _ in own if (backend := backend_of(result))})
        silent = sorted({word for result, _ in own for word in RunIdentity.of(result).unknown} - set(identity.unknown))
        if len(backends) > 1 or silent:
            ways = f" by {' and '.join(backends)}" if len(backends) > 1 else ""
            taken = f"; one does not say its {' and '.join(silent)}" if silent else ""
            yield f"{identity.model}: {len(own)} runs{ways} are one row{taken}."
        other = first.setdefault(identity.model, identity)
        if other is not identity and (words := identity.differences(other) or other.differences(identity)):
            yield f"{identity.model}: runs that differ in configuration are rows of their own ({', '.join(words)})."


def newest_first(runs: Sequence[tuple[Result, Scored]]) -> list[tuple[Result, Scored]]:
    """Run by the time they were written, else started; those of unknown time last."""
    return sorted(runs, key=lambda run: run[0].written or run[0].date or OLDEST, reverse=True)


def _row(
    identity: RunIdentity, runs: Sequence[tuple[Result, Scored]], asked: Sequence[Request], suite: Suite
) -> dict[str, Any]:
    result, scored = runs[0]
    request = _request_of(result, asked)
    row: dict[str, Any] = {
        "model": result.model,
        "precision": identity.precision,
        "revision": identity.revision,
        "params_b": next((size for each, _ in runs if (size := _billions(each)) is not None), None),
        "license": result.settings.get("license"),
        "chat_template": identity.chat_template,
        "co2_kg": co2_kg(result, suite),
        "scorer": scored.scorer,
        "result_path": result.path,
        "configuration": identity.configuration,
        "base_model": result.base_model,
        "weight_type": "Adapter" if result.base_model else None,
        "harness": _harness(result),
        **run_costs(result),
    }
    if request:
        row |= {
            "precision": identity.precision or request.precision,
            "revision": identity.revision or request.revision,
            "model_type": request.model_type,
            "weight_type": request.weight_type,
            "architecture": request.architectures,
            "params_b": request.params or row["params_b"],
            "license": request.license or row["license"],
            "likes": request.likes,
            "chat_template": row["chat_template"] if row["chat_template"] is not None else request.use_chat_template,
            "submission_date": f"{request.submitted_time:%Y-%m-%d}" if request.submitted_time else None,
            "base_model": request.base_model or row["base_model"],
        }
    return row | _scores(runs, suite)


def _scores(runs: Sequence[tuple[Result, Scored]], suite: Suite) -> dict[str, Any]:
    """Return each benchmark's scores, and what its items tell of them, from the newest run that has it whole."""
    row: dict[str, Any] = {}
    options: list[OptionScores] = []
    spreads: list[float] = []
    for key in (benchmark.key for benchmark in suite.benchmarks):
        row |= {f"{key}.raw": None, f"{key}.score": None}
        source = next((run for run in runs if run[1].benchmarks[key].raw is not None), None)
        if source is None:
            continue
        result, benchmark_score = source[0], source[1].benchmarks[key]
        row |= {f"{key}.raw": benchmark_score.raw, f"{key}.score": benchmark_score.score}
        if errors := ItemErrors.read(mapping(result.settings.get(ERRORS)).get(key)):
            row |= {f"{key}.se": errors.se, f"{key}.from": errors.low, f"{key}.to": errors.high}
        if certainty := OptionScores.read(mapping(result.settings.get(OPTIONS)).get(key)):
            options.append(certainty)
        if sensitivity := OptionSensitivity.read(mapping(result.settings.get(SENSITIVITY)).get(key)):
            spreads.append(sensitivity.high - sensitivity.low)
    return row | _certainty(options) | ({"sensitivity": exact.mean(spreads)} if spreads else {})


def _certainty(options: Sequence[OptionScores]) -> dict[str, float]:
    """Return means over multiple-choice benchmarks: set size; coverage, UAcc (after the ratio) and ECE in points."""
    if not options:
        return {}
    return {
        "set_size": exact.mean(each.set_size for each in options),
        "coverage": 100 * exact.mean(each.coverage for each in options),
        "uacc": 100 * exact.mean(each.uacc for each in options),
        "ece": 100 * exact.mean(each.ece for each in options),
    }


def _request_of(result: Result, asked: Sequence[Request]) -> Request | None:
    """Return the request a run answered.

    Of its precision (if it tells), rather of its revision, rather the newest.
    """
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


def _harness(result: Result) -> str | None:
    """Return the harness and its version; None for lm-eval without one, as every older row has it."""
    version = result.settings.get("harness_version") or result.settings.get("lm_eval_version")
    if result.harness == "lm-eval" and not version:
        return None
    return f"{result.harness} {version}" if version else result.harness
