"""The evaluator's command line. Nothing slow is imported here, so that `--help` is fast."""

from __future__ import annotations

import argparse
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from evaluator.plan.devices import CARDS, FLAVOURS
from src.core import suites
from src.core.model.memory import BYTES_PER_NUMBER

WORKSPACE = Path("~/.cache/open-llm-leaderboard/evaluator")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m evaluator", description="Evaluate models for a board.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="claim requests that fit this box, evaluate and publish them, until stopped")
    _store(run)
    _run_options(run)
    run.add_argument("--box", help="name of this machine on the queue page (default: its host name)")
    run.add_argument("--most", type=int, metavar="N", help="stop after N requests")
    run.add_argument("--drain", action="store_true", help="stop if no pending request fits this machine")
    run.add_argument(
        "--ray", nargs="?", const="here", metavar="ADDRESS",
        help="run the requests on Ray: the cluster at ADDRESS, else this machine's cluster, else this machine's GPUs",
    )  # fmt: skip
    run.add_argument(
        "--split",
        type=int,
        default=1,
        metavar="N",
        help="with --ray: split each suite into N parts that run at the same time",
    )
    run.set_defaults(run="run")

    once = commands.add_parser("once", help="evaluate one model without a queue")
    once.add_argument("model", help="org/name on the Hub, the folder of a model, or endpoint:NAME")
    once.add_argument("--name", help="name in the results of a model in a folder: org/name")
    once.add_argument("--revision", default="main")
    once.add_argument(
        "--base", metavar="MODEL", help="the base model of an adapter or of delta weights: org/name, or a folder"
    )
    once.add_argument("--precision", default="bfloat16", choices=list(BYTES_PER_NUMBER))
    once.add_argument(
        "--chat-template", action="store_true", help="use the model's chat template, with few-shot examples as turns"
    )
    once.add_argument(
        "--subset", nargs="?", type=int, const=0, metavar="N",
        help="answer N questions per benchmark (100) and estimate the scores; shown separately from measured ones",
    )  # fmt: skip
    once.add_argument("--budget", type=_dollars, metavar="DOLLARS", help="the most that an endpoint may cost")
    _store(once)
    _run_options(once)
    once.set_defaults(run="once")

    endpoint = commands.add_parser(
        "queue-endpoint", help="put models behind servers, which this machine's endpoints file names, into the queue"
    )
    endpoint.add_argument("names", nargs="+", metavar="NAME")
    _store(endpoint)
    endpoint.add_argument("--suite", action="append", metavar="NAME", help="suite(s) to run, by name or .toml file")
    _endpoints(endpoint)
    endpoint.set_defaults(run="queue_endpoint")

    status = commands.add_parser(
        "status", help="list pending, running, finished and failed requests; check whether this machine is ready"
    )
    _store(status)
    _run_options(status)
    status.set_defaults(run="status")

    retry = commands.add_parser("retry", help="return failed requests to the queue")
    retry.add_argument("which", nargs="+", help="request keys, models (org/name), or `all`")
    _store(retry)
    retry.set_defaults(run="retry")

    calibrate = commands.add_parser(
        "calibrate", help="fit item models to stored answers, for narrower estimates; needs no GPU"
    )
    _store(calibrate)
    calibrate.add_argument("--suite", default=suites.DEFAULT, metavar="NAME")
    calibrate.set_defaults(run="calibrate")

    rescore = commands.add_parser("rescore", help="grade stored answers again with the installed harness; needs no GPU")
    rescore.add_argument("models", nargs="+", help="org/name")
    _store(rescore)
    _run_options(rescore)
    rescore.set_defaults(run="rescore")

    _add_suite(commands)
    _add_plan(commands)
    return top


def _add_suite(commands: Any) -> None:
    suite = commands.add_parser("suite", help="draft a suite of the harness's tasks, groups or tags")
    suite.add_argument("tasks", nargs="+", metavar="TASK", help="the harness's name of a task, a group or a tag")
    suite.add_argument("--name", default="mine", metavar="NAME", help="the suite's name (default: mine)")
    _item_options(suite)
    suite.set_defaults(run="suite")


def _add_plan(commands: Any) -> None:
    plan = commands.add_parser("plan", help="estimate memory, tokens, time and cost of a model without downloading it")
    plan.add_argument("model", help="org/name on the Hub, a folder, or a config.json")
    plan.add_argument("--revision", default="main")
    plan.add_argument("--suite", default=suites.DEFAULT, metavar="NAME", help="a suite, by name or .toml file")
    plan.add_argument("--store", help="the board whose own suites and tasks count: hub:OWNER, or a folder")
    plan.add_argument("--tasks", default="", metavar="A,B", help="only these benchmarks or tasks")
    plan.add_argument("--limit", type=int, metavar="N", help="only the first N items of each task")
    plan.add_argument(
        "--device", default="here", metavar="NAME",
        help=f"here (this machine), a Hugging Face flavour ({', '.join(FLAVOURS)}) or a card ({', '.join(CARDS)})",
    )  # fmt: skip
    plan.add_argument("--precision", default="bfloat16", choices=list(BYTES_PER_NUMBER))
    plan.add_argument("--price", type=float, metavar="DOLLARS", help="price of that machine per hour")
    plan.add_argument("--json", action="store_true", help="print the estimate as JSON")
    _item_options(plan)
    plan.set_defaults(run="plan")


