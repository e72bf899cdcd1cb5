"""Evaluate one request on this machine, without a queue: weights, child process, energy, publishing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluator.box import datasets, disk, download
from evaluator.box.energy import KG_PER_KWH, Energy, Meter
from evaluator.box.preflight import check_box, packages_missing
from evaluator.fence.enter import LANDLOCK
from evaluator.job import CHECKPOINTS, NO_WEIGHTS, RESULTS, Job, RunFailure, benchmarks_of, plan_job
from evaluator.run import cost, exams, publish, sandbox, self_checks, served, subset
from evaluator.run.asking import facts_of, of_tasks
from evaluator.run.run_log import RunLog
from evaluator.run_files import BadRunError, distrust, read_json, remove
from evaluator.served.endpoints import Endpoint
from evaluator.settings import RunSettings
from evaluator.task_facts import expanded
from src.core import estimates
from src.core.engine_way import way_words
from src.core.errors import BadInputError, ConflictError, DeniedError, StoreError
from src.core.exams import Exam
from src.core.model.fit.against import check_context
from src.core.model.repository import Repository
from src.core.model.source import FolderModel
from src.core.names import endpoint_of
from src.core.records import Request
from src.core.store import Store
from src.core.suites import Suite

Notice = Callable[[str, Mapping[str, Any]], None]
"""A callback for progress: called with an event ("download", "unit", "answers", …) and its fields."""


@dataclass(frozen=True)
class Outcome:
    """The end of a run: the path of its result in the store, or the reason why there is none."""

    result: str | None = None
    failure: RunFailure | None = None
    log: str = ""
    engine: str | None = None  # how the engine answered the requests, in words


NEED_SOCKETS = {"vllm", "sglang"}


def ready(suite: Suite, settings: RunSettings) -> Path | None:
    """Download or check everything a suite needs on this machine; return the folder of NLTK data.

    Raise BadInputError with everything that is missing, including a sandbox for the models.
    """
    fence = sandbox.fence(settings.limits)
    if settings.backend in NEED_SOCKETS and fence.rung == LANDLOCK:
        raise BadInputError(
            f"{settings.backend} runs several processes that communicate over sockets, and the only sandbox that "
            f"works here forbids sockets ({fence}). Install `bubblewrap`, or use another backend."
        )
    if problems := packages_missing(settings.backend):
        raise BadInputError("This machine is not ready.\n" + "\n".join(f"- {problem}" for problem in problems))
    facts = facts_of(suite, settings)
    chosen = benchmarks_of(expanded(suite, facts), settings.wanted)
    tasks = [facts.tasks[task] for _, names in chosen for task in names]
    if not settings.offline:
        datasets.fetch(settings.benchmarks, tasks, settings.token)
    return check_box([benchmark for benchmark, _ in chosen], tasks, settings)


def evaluate(
    request: Request,
    suite: Suite,
    store: Store,
    settings: RunSettings,
    *,
    proof: Mapping[str, Any] | None = None,
    notice: Notice = lambda *_: None,
    stop: threading.Event | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Run one model on one suite and publish the result. `folder`: read the model from there, not from the Hub.

    A killed run of the same job on this machine is resumed.
    """
    try:
        return _evaluate(request, suite, store, settings, proof=proof, notice=notice, stop=stop, folder=folder)
    except OSError as error:
        failure = disk.failure_of(error, settings.workspace)
        if failure is None:
            raise
        return Outcome(failure=failure)


def _evaluate(
    request: Request,
    suite: Suite,
    store: Store,
    settings: RunSettings,
    *,
    proof: Mapping[str, Any] | None,
    notice: Notice,
    stop: threading.Event | None,
    folder: Path | None,
) -> Outcome:
    private: Mapping[str, Exam] = {}
    if any(benchmark.private for benchmark in suite.benchmarks):
        if endpoint_of(request.model):
            sentence = f"{suite.title} has a private exam, whose items would leave this box for an endpoint."
            return Outcome(failure=RunFailure("box", sentence))
        try:
            ready(suite, settings)
            private = exams.prepare(store, suite, settings)  # published before the first run, or it proves nothing
        except BadInputError as error:
            return Outcome(failure=RunFailure("box", str(error)))
        except StoreError as error:
            return Outcome(failure=RunFailure("box", f"The root of a private exam could not be published: {error}"))
    ran = answer(request, suite, settings, notice=notice, stop=stop, folder=folder)
    if isinstance(ran, Outcome):
        return ran
    notice("publish", {})
    if settings.subset:
        outcome = _estimate(store, ran.folder, suite)
    else:
        outcome = publish_run(store, ran.folder, suite, proof or {}, ran.more, ran.facts, private=private)
    if outcome.result and not settings.keep:
        download.forget(ran.weights)
        remove(ran.folder)
    return replace(outcome, log=ran.log)


