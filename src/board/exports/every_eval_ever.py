"""The board for other boards: one Every Eval Ever record a row, schema 0.3, filed as that datastore files them."""

from __future__ import annotations

import hashlib
import io
import math
import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from src.board.live.certainty import LEVEL, with_certainty
from src.board.live.identity import BoardIdentity
from src.board.live.snapshot import Snapshot
from src.board.table.listing import Listing, ModelRows, plain
from src.core.names import is_model_name
from src.core.suites import Benchmark

SCHEMA = "0.3.0"
HARNESS = "lm_eval"
UNITS = {"%": "percent"}


def archive(listing: Listing) -> bytes:
    """Return a zip of `data/<suite>/<developer>/<model>/<uuid>.json`; the same snapshot gives the same bytes.

    Rows without a score, and names that could be no repository's, are left out.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as whole:
        for path, record in records(listing):
            entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            whole.writestr(entry, orjson.dumps(record), compresslevel=1)  # thousands of small files: speed counts
    return out.getvalue()


def records(listing: Listing) -> list[tuple[str, dict[str, Any]]]:
    """(path in the datastore, record) of each listed row."""
    snapshot = listing.snapshot
    return [(record_path(snapshot, row), record(snapshot, row)) for row in recordable(listing)]


def recordable(listed: Listing | ModelRows) -> list[dict[str, Any]]:
    """Return the rows that a record can be made of, as plain values with their uncertainty."""
    snapshot = listed.snapshot
    frame = snapshot.frame if "average.se" in snapshot.frame else with_certainty(snapshot.frame, snapshot.suite)
    frame = frame.iloc[listed.positions]
    columns = {name: plain(frame[name]) for name in frame.columns}
    rows = ({name: values[at] for name, values in columns.items()} for at in range(len(frame)))
    return [row for row in rows if is_model_name(row["model"]) and "/" in row["model"] and _results(snapshot, row)]


def record(snapshot: Snapshot, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row, with its uncertainty if known. `row` holds plain values, None if unknown."""
    developer, _, name = str(row["model"]).partition("/")
    retrieved = str(snapshot.as_of.timestamp())
    about = {
        "precision": row.get("precision"),
        "revision": row.get("revision"),
        "architecture": row.get("architecture"),
        "params_billions": row.get("params_b"),
        "model_type": row.get("model_type"),
        "base_model": row.get("base_model"),
        "license": row.get("license"),
        "chat_template": row.get("chat_template"),
        "configuration": row.get("configuration"),
    }
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{snapshot.suite.name}/{str(row['id']).replace('/', '_')}/{retrieved}",
        **_when(row.get("submission_date")),
        "retrieved_timestamp": retrieved,
        "source_metadata": {
            "source_name": snapshot.identity.name if snapshot.identity else snapshot.suite.title,
            "source_type": "documentation",
            **_organisation(snapshot.identity),
            "evaluator_relationship": "third_party",
            "additional_details": {"store": snapshot.store or "unknown", "revision": snapshot.revision or "unknown"},
        },
        "eval_library": _library(row.get("harness")),
        "model_info": {
            "name": name,
            "id": str(row["model"]),
            "developer": developer,
            "inference_platform": "unknown",
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown" if row.get("available") is False else "open_weights",
                **{key: str(value) for key, value in about.items() if value is not None},
            },
        },
        "evaluation_results": _results(snapshot, row),
    }


def _organisation(identity: BoardIdentity | None) -> dict[str, str]:
    """Return who published the results, by name and address if it is known."""
    if identity is None:
        return {
            "source_organization_name": "Open LLM Leaderboard",
            "source_organization_url": "https://huggingface.co/open-llm-leaderboard",
        }
    url = {"source_organization_url": identity.url} if identity.url else {}
    return {"source_organization_name": identity.name, **url}


