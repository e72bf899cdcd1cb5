"""The evaluator's commands: each takes its parsed arguments and returns the exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluator import terminal
from evaluator.box import preflight
from evaluator.engine import MODEL_NAME
from evaluator.job import REPLAY, SERVED, benchmarks_of
from evaluator.run import box_trial, engine_status, sandbox, served, subset
from evaluator.run.evaluate import Outcome, evaluate, ready
from evaluator.settings import ChildLimits, RunSettings
from evaluator.worker import Worker, open_board
from src.core import suites
from src.core.errors import BadInputError
from src.core.items import sensitivity
from src.core.model.checks import ModelLimits, Repository
from src.core.model.fit.against import check_base
from src.core.model.source import FolderModel, HubModel
from src.core.names import ENDPOINT
from src.core.profile.reading import know_suites
from src.core.published import published
from src.core.queue import Queue, QueueEntry, QueueState
from src.core.records import Request, Result
from src.core.redact import clean
from src.core.store import Store, open_store
from src.core.store.access import require_write
from src.core.store.group_commit import GroupCommitStore
from src.core.suites import Suite
from src.core.table_paths import contents_path
from src.core.untrusted import mapping


def settings_of(args: argparse.Namespace) -> RunSettings:
    """Return the settings from the flags. Raise BadInputError if `--backend-args` is not a JSON object."""
    try:
        backend_args = dict(json.loads(args.backend_args))
    except (ValueError, TypeError) as error:
        raise BadInputError('--backend-args must be a JSON object, for example {"verify": 16}.') from error
    if args.verify and args.backend != MODEL_NAME:
        raise BadInputError(
            f"--verify compares the engine {MODEL_NAME} with stock hf; {args.backend} is not that engine."
        )
    if args.verify:
        backend_args["verify"] = args.verify
    if args.backend in SERVED:
        raise BadInputError(
            f"A model behind a server is evaluated with `once endpoint:NAME`; {args.backend} is chosen for it. "
            f"Its address is configured in {served.endpoints_file()}."
        )
    if args.perturb and getattr(args, "subset", None) is not None:
        raise BadInputError("--subset estimates scores, and --perturb compares measured ones: use one of them.")
    memory = int(args.memory_gb * 1e9) if args.memory_gb else None
    return RunSettings(
        workspace=args.workspace.expanduser().absolute(),
        backend=args.backend,
        backend_args=backend_args,
        wanted=tuple(part for part in args.tasks.split(",") if part),
        limit=args.limit,
        perturb=args.perturb,
        subset=subset.SIZE if getattr(args, "subset", None) == 0 else getattr(args, "subset", None),
        device=args.device,
        batch_size=args.batch_size,
        offline=args.offline,
        limits=ChildLimits(
            seconds=args.hours * 3600,
            memory_bytes=memory,
            disk_bytes=int(args.disk_gb * 1e9),
            fenced=not args.without_sandbox,
        ),
        models=ModelLimits(largest_b=args.largest, gated_allowed=True),
        keep=args.keep,
        token=os.environ.get("HF_TOKEN"),
        own_tasks=args.own_tasks.expanduser().resolve() if args.own_tasks else None,
        allow_code=args.allow_code,
        trust_tasks=args.trust_tasks,
        endpoints=args.endpoints.expanduser().resolve() if args.endpoints else None,
        budget=getattr(args, "budget", None),
        device_price=args.price,
    )


def suites_of(args: argparse.Namespace) -> list[Suite]:
    """Return the suites to run: those that are named, else those of the board, else the default suite."""
    store = getattr(args, "store", None)
    own = know_suites(open_store(store)) if store else ()
    return [suites.load(name) for name in args.suite or own or [suites.DEFAULT]]


def run(args: argparse.Namespace) -> int:
    """Claim requests, evaluate and publish them, until stopped."""
    sandbox.require_limits()
    settings, chosen = settings_of(args), suites_of(args)
    if settings.limit or settings.wanted:
        print("only a part of the suite: results of this run have no average", flush=True)
    if args.ray:
        from evaluator.cluster.ray_run import run_on_ray

        # keys and answers stay on one machine: on Ray no endpoint is configured
        return run_on_ray(args, replace(settings, endpoints=Path(os.devnull)), chosen)
    board = open_board(args.store)
    require_write(board)
    settings = _tried(settings, chosen)
    notice = terminal.show()
    box = preflight.describe_box(args.box, device=settings.device)

    def spreading(request: Request, suite: Suite, board: Store, own: RunSettings, **more: Any) -> Outcome:
        return evaluate(request, suite, board, preflight.spread(own, box.gpus_for(request)), **more)

    # grouped commits: a claim that had to wait for the commit quota is selected again
    worker = Worker(GroupCommitStore(board), chosen, box, settings, notice=notice, evaluate=spreading)
    print(sandbox.describe(settings.limits), flush=True)
    terminal.stop_on_signals([worker.stop])
    try:
        ended = worker.run(args.most, wait=None if args.drain else 60.0)
    except KeyboardInterrupt:
        return 130
    finally:
        notice.close()
    print(f"{ended} request(s) ended", flush=True)
    if worker.problem:
        raise BadInputError(worker.problem)
    return 0


def once(args: argparse.Namespace) -> int:
    """Evaluate one model without a queue."""
    sandbox.require_limits()
    store, settings, suite = open_store(args.store), settings_of(args), suites_of(args)[0]
    folder = Path(args.model).expanduser()
    local = folder if folder.is_dir() else None
    endpoint = None if local else served.endpoint_for(args.model, settings)
    name = args.name or (f"local/{folder.resolve().name}" if local else args.model)
    if endpoint:
        endpoint.budget_of(settings.budget)
        request, settings = served.request_for(endpoint, suite), served.adapted(settings, endpoint)
    else:
        request = Request(
            model=name, revision=_pinned(name, args.revision, settings) if local is None else "main",
            precision=args.precision, use_chat_template=args.chat_template, suite=suite.name,
            suite_version=suite.version,
        )  # fmt: skip
    if args.base:
        request = _on_base(request, local, args.base, settings)
    require_write(store)
    settings = _tried(settings, [suite])
    notice = terminal.show()
    print(sandbox.describe(settings.limits), flush=True)
    try:
        outcome = evaluate(request, suite, store, settings, notice=notice, folder=local)
    finally:
        notice.close()
    if outcome.failure is not None:
        print(outcome.log, file=sys.stderr)
        raise BadInputError(f"{outcome.failure.code}: {outcome.failure.message}")
    print(outcome.result)
    if settings.perturb and outcome.result:
        for sentence in sensitivity_of(Result.read(store.read(outcome.result)), suite):
            print(sentence, flush=True)
    if not settings.subset:
        print(f"python app.py explain {args.store}/{outcome.result}", flush=True)
    return 0


def queue_endpoint(args: argparse.Namespace) -> int:
    """Put endpoints of this machine into a board's queue."""
    store = open_store(args.store)
    settings = RunSettings(Path(), endpoints=args.endpoints.expanduser().resolve() if args.endpoints else None)
    chosen = [(name, served.endpoint_for(name if name.startswith(ENDPOINT) else f"{ENDPOINT}{name}", settings))
              for name in args.names]  # fmt: skip
    if unusable := [name for name, endpoint in chosen if endpoint is None]:
        raise BadInputError(f"{unusable[0]} cannot be an endpoint's name.")
    require_write(store)
    queue = Queue(store)
    for suite in suites_of(args):
        for _, endpoint in chosen:
            assert endpoint is not None
            endpoint.budget_of(None)
            receipt = queue.submit(served.request_for(endpoint, suite))
            state = "pending" if receipt.new else f"there already ({receipt.standing.status.value.lower()})"
            print(f"{receipt.standing.request.model} on {suite.title}: {state}")
    return 0


