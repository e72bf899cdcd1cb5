"""`python -m evaluator <command>`: run requests of a queue, one model without a queue, or look after a board's runs."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluator import preflight, sandbox, subset, terminal
from evaluator.benchmarks import SOURCES
from evaluator.engine import MODEL_NAME
from evaluator.evaluation import Outcome, Settings, evaluate, ready
from evaluator.job import RECORDED, benchmarks_of
from evaluator.worker import Worker, open_board
from src.core import suites
from src.core.errors import BadInput, BoardError
from src.core.importing import contents_path, published
from src.core.model.checks import BYTES_PER_NUMBER, Limits
from src.core.queue import Queue, QueueState, Standing
from src.core.records import Request
from src.core.store import Store, open_store
from src.core.store.grouped import Grouped
from src.core.suites import Suite

WORKSPACE = Path("~/.cache/open-llm-leaderboard/evaluator")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; a `BoardError` is printed as its sentence and gives 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    args = parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except BoardError as error:
        print(f"{error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m evaluator", description="Evaluate models for a board.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="claim requests that fit this box, evaluate and publish them, until stopped")
    _store(run)
    _how(run)
    run.add_argument("--box", help="what the queue page calls this machine; its host name where not given")
    run.add_argument("--most", type=int, metavar="N", help="stop after so many requests")
    run.add_argument("--drain", action="store_true", help="stop when nothing that fits is waiting")
    run.add_argument(
        "--ray", nargs="?", const="here", metavar="ADDRESS",
        help="hand the requests to Ray: the cluster at ADDRESS, else that of this machine, else all its own GPUs",
    )  # fmt: skip
    run.add_argument("--split", type=int, default=1, metavar="N", help="with --ray: run each suite in N parts at once")
    run.set_defaults(run=_run)

    once = commands.add_parser("once", help="evaluate one model without a queue")
    once.add_argument("model", help="org/name on the Hub, or the folder of a model")
    once.add_argument("--name", help="what a model in a folder is called in the results: org/name")
    once.add_argument("--revision", default="main")
    once.add_argument("--precision", default="bfloat16", choices=list(BYTES_PER_NUMBER))
    once.add_argument("--chat-template", action="store_true", help="use the model's chat template, few-shot as turns")
    once.add_argument(
        "--subset", nargs="?", type=int, const=subset.SIZE, metavar="N",
        help="ask N questions a benchmark (100) and estimate the scores; shown apart from measured ones",
    )  # fmt: skip
    _store(once)
    _how(once)
    once.set_defaults(run=_once)

    status = commands.add_parser("status", help="what waits, runs, finished and failed, and whether this box is ready")
    _store(status)
    _how(status)
    status.set_defaults(run=_status)

    retry = commands.add_parser("retry", help="let failed requests wait again")
    retry.add_argument("which", nargs="+", help="keys of requests, models (org/name), or `all`")
    _store(retry)
    retry.set_defaults(run=_retry)

    calibrate = commands.add_parser("calibrate", help="learn from stored answers what narrows estimates; needs no GPU")
    _store(calibrate)
    calibrate.add_argument("--suite", default=suites.DEFAULT, metavar="NAME")
    calibrate.set_defaults(run=_calibrate)

    rescore = commands.add_parser("rescore", help="grade stored answers anew with the harness at hand; needs no GPU")
    rescore.add_argument("models", nargs="+", help="org/name")
    _store(rescore)
    _how(rescore)
    rescore.set_defaults(run=_rescore)

    _add_plan(commands)
    return top


def _store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="the board: hub:OWNER, or a folder")


def _how(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", action="append", metavar="NAME", help="suite(s) to run, by name or .toml file")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N items of each task: a trial, no score")
    parser.add_argument("--tasks", default="", metavar="A,B", help="only these benchmarks or tasks")
    parser.add_argument("--workspace", type=Path, default=WORKSPACE, help="where models, items and runs are kept")
    parser.add_argument("--backend", default="prefix-tree", help="an lm-eval model: prefix-tree, hf, vllm, dummy")
    parser.add_argument("--backend-args", default="{}", metavar="JSON", help='e.g. {"pack_tokens": 4096}')
    parser.add_argument(
        "--verify", type=int, metavar="N", help="let stock hf answer N random documents again and record the difference"
    )
    parser.add_argument("--device", help="e.g. cuda:0 or cpu; chosen by torch where not given")
    parser.add_argument("--batch-size", type=int, default=8, help="of what the engine does not pack itself")
    parser.add_argument("--hours", type=float, default=24.0, help="the longest one evaluation may take")
    parser.add_argument("--memory-gb", type=float, help="of main memory one evaluation may take")
    parser.add_argument("--largest", type=float, default=1000.0, metavar="B", help="models above so many billions fail")
    parser.add_argument("--offline", action="store_true", help="the benchmarks' items are in the workspace already")
    parser.add_argument("--keep", action="store_true", help="keep weights and run folders after publishing")


def settings_of(args: argparse.Namespace) -> Settings:
    """What the flags say. Raises BadInput where `--backend-args` is no JSON table."""
    try:
        backend_args = dict(json.loads(args.backend_args))
    except (ValueError, TypeError) as error:
        raise BadInput('--backend-args is a JSON table, for example {"verify": 16}.') from error
    if args.verify and args.backend != MODEL_NAME:
        raise BadInput(f"--verify compares the engine {MODEL_NAME} with stock hf; {args.backend} is not that engine.")
    if args.verify:
        backend_args["verify"] = args.verify
    memory = int(args.memory_gb * 1e9) if args.memory_gb else None
    return Settings(
        workspace=args.workspace.expanduser().absolute(),
        backend=args.backend,
        backend_args=backend_args,
        wanted=tuple(part for part in args.tasks.split(",") if part),
        limit=args.limit,
        subset=getattr(args, "subset", None),
        device=args.device,
        batch_size=args.batch_size,
        offline=args.offline,
        limits=sandbox.Limits(seconds=args.hours * 3600, memory_bytes=memory),
        models=Limits(largest_b=args.largest, gated_allowed=True),
        keep=args.keep,
        token=os.environ.get("HF_TOKEN"),
    )


def suites_of(args: argparse.Namespace) -> list[Suite]:
    """The suites a box runs; the default one where none is named."""
    return [suites.load(name) for name in args.suite or [suites.DEFAULT]]


def _run(args: argparse.Namespace) -> int:
    settings, chosen = settings_of(args), suites_of(args)
    if settings.limit or settings.wanted:
        print("only a part of the suite: requests end here without an average", flush=True)
    if args.ray:
        from evaluator.scale import run_on_ray

        return run_on_ray(args, settings, chosen)
    notice = terminal.show()
    box = preflight.describe_box(args.box, device=settings.device)

    def spreading(request: Request, suite: Suite, board: Store, own: Settings, **more: Any) -> Outcome:
        return evaluate(request, suite, board, preflight.spread(own, box.gpus_for(request)), **more)

    # Grouped: a claim that had to wait for the quota is chosen anew
    worker = Worker(Grouped(open_board(args.store)), chosen, box, settings, notice=notice, evaluate=spreading)
    print(f"sandbox: {sandbox.strength()}", flush=True)
    terminal.stop_on_signals([worker.stop])
    try:
        ended = worker.run(args.most, wait=None if args.drain else 60.0)
    except KeyboardInterrupt:
        return 130
    finally:
        notice.close()
    print(f"{ended} request(s) ended", flush=True)
    return 0


def _once(args: argparse.Namespace) -> int:
    store, settings, suite = open_store(args.store), settings_of(args), suites_of(args)[0]
    folder = Path(args.model).expanduser()
    local = folder if folder.is_dir() else None
    name = args.name or (f"local/{folder.resolve().name}" if local else args.model)
    request = Request(
        model=name, revision=_pinned(name, args.revision, settings) if local is None else "main",
        precision=args.precision, use_chat_template=args.chat_template, suite=suite.name, suite_version=suite.version,
    )  # fmt: skip
    notice = terminal.show()
    print(f"sandbox: {sandbox.strength()}", flush=True)
    try:
        outcome = evaluate(request, suite, store, settings, notice=notice, folder=local)
    finally:
        notice.close()
    if outcome.failure is not None:
        print(outcome.log, file=sys.stderr)
        raise BadInput(f"{outcome.failure.code}: {outcome.failure.message}")
    print(outcome.result)
    if not settings.subset:
        print(f"python app.py explain {args.store}/{outcome.result}", flush=True)
    return 0


def _pinned(model: str, revision: str, settings: Settings) -> str:
    from src.core.model.source import HubModel

    return HubModel(model, revision, settings.token).revision if settings.backend != "dummy" else revision


def _status(args: argparse.Namespace) -> int:
    store, settings = open_store(args.store), settings_of(args)
    box = preflight.describe_box(device=settings.device)
    print(f"{box.name}: {', '.join(box.gpus) or 'no GPU'}, {box.memory_gb:.0f} GB for a model; {sandbox.strength()}")
    for suite in suites_of(args):
        try:
            ready(suite, replace(settings, offline=True))  # looking brings nothing
            print(f"{suite.title}: ready")
        except BadInput as error:
            print(f"{suite.title}: {error}")
    state = Queue(store).snapshot()
    for title, standings, line in LANES:
        shown = standings(state)
        print(f"{title}: {len(shown)}")
        for standing in shown[:10]:
            print(f"  {standing.request.model} ({standing.request.precision}) {line(standing)}".rstrip())
    return 0


def _reason(standing: Standing) -> str:
    return f"{standing.failure.code}: {standing.failure.message[:100]}" if standing.failure else ""


def _progress(standing: Standing) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in standing.progress.items()) or "just begun"


LANES = (
    ("waiting", lambda state: state.waiting, lambda one: f"place {one.place}, {one.votes} vote(s)"),
    ("running", lambda state: state.running, lambda one: f"on {one.box} since {one.since:%F %H:%M}, {_progress(one)}"),
    ("finished", lambda state: state.finished, lambda one: f"{one.ended:%F %H:%M}" if one.ended else ""),
    ("failed", lambda state: state.failed, _reason),
)  # fmt: skip


def _retry(args: argparse.Namespace) -> int:
    queue = Queue(open_store(args.store))
    state = queue.snapshot()
    keys = [key for which in args.which for key in _failed(state, which)]
    for key in keys:
        standing = queue.retry(key, by="operator")
        print(f"{standing.request.model} ({standing.request.precision}) waits at place {standing.place}")
    return 0


def _failed(state: QueueState, which: str) -> list[str]:
    found = [one.key for one in state.failed if which in ("all", one.key, one.request.model)]
    if not found and which != "all":
        raise BadInput(f"No failed request is called {which}; `status` lists them.")
    return found


def _calibrate(args: argparse.Namespace) -> int:
    store, suite = open_store(args.store), suites.load(args.suite)
    _, frame = published(store, contents_path(suite.name))
    if frame is None:
        raise BadInput(f"{args.store} has no table of {suite.title}, so nobody knows whose answers to read.")
    for path in subset.calibrate(store, suite, frame["model"]):
        print(path)
    return 0


def _rescore(args: argparse.Namespace) -> int:
    from evaluator.rescore import rescore

    store, settings, suite = open_store(args.store), settings_of(args), suites_of(args)[0]
    # only what is graded, and that without a model: gated answers are not stored, so nothing of those is needed
    open_tasks = [
        task
        for benchmark, tasks in benchmarks_of(suite, settings.wanted)
        for task in tasks
        if not SOURCES[benchmark.key].gated
    ]
    if not open_tasks:
        raise BadInput("The answers to a gated benchmark are not stored, so they cannot be graded anew.")
    punkt = ready(suite, replace(settings, wanted=tuple(open_tasks), backend=RECORDED))
    for model in args.models:
        path, changed = rescore(
            store, model, suite, settings.workspace, settings.benchmarks,
            wanted=settings.wanted, limits=settings.limits, nltk_data=punkt,
        )  # fmt: skip
        print(f"{model}: {path}, {len(changed)} value(s) changed")
        for name, (before, after) in changed.items():
            print(f"  {name}: {before:.4f} → {after:.4f}")
    return 0


def _add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    try:
        from evaluator import plan
    except ImportError:
        return
    plan.add_parser(commands)


if __name__ == "__main__":
    sys.exit(main())