def _results(snapshot: Snapshot, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for benchmark in snapshot.suite.benchmarks:
        raw, score = row.get(f"{benchmark.key}.raw"), row.get(f"{benchmark.key}.score")
        if raw is not None and benchmark.unit == "%":  # an error rate or a ratio is no share: its score says it all
            found.append(
                _result(snapshot, benchmark, kind="raw", score=float(raw), unit="proportion", bounds=(0.0, 1.0))
            )
        if score is not None:
            found.append(_published(snapshot, benchmark, row, float(score)))
    return found


def _published(snapshot: Snapshot, benchmark: Benchmark, row: Mapping[str, Any], score: float) -> dict[str, Any]:
    low, high = benchmark.bounds or (-math.inf, math.inf)
    bounds = (low if math.isfinite(low) else "-Infinity", high if math.isfinite(high) else "Infinity")
    unit = UNITS.get(benchmark.unit, benchmark.unit or "points")
    uncertainty = _uncertainty(benchmark, row)
    return _result(
        snapshot, benchmark, kind="published", score=score, unit=unit, bounds=bounds, uncertainty=uncertainty
    )


def _result(
    snapshot: Snapshot,
    benchmark: Benchmark,
    *,
    kind: str,
    score: float,
    unit: str,
    bounds: tuple[float | str, float | str],
    uncertainty: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    known = benchmark.hub
    source = (
        {"source_type": "hf_dataset", "hf_repo": known.dataset}
        | ({"samples_number": benchmark.items} if benchmark.items else {})
        if known
        else {"source_type": "other"}
    )
    normalised = kind == "published" and benchmark.normalise != "none"
    return {
        "evaluation_result_id": f"{snapshot.suite.name}.{benchmark.key}.{kind}",
        "evaluation_name": f"{benchmark.title} ({kind})",
        "source_data": {"dataset_name": benchmark.title, **source},
        "metric_config": {
            "evaluation_description": benchmark.help
            + (" Guessing is taken off: 0 is chance, 100 is everything right." if normalised else ""),
            "metric_id": f"{snapshot.suite.name}.{benchmark.key}.{kind}",
            "metric_name": ", ".join(benchmark.metrics) or benchmark.title,
            "metric_kind": "normalised_accuracy" if normalised else "accuracy",
            "metric_unit": unit,
            "metric_parameters": {"num_few_shot": benchmark.shots},
            "lower_is_better": not benchmark.higher_is_better,
            "score_type": "continuous",
            "min_score": bounds[0],
            "max_score": bounds[1],
        },
        "score_details": {"score": score, **({"uncertainty": dict(uncertainty)} if uncertainty else {})},
    }


def _uncertainty(benchmark: Benchmark, row: Mapping[str, Any]) -> dict[str, Any]:
    se, low, high = (row.get(f"{benchmark.key}.{part}") for part in ("se", "low", "high"))
    method = "from counts" if row.get(f"{benchmark.key}.approximate") else "from samples"
    found: dict[str, Any] = {}
    if se is not None:
        found["standard_error"] = {"value": float(se), "method": f"analytic, {method}"}
    if low is not None and high is not None:
        interval = {"lower": float(low), "upper": float(high), "confidence_level": LEVEL}
        found["confidence_interval"] = {**interval, "method": f"before clipping at chance, {method}"}
    count = row.get(f"{benchmark.key}.n") or benchmark.items
    if count:
        found["num_samples"] = int(count)
    return found


def _library(harness: Any) -> dict[str, str]:
    """Return name and version of the harness that the row names; the board's own results are lm-eval's."""
    name, _, version = str(harness or HARNESS).partition(" ")
    return {"name": HARNESS if name == "lm-eval" else name, "version": version or "unknown"}


def _when(day: Any) -> dict[str, str]:
    try:
        return {"evaluation_timestamp": datetime.fromisoformat(str(day)[:10]).replace(tzinfo=UTC).isoformat()}
    except ValueError:
        return {}


def record_path(snapshot: Snapshot, row: Mapping[str, Any]) -> str:
    """Return where the datastore files the record of a row."""
    # the datastore wants a version 4 uuid; made of the row's key, so that the same row keeps its file
    key = "\n".join([snapshot.suite.name, snapshot.revision, str(row["id"]), str(row.get("revision"))])
    name = uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4)
    return f"data/{snapshot.suite.name}/{row['model']}/{name}.json"
