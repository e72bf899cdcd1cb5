"""Self-checks of earlier runs on this machine: a model of the same architecture and settings need not repeat them.

The key is computed here, from files of the model and facts of the machine; a child may only name the outcome.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evaluator import engine
from evaluator.job import RESULTS, SELF_CHECK, Job
from evaluator.run import engine_status
from evaluator.run_files import distrust, read_json

KEPT = "selfchecks.json"  # in the workspace
MOST_KEPT = 200
NAMES = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures_sha"}
"""Fields of config.json that change no execution path."""
FIELDS = {
    "scoring": ("packed", "rows", "stock"),
    "attention": ("eager", "sdpa", "flex_attention", None),
    "generation": ("rolling", "continuous", "stock", None),
}


def offer(run: Path, workspace: Path, job: Job) -> None:
    """Write the outcome of an earlier self-check into a run folder, if there is one."""
    place = run / SELF_CHECK
    place.unlink(missing_ok=True)
    known = engine_status.read_kept(workspace / KEPT).get(key_of(job))
    if known is not None and job.backend == engine.MODEL_NAME:
        place.write_text(json.dumps(known), encoding="utf-8")


def keep(run: Path, workspace: Path, job: Job) -> None:
    """Keep the outcome of the self-check of a finished run."""
    if job.backend != engine.MODEL_NAME:
        return
    with distrust("The result"):
        report = read_json(run, RESULTS)["config"].get("engine")
        outcome = _outcome(report) if isinstance(report, dict) else None
    path, key = workspace / KEPT, key_of(job)
    kept = engine_status.read_kept(path)
    if outcome and kept.get(key) != outcome:
        kept.pop(key, None)
        engine_status.write_kept(path, dict(list(kept.items())[1 - MOST_KEPT :]) | {key: outcome})


def key_of(job: Job) -> str:
    """Return a hash of architecture, dtype, versions, machine, generation settings and what the operator asked for."""
    weights = Path(job.weights)
    about = {
        "config": {name: value for name, value in _json(weights / "config.json").items() if name not in NAMES},
        "generation_config": _json(weights / "generation_config.json"),
        "precision": job.precision,
        "parts": [bool(job.adapter), bool(job.delta)],
        "arguments": job.backend_args,
        "defaults": job.generation_defaults,
        "machine": engine_status.fingerprint(job.device),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _outcome(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of a report that a later run reads; None if one of them is not what it can be."""
    if any(report.get(name) not in allowed for name, allowed in FIELDS.items()) or not report.get("scoring"):
        return None
    if "failed on the way" in str(report.get("generation_reason")):  # of that run, not of the architecture
        return None
    difference = report.get("scoring_difference")
    outcome = {name: report.get(name) for name in FIELDS}
    outcome |= {f"{name}_reason": str(report.get(f"{name}_reason") or "")[:500] for name in ("scoring", "generation")}
    return outcome | {"scoring_difference": difference if isinstance(difference, float) else None}


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        data = json.loads(path.read_text(encoding="utf-8"))
        return data if isinstance(data, dict) else {}
    return {}