def sensitivity_of(result: Result, suite: Suite) -> Iterator[str]:
    """Yield what a perturbed run tells of each benchmark, and which tasks it could not perturb."""
    blocks = mapping(result.settings.get(sensitivity.KEY))
    found = {key: sensitivity.OptionSensitivity.read(block) for key, block in blocks.items()}
    if not any(found.values()):
        yield "perturb: no benchmark that ran whole has multiple-choice questions with lettered or numbered options"
    for benchmark in suite.benchmarks:
        if (own := found.get(benchmark.key)) is not None:
            yield (
                f"perturb: {benchmark.title} {own.low:.2f} to {own.high:.2f}, in the original order {own.score:.2f}; "
                f"{100 * own.changed:.1f} % of {own.items:,} items change their answer"
            )
            if own.without:
                some = f"{len(own.without)} of {len(benchmark.tasks)} tasks have no lettered options"
                yield f"perturb: {benchmark.title}: {some}: {', '.join(own.without)}"


def _on_base(request: Request, folder: Path | None, base: str, settings: RunSettings) -> Request:
    """Return the request for an adapter or a delta on its base, with a note if it was made for another one."""
    source = (
        HubModel(request.model, request.revision, settings.token) if folder is None else FolderModel("", "", folder)
    )
    is_adapter = "adapter_config.json" in source.files
    local = Path(base).expanduser()
    changes: dict[str, Any] = {
        "weight_type": "Adapter" if is_adapter else "Delta",
        "base_model": str(local.resolve()) if local.is_dir() else base,
        "base_revision": None if local.is_dir() else _pinned(base, "main", settings),
    }
    if is_adapter:
        named = local.resolve().name if local.is_dir() else base
        checks = check_base(Repository(source, weight_type="Adapter"), named, is_meant=True)
        changes["notes"] = tuple(check.sentence for check in checks if check.state == "noted")
    return request.model_copy(update=changes)


