"""Our engine and lm-eval's `hf` on one model, with what both read and how their time is taken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.evaluator.engine import suite

SOURCE = Path(__file__).resolve().parents[4] / "shared" / "benchmarks"


def ours(model: Any, tokenizer: Any, **arguments: Any) -> Any:

    from evaluator.engine.model import PrefixTree

    return PrefixTree(model, tokenizer=tokenizer, **arguments)


def theirs(model: Any, tokenizer: Any, batch: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(model, tokenizer=tokenizer, batch_size=batch)


def data() -> Path:
    """Return the offline datasets, laid out once a machine."""
    import tempfile

    return suite.write_datasets(SOURCE, Path(tempfile.gettempdir()) / f"engine-bench-{os.getuid()}")


def documents(requests: Sequence[Any]) -> int:
    return len({request.doc_id for request in requests})


def timed(call: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """((processor seconds, wall seconds), what the call gave)."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = call()
    return (time.process_time() - cpu, time.perf_counter() - wall), found


def ratio(value: float, peer: float) -> float | None:
    return value / peer if peer else None


def quiet() -> None:
    import logging
    import warnings

    import transformers

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
