"""Measure an import in bulk: 229,000 results in 22,000 Every Eval Ever records, `python -m tests.bench.imports`."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path

from src.board.importing.files import import_files
from src.core.store import LocalStore
from tests.bench import report, verdict

RECORDS, RESULTS = 22_000, 229_000
SECONDS, GIGABYTES = 60, 1.5
NAMES = ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MuSR", "MMLU-PRO", *(f"Nonesuch {letter}" for letter in "ABCD"))


def record(at: int, results: int) -> dict[str, object]:
    """Return the record of one made-up model."""
    metric = {"lower_is_better": False, "score_type": "continuous", "min_score": 0, "max_score": 1}
    return {
        "schema_version": "0.3.0",
        "evaluation_id": f"made-up/{at}",
        "retrieved_timestamp": "1767312000",
        "source_metadata": {"source_type": "documentation", "source_organization_name": "Made up",
                            "evaluator_relationship": "third_party"},
        "eval_library": {"name": "made_up", "version": "1"},
        "model_info": {"name": f"m{at}", "id": f"org{at % 500}/m{at}"},
        "evaluation_results": [
            {
                "evaluation_name": NAMES[one % len(NAMES)],
                "source_data": {"dataset_name": NAMES[one % len(NAMES)], "source_type": "other"},
                "metric_config": metric,
                "score_details": {"score": (at * 7 + one * 13) % 1000 / 1000},
            }
            for one in range(results)
        ],
    }  # fmt: skip


def main() -> None:
    """Report seconds and memory."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "records"
        folder.mkdir()
        left = RESULTS
        for at in range(RECORDS):
            count = left // (RECORDS - at)
            left -= count
            (folder / f"{at}.json").write_text(json.dumps(record(at, count)))
        began = time.monotonic()
        done = import_files([folder], LocalStore(Path(made) / "board"))
        seconds = time.monotonic() - began
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rows = sum(done.rows.values())
    report("import of 229,000 results", round(seconds, 1), "s", f"≤ {SECONDS}", seconds <= SECONDS, sample=rows)
    report("its memory", round(gigabytes, 2), "GB", f"≤ {GIGABYTES}", gigabytes <= GIGABYTES, sample=rows)


if __name__ == "__main__":
    main()
    raise SystemExit(verdict())