def _limit(text: str) -> float:
    value = float(text)
    if not (0 < value < 1 or (value >= 1 and value.is_integer())):
        raise argparse.ArgumentTypeError(f"{text}: give a number of items, or a share between 0 and 1")
    return value if value < 1 else int(value)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not kinds or not set(kinds) <= {"order", "labels"}:
        raise argparse.ArgumentTypeError(f"{text}: give order, labels, or both: order,labels")
    return kinds


def _batch_size(text: str) -> int | str:
    if re.fullmatch(r"auto(:\d+)?", text):
        return text
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: give a number of requests, or auto")
    return int(text)


def _dollars(text: str) -> Decimal:
    try:
        value = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise argparse.ArgumentTypeError(f"{text}: give dollars, for example 2.50")
    return value


def _endpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--endpoints", type=Path, metavar="FILE",
        help="the TOML file of servers (~/.config/open-llm-leaderboard/endpoints.toml, or $EVALUATOR_ENDPOINTS)",
    )  # fmt: skip


def _store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="the board: hub:OWNER, or a folder")


def _item_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that look at items and run no model."""
    parser.add_argument("--workspace", type=Path, default=WORKSPACE, help="folder for models, items and runs")
    parser.add_argument("--fetch", action="store_true", help="download the items that are not in the workspace")
    parser.add_argument("--own-tasks", type=Path, metavar="DIR", help="task files of your own (YAML)")
    parser.add_argument("--trust-tasks", action="store_true", help="run the Python files in that folder, sandboxed")
    parser.add_argument(
        "--without-sandbox", action="store_true", help="read task files with all the rights of this account"
    )


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", action="append", metavar="NAME", help="suite(s) to run, by name or .toml file")
    parser.add_argument(
        "--limit",
        type=_limit,
        metavar="N",
        help="only the first N items of each task, or below 1 that share of them: a trial without a score",
    )
    parser.add_argument(
        "--perturb",
        type=_kinds,
        default=(),
        metavar="order,labels",
        help="also ask multiple-choice questions with their options in other orders, or under other labels: tells how "
        "much a score depends on it",
    )
    parser.add_argument("--tasks", default="", metavar="A,B", help="only these benchmarks or tasks")
    parser.add_argument("--workspace", type=Path, default=WORKSPACE, help="folder for models, items and runs")
    parser.add_argument("--backend", default="prefix-tree", help="an lm-eval model: prefix-tree, hf, vllm, dummy")
    parser.add_argument("--backend-args", default="{}", metavar="JSON", help='e.g. {"pack_tokens": 4096}')
    parser.add_argument(
        "--verify",
        type=int,
        metavar="N",
        help="answer at least N random documents again with stock hf; the result says how many and how they differ",
    )
    parser.add_argument("--device", help="for example cuda:0 or cpu (default: chosen by torch)")
    parser.add_argument(
        "--batch-size", type=_batch_size, default=8, metavar="N",
        help="for requests that the engine does not pack itself: a number, or auto (prefix-tree: 8)",
    )  # fmt: skip
    parser.add_argument("--hours", type=float, default=24.0, help="maximum duration of one evaluation")
    parser.add_argument("--memory-gb", type=float, help="maximum main memory of one evaluation")
    parser.add_argument(
        "--disk-gb", type=float, default=64.0, help="maximum disk space of one evaluation, without the weights"
    )
    parser.add_argument(
        "--without-sandbox", action="store_true",
        help="run models with all the rights of this account; without this flag, nothing runs if no sandbox works",
    )  # fmt: skip
    parser.add_argument(
        "--largest", type=float, default=1000.0, metavar="B", help="refuse models with more than B billion parameters"
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="do not download the benchmarks' items: they are in the workspace already",
    )
    parser.add_argument(
        "--own-tasks", type=Path, metavar="DIR", help="task files of your own (YAML), with their items beside them"
    )
    parser.add_argument(
        "--trust-tasks", action="store_true", help="run the Python files in that folder, inside the sandbox"
    )
    parser.add_argument(
        "--allow-code", action="store_true", help="run tasks that execute the model's answers, inside the sandbox"
    )
    parser.add_argument(
        "--price", type=float, metavar="DOLLARS", help="price of one device of this machine per hour, for the results"
    )
    _endpoints(parser)
    parser.add_argument("--keep", action="store_true", help="keep weights and run folders after publishing")