@dataclass(frozen=True)
class Ran:
    """A run that answered and graded everything: its folder, energy, log and weights."""

    folder: Path
    energy: Energy
    log: str
    weights: download.Weights
    facts: Mapping[str, Any]  # what the parent knows of the run, for the result's configuration
    more: Mapping[str, Any]  # blocks of the result that the parent measured


def answer(
    request: Request,
    suite: Suite,
    settings: RunSettings,
    *,
    notice: Notice = lambda *_: None,
    stop: threading.Event | None = None,
    folder: Path | None = None,
) -> Ran | Outcome:
    """Run one model on the wanted tasks in a child process; return an Outcome with the failure if there is one."""
    try:
        endpoint = served.endpoint_for(request.model, settings)
        settings = served.adapted(settings, endpoint) if endpoint else settings
        punkt = ready(suite, settings)
    except BadInputError as error:
        return Outcome(failure=RunFailure("box", str(error)))
    if endpoint:
        return _answer_by_server(request, suite, settings, endpoint, notice=notice, stop=stop, punkt=punkt)
    notice("download", {})
    try:
        request, weights = _weights(request, settings, folder, stop)
        _refuse_short_context(weights, suite, settings)
        run = prepare(request, suite, settings, weights)
        job = Job.read(run / "job.json")
        self_checks.offer(run, settings.workspace, job)
        log = RunLog(run, [benchmark.key for benchmark in suite.benchmarks if benchmark.withheld])
        grid = suite.carbon.kg_per_kwh if suite.carbon else KG_PER_KWH
        with _in_use(weights, settings), Meter(run, kg_per_kwh=grid) as meter:
            failure = sandbox.run_child(
                run, settings.benchmarks, settings.limits, nltk_data=punkt, stop=stop, log=log,
                reads=[*(() if settings.backend in NO_WEIGHTS else weights.folders), *own_folder(settings)],
                on_event=lambda event: notice(event["event"], event),
            )  # fmt: skip
    except download.NotReadyError as unready:
        return Outcome(failure=unready.failure)
    if failure is None and stop is not None and stop.is_set():
        failure = RunFailure("stopped", "The evaluation was stopped by the evaluator's owner.")
    if failure is not None:
        if failure.code in MAY_BE_THE_DISK and disk.is_full(run):
            failure = RunFailure("disk-full", f"The disk of {run} is full. Make room on this box.")
        return Outcome(failure=failure, log=log.text())
    with suppress(BadRunError):  # publishing refuses the result
        self_checks.keep(run, settings.workspace, job)
    facts: dict[str, Any] = {"sandbox": str(sandbox.fence(settings.limits))}
    if notes := list(dict.fromkeys([*request.notes, *weights.notes])):
        facts["notes"] = notes
    energy = meter.energy()
    more = {"energy": asdict(energy)} | cost.of_devices(settings, energy.seconds)
    return Ran(run, energy, log.text(), weights, facts, more)


def _answer_by_server(
    request: Request,
    suite: Suite,
    settings: RunSettings,
    endpoint: Endpoint,
    *,
    notice: Notice,
    stop: threading.Event | None,
    punkt: Path | None,
) -> Ran | Outcome:
    weights = download.Weights(settings.workspace / "models")
    try:
        chosen = served.answerable(suite, facts_of(suite, settings), settings, endpoint)
        run = prepare(request, suite, replace(settings, wanted=chosen.tasks), weights, endpoint=endpoint)
        log = RunLog(run, [benchmark.key for benchmark in suite.benchmarks if benchmark.withheld])
        with Meter(run) as meter, served.way_out(endpoint, run, settings, notice) as out:
            failure = out.require_scores(chosen.scored) or sandbox.run_child(
                run, settings.benchmarks, settings.limits, nltk_data=punkt, stop=stop, log=log,
                reads=[*served.folders(endpoint), *own_folder(settings)],
                on_event=lambda event: notice(event["event"], event),
                pipes=out.gateway.child_ends, on_start=out.gateway.release_child_ends,
            )  # fmt: skip
    except BadInputError as error:
        return Outcome(failure=RunFailure("refused", str(error)))
    if stop is not None and stop.is_set():
        failure = RunFailure("stopped", "The evaluation was stopped by the evaluator's owner.")
    elif failure is not None:
        failure = out.failure or failure  # what the child says of it is only that it had no answer
    if failure is not None:
        return Outcome(failure=failure, log=log.text())
    facts: dict[str, Any] = {"sandbox": str(sandbox.fence(settings.limits))}
    if notes := [note for note in (*request.notes, chosen.note) if note]:
        facts["notes"] = notes
    more = served.report(out, settings, datetime.now(UTC))
    return Ran(run, meter.energy(), log.text(), weights, facts, more)


MAY_BE_THE_DISK = {"crashed", "harness", "load-failed", "unknown"}
"""Failure codes that a full disk can cause."""