def _tried(settings: RunSettings, chosen: Sequence[Suite]) -> RunSettings:
    """Return settings for what works here. Raise BadInputError, before anything is claimed, if models cannot run."""
    for suite in chosen:
        ready(suite, settings)
    return box_trial.require(_with_engine(settings), chosen[0])


def _with_engine(settings: RunSettings) -> RunSettings:
    """Print whether the engine works here, and return the settings for it."""
    status = engine_status.look(settings)
    if status is not None:
        print(status.sentence(), flush=True)
    return engine_status.apply(settings, status)


def _pinned(model: str, revision: str, settings: RunSettings) -> str:
    return HubModel(model, revision, settings.token).revision if settings.backend != "dummy" else revision


def status(args: argparse.Namespace) -> int:
    """List requests by status, and check whether this machine is ready."""
    store, settings = open_store(args.store), settings_of(args)
    box = preflight.describe_box(device=settings.device)
    print(f"{box.name}: {', '.join(box.gpus) or 'no GPU'}, {box.memory_gb:.0f} GB for a model")
    print(sandbox.describe(settings.limits))
    _with_engine(settings)
    for suite in suites_of(args):
        try:
            ready(suite, replace(settings, offline=True))  # do not download anything
            print(f"{suite.title}: ready")
        except BadInputError as error:
            print(f"{suite.title}: {error}")
    state = Queue(store).snapshot()
    for title, entries, line in LANES:
        shown = entries(state)
        print(f"{title}: {len(shown)}")
        for entry in shown[:10]:
            print(clean(f"  {entry.request.model} ({entry.request.precision}) {line(entry)}".rstrip()))
    return 0


def _reason(entry: QueueEntry) -> str:
    return f"{entry.failure.code}: {entry.failure.message[:100]}" if entry.failure else ""


def _running(entry: QueueEntry) -> str:
    return f"on {entry.box} since {entry.since:%F %H:%M}, {_progress(entry)}"


