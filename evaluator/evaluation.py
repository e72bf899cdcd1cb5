"""One request from claim to result on this box: weights, child, energy, publishing. No queue in here."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluator import benchmarks, download, publish, sandbox, subset
from evaluator.energy import KG_PER_KWH, Meter
from evaluator.job import NO_WEIGHTS, Failure, benchmarks_of, plan_job
from evaluator.preflight import check_box
from evaluator.run_log import RunLog
from src.core import estimates
from src.core.errors import BadInput, Conflict, StoreError
from src.core.model.checks import Limits
from src.core.records import Request
from src.core.store import Store
from src.core.suites import Suite

Notice = Callable[[str, Mapping[str, Any]], None]
"""Called with what happens ("download", "unit", "answers", …) and its particulars."""


@dataclass(frozen=True)
class Settings:
    """How this box evaluates, whatever the model."""

    workspace: Path
    backend: str = "prefix-tree"
    backend_args: dict[str, Any] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()  # benchmarks or tasks; empty: the whole suite
    limit: int | None = None
    subset: int | None = None  # questions a benchmark: then what comes out is an estimate, kept apart from results
    device: str | None = None
    batch_size: int = 8
    offline: bool = False
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    models: Limits = field(default_factory=Limits)
    keep: bool = False  # weights and run folders, after they were published
    token: str | None = None  # for gated datasets and models; never reaches a child

    @property
    def benchmarks(self) -> Path:
        return self.workspace / "benchmarks"


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the path of its result in the store, or why there is none."""

    result: str | None = None
    failure: Failure | None = None
    log: str = ""


def ready(suite: Suite, settings: Settings) -> Path | None:
    """Bring or check everything a suite needs on this box; returns NLTK's data. Raises BadInput with what misses."""
    keys = [benchmark.key for benchmark, _ in benchmarks_of(suite, settings.wanted)]
    if not settings.offline:
        benchmarks.fetch(settings.benchmarks, keys, settings.token)
    return check_box(keys, settings.benchmarks, settings.backend)


def evaluate(
    request: Request,
    suite: Suite,
    store: Store,
    settings: Settings,
    *,
    proof: Mapping[str, Any] | None = None,
    notice: Notice = lambda *_: None,
    stop: threading.Event | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Run one model on one suite and publish what came out. `folder`: the model lies there, not on the Hub.

    A run of the same job that was killed here before goes on where it was.
    """
    try:
        punkt = ready(suite, settings)
    except BadInput as error:
        return Outcome(failure=Failure("box", str(error)))
    notice("download", {})
    try:
        request, weights = weights_for(request, settings, folder, stop)
    except download.Unready as unready:
        return Outcome(failure=unready.failure)
    job = plan_job(
        request, suite, weights.folder, settings.wanted,
        adapter=str(weights.adapter) if weights.adapter else None,
        delta=str(weights.delta) if weights.delta else None,
        backend=settings.backend, backend_args=settings.backend_args, limit=settings.limit, device=settings.device,
        batch_size=settings.batch_size,
        items=subset.choose(suite, settings.wanted, settings.subset) if settings.subset else None,
    )  # fmt: skip
    run = settings.workspace / "runs" / job.fingerprint()
    run.mkdir(parents=True, exist_ok=True)
    job.write(run / "job.json")
    log = log_of(run)
    try:
        with in_use(weights, settings), meter_of(run, suite) as meter:
            failure = sandbox.run_child(
                run, settings.benchmarks, settings.limits, nltk_data=punkt, stop=stop, log=log,
                on_event=lambda event: notice(event["event"], event),
            )  # fmt: skip
    except download.Unready as unready:
        return Outcome(failure=unready.failure)
    if failure is None and stop is not None and stop.is_set():
        failure = Failure("stopped", "The evaluation was stopped by the evaluator's owner.")
    told = log.text()
    if failure is not None:
        return Outcome(failure=failure, log=told)
    notice("publish", {})
    if settings.subset:
        outcome = _estimate(store, run, suite)
    else:
        outcome = publish_run(store, run, suite, proof or {}, {"energy": asdict(meter.energy())})
    if outcome.result and not settings.keep:
        download.forget((weights.folder, weights.adapter, weights.delta))
        shutil.rmtree(run, ignore_errors=True)
    return replace(outcome, log=told)


def weights_for(
    request: Request, settings: Settings, folder: Path | None = None, stop: threading.Event | None = None
) -> tuple[Request, download.Weights]:
    """What the backend loads, on this box, and the request with its revision settled. Raises Unready."""
    models = settings.workspace / "models"
    if settings.backend in NO_WEIGHTS:  # answers without weights; for trying out a board
        return request, download.Weights(models)
    if folder is not None:
        return download.adopt(folder, request, models, settings.models)
    return request, download.bring(request, models, settings.models, settings.token, stop)


def in_use(weights: download.Weights, settings: Settings) -> AbstractContextManager[None]:
    """Within, the weights stay on the disk. Raises Unready where another run has just removed them."""
    return nullcontext() if settings.backend in NO_WEIGHTS else download.in_use(weights)


def meter_of(run: Path, suite: Suite) -> Meter:
    """Counts what is drawn while it runs, at the carbon of the suite's grid."""
    return Meter(run, kg_per_kwh=suite.carbon.kg_per_kwh if suite.carbon else KG_PER_KWH)


def log_of(run: Path) -> RunLog:
    """What a run said, of which nothing of a gated benchmark leaves the box."""
    return RunLog(run, [key for key, source in benchmarks.SOURCES.items() if source.gated])


def publish_run(store: Store, run: Path, suite: Suite, proof: Mapping[str, Any], more: Mapping[str, Any]) -> Outcome:
    """Publish a finished run folder; why not, where the folder or the store is at fault."""
    try:
        return Outcome(publish.publish(store, run, suite, proof, more))
    except publish.BadRun as error:
        shutil.rmtree(run, ignore_errors=True)  # nothing in there is worth resuming from
        return Outcome(failure=Failure("harness", str(error)))
    except (StoreError, Conflict) as error:
        return Outcome(failure=Failure("publish-failed", str(error)))


def _estimate(store: Store, run: Path, suite: Suite) -> Outcome:
    try:
        return Outcome(estimates.keep(store, subset.estimated(run, suite, store, datetime.now(UTC))))
    except BadInput as error:
        return Outcome(failure=Failure("harness", str(error)))
    except StoreError as error:
        return Outcome(failure=Failure("publish-failed", str(error)))