def prepare(
    request: Request,
    suite: Suite,
    settings: RunSettings,
    weights: download.Weights,
    place: str = "runs",
    endpoint: Endpoint | None = None,
) -> Path:
    """Create the folder of a run in `place` of the workspace, with its job file, and return it."""
    facts = facts_of(suite, settings)
    job = plan_job(
        request, suite, weights.folder, settings.wanted, facts, **of_tasks(facts, settings),
        adapter=str(weights.adapter) if weights.adapter else None,
        delta=str(weights.delta) if weights.delta else None,
        tokenizer=str(weights.tokenizer) if weights.tokenizer else endpoint.tokenizer if endpoint else None,
        endpoint=served.child_facts(endpoint) if endpoint else None,
        backend=settings.backend, backend_args=settings.backend_args, limit=settings.limit, device=settings.device,
        batch_size=settings.batch_size, perturb=settings.perturb,
        items=subset.choose(suite, settings.wanted, settings.subset) if settings.subset else None,
    )  # fmt: skip
    run = settings.workspace / place / job.fingerprint()
    (run / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    if endpoint and (run / "job.json").exists():  # resumed: it is of the day on which it began
        job = replace(job, revision=Job.read(run / "job.json").revision)
    job.write(run / "job.json")
    return run


def own_folder(settings: RunSettings) -> list[Path]:
    """Return the folder of the board's own tasks, if it has one."""
    return [settings.own_tasks] if settings.own_tasks else []


def _weights(
    request: Request, settings: RunSettings, folder: Path | None, stop: threading.Event | None
) -> tuple[Request, download.Weights]:
    models = settings.workspace / "models"
    if settings.backend in NO_WEIGHTS:  # answers without weights, to try out a board
        return request, download.Weights(models)
    downloads = download.Downloads(models, settings.models, settings.token, stop, settings.unsupported)
    if folder is not None:
        below = download.bring_base(request, downloads)
        return download.adopt(folder, request, models, settings.models, below)
    return request, download.bring(request, downloads)


def _refuse_short_context(weights: download.Weights, suite: Suite, settings: RunSettings) -> None:
    """Raise NotReadyError if a benchmark's answers do not fit into the model's context, before it is loaded."""
    if settings.backend in NO_WEIGHTS or "max_length" in settings.backend_args:
        return
    chosen = [benchmark for benchmark, _ in benchmarks_of(suite, settings.wanted)]
    for check in check_context(Repository(FolderModel("", "", weights.folder)), suite, chosen):
        raise download.NotReadyError(RunFailure("refused", check.sentence))


def _in_use(weights: download.Weights, settings: RunSettings) -> AbstractContextManager[None]:
    return nullcontext() if settings.backend in NO_WEIGHTS else download.in_use(weights)


def publish_run(
    store: Store,
    run: Path,
    suite: Suite,
    proof: Mapping[str, Any],
    more: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    again: Callable[[str], bool] = lambda _: False,
    private: Mapping[str, Exam] | None = None,
) -> Outcome:
    """Publish a finished run folder; the Outcome holds the failure if the folder or the store causes one.

    `again`: called with the reason if the store does not take it now; waits, and returns whether to try once more.
    """
    while True:
        try:
            return Outcome(publish.publish(store, run, suite, proof, more, config, private), engine=way_of(run))
        except BadRunError as error:
            remove(run)  # its contents cannot be resumed
            return Outcome(failure=RunFailure("harness", str(error)))
        except StoreError as error:
            if isinstance(error, DeniedError | ConflictError) or not again(str(error)):
                return Outcome(failure=RunFailure("publish-failed", str(error)))


PAUSES = (30.0, 60.0, 120.0, 300.0, *[600.0] * 9)
"""Seconds between attempts to publish a finished run to a store that does not answer or is full."""


def _waiting(notice: Notice, stop: threading.Event | None) -> Callable[[str], bool]:
    """Return an `again` for `publish_run`: hours of work wait for the store, while the worker renews their lease."""
    pauses = iter(PAUSES)

    def again(problem: str) -> bool:
        pause = next(pauses, None)
        if pause is None:
            return False
        notice("store", {"problem": f"{problem} The results will be stored later."})
        return not (stop or threading.Event()).wait(pause)

    return again


def way_of(run: Path) -> str | None:
    """Return how the engine answered a finished run's requests, according to its result; None for other backends."""
    with distrust("The result"):
        engine = read_json(run, RESULTS)["config"].get("engine")
        return way_words(engine.get("scoring"), engine.get("generation")) if isinstance(engine, dict) else None


def _estimate(store: Store, run: Path, suite: Suite) -> Outcome:
    try:
        with distrust("The run"):
            estimate = subset.estimated(run, suite, store, datetime.now(UTC))
        return Outcome(estimates.keep(store, estimate))
    except BadInputError as error:
        return Outcome(failure=RunFailure("harness", str(error)))
    except StoreError as error:
        return Outcome(failure=RunFailure("publish-failed", str(error)))