def _progress(entry: QueueEntry) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in entry.progress.items()) or "just started"


def _ended(entry: QueueEntry) -> str:
    ended = f"{entry.ended:%F %H:%M}" if entry.ended else ""
    return f"{ended}, engine: {entry.engine}" if entry.engine else ended


LANES = (
    ("pending", lambda state: state.waiting, lambda entry: f"place {entry.place}, {entry.votes} vote(s)"),
    ("running", lambda state: state.running, _running),
    ("finished", lambda state: state.finished, _ended),
    ("failed", lambda state: state.failed, _reason),
)  # fmt: skip


def suite(args: argparse.Namespace) -> int:
    """Draft a suite from the harness's tasks."""
    from evaluator import drafting

    return drafting.run(args, _settings_for_items(args))


def plan(args: argparse.Namespace) -> int:
    """Estimate a run."""
    from evaluator.plan import command

    store = open_store(args.store) if args.store else None
    if store is not None:
        know_suites(store)
    return command.run(args, suites.load(args.suite), _settings_for_items(args))


def _settings_for_items(args: argparse.Namespace) -> RunSettings:
    """Return the settings of commands that look at items and run no model."""
    return RunSettings(
        workspace=args.workspace.expanduser().absolute(),
        limits=ChildLimits(fenced=not args.without_sandbox),
        token=os.environ.get("HF_TOKEN"),
        own_tasks=args.own_tasks.expanduser().resolve() if args.own_tasks else None,
        trust_tasks=args.trust_tasks,
    )


def retry(args: argparse.Namespace) -> int:
    """Return failed requests to the queue."""
    queue = Queue(open_store(args.store))
    state = queue.snapshot()
    keys = [key for which in args.which for key in _failed(state, which)]
    for key in keys:
        queue.retry(key, by="operator")
    state = queue.snapshot()  # places are known once all are back
    for key in keys:
        entry = state[key]
        where = f"at place {entry.place}" if entry.place else f"no longer: it is {entry.status.lower()}"
        print(f"{entry.request.model} ({entry.request.precision}) is pending {where}")
    return 0


def _failed(state: QueueState, which: str) -> list[str]:
    keys = [entry.key for entry in state.failed if which in ("all", entry.key, entry.request.model)]
    if not keys and which != "all":
        raise BadInputError(f"There is no failed request {which}; `status` lists the failed requests.")
    return keys


def calibrate(args: argparse.Namespace) -> int:
    """Fit item models to stored answers."""
    store, suite = open_store(args.store), suites.load(args.suite)
    _, frame = published(store, contents_path(suite.name))
    if frame is None:
        raise BadInputError(f"{args.store} has no table of {suite.title}, so there are no answers to read.")
    for path in subset.calibrate(store, suite, frame["model"]):
        print(path)
    return 0


def rescore(args: argparse.Namespace) -> int:
    """Grade stored answers again."""
    from evaluator.run.rescore import rescore

    store, settings, suite = open_store(args.store), settings_of(args), suites_of(args)[0]
    # check the machine only for tasks that are graded: gated answers are not stored
    open_tasks = [
        task for benchmark, tasks in benchmarks_of(suite, settings.wanted) for task in tasks if not benchmark.withheld
    ]
    if not open_tasks:
        raise BadInputError("The answers to a gated benchmark are not stored, so they cannot be graded again.")
    punkt = ready(suite, replace(settings, wanted=tuple(open_tasks), backend=REPLAY))
    for model in args.models:
        path, changed = rescore(
            store, model, suite, settings.workspace, settings.benchmarks,
            wanted=settings.wanted, limits=settings.limits, nltk_data=punkt,
        )  # fmt: skip
        print(f"{model}: {path}, {len(changed)} value(s) changed")
        for name, (before, after) in changed.items():
            print(f"  {name}: {before:.4f} → {after:.4f}")
    return 0
