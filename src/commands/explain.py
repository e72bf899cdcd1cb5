"""`python app.py explain RESULT.json`: how each score comes about, subtask by subtask, down to the average."""

from __future__ import annotations

import argparse
import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.core import suites
from src.core.errors import BadInputError

if TYPE_CHECKING:
    from src.core.moderation.entries import Moderation, ModerationEntry


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="show how the scores in a result file come about",
        description="Show how each published score comes about from a harness's result file (lm-eval, or the first "
        "board's form; .json or .json.gz): subtask by subtask, what is missing, and the average.",
        epilog="example: python app.py explain results_2024-06-19T03-56-15.142347.json",
    )
    parser.add_argument("file", type=Path, metavar="RESULT.json", help="a result file")
    parser.add_argument(
        "--suite", metavar="NAME", help="a suite, or a suite's .toml; without it, the tasks in the file tell"
    )
    parser.add_argument(
        "--store",
        metavar="DIR|hub:OWNER",
        help="the board whose corrections and suites count (default: the folder board that the file lies in, if any)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the explanation of one file."""
    from src.core.frames.tables import unpacked
    from src.core.moderation.applying import corrected
    from src.core.records import Result
    from src.core.scoring import score

    try:
        data = args.file.read_bytes()
    except OSError as error:
        raise BadInputError(f"{args.file} cannot be read: {error.strerror}.") from error
    if data[:2] == b"\x1f\x8b":
        data = unpacked(data, args.file.name)
    result = Result.read(data, str(args.file.resolve()), model="unknown")
    moderation = _moderation(args)
    suite = suites.load(args.suite) if args.suite else _suite_of(result)
    scored, corrections = corrected(score(result, suite), suite, result, moderation)
    if args.json:
        print(json.dumps(as_json(scored, corrections), indent=2, ensure_ascii=False))
    else:
        style = _Style(sys.stdout.isatty() and "NO_COLOR" not in os.environ)
        print("\n".join(lines(result, scored, suite, style, corrections)))
    return 0


def _moderation(args: argparse.Namespace) -> Moderation:
    """Return the decisions of the board that is named, or of the folder board that the file lies in."""
    from src.core.moderation.entries import Moderation
    from src.core.profile.reading import ProfileReader
    from src.core.store import open_store

    above = [folder for folder in args.file.resolve().parents if (folder / "board" / "moderation").is_dir()]
    store = args.store or (str(above[0]) if above else None)
    return ProfileReader(open_store(store)).read().moderation if store else Moderation()


def as_json(scored: Any, corrections: Sequence[ModerationEntry] = ()) -> dict[str, Any]:
    """`{suite, scorer, benchmarks: {name: {raw, score, missing}}, average}`; unknown is null.

    A score that operators corrected has `corrected` too: `{was, by, reason}`.
    """
    changed = {each.benchmark: {"was": each.was, "by": each.by, "reason": each.reason} for each in corrections}
    return {
        "suite": scored.suite,
        "scorer": scored.scorer,
        "benchmarks": {
            key: {"raw": benchmark.raw, "score": benchmark.score, "missing": list(benchmark.missing)}
            | ({"corrected": changed[key]} if key in changed else {})
            for key, benchmark in scored.benchmarks.items()
        },
        "average": scored.average,
    }


def lines(
    result: Any, scored: Any, suite: suites.Suite, style: _Style, corrections: Sequence[ModerationEntry] = ()
) -> Iterator[str]:
    """Yield the explanation, line by line, 100 columns wide at most."""
    run = [result.precision, (result.revision or "")[:7], f"{result.date:%Y-%m-%d}" if result.date else None]
    yield ""
    yield f"{style.bold(_plain(result.model))}   {style.dim(' · '.join(_plain(part) for part in run if part))}"
    newer = "" if scored.scorer == suite.scorer else f"; scores of today's board are of {suite.scorer}"
    yield style.dim(f"{suite.title} · scorer {scored.scorer or 'unknown'}{newer}")
    for benchmark in suite.benchmarks:
        yield from _benchmark(benchmark, scored.benchmarks[benchmark.key], style)
        for each in corrections:
            if each.benchmark == benchmark.key:
                was = "" if each.was is None else f" from {each.was:.2f}"
                words = f"  corrected{was} to {each.value:.2f} by {_plain(each.by)} on {each.when:%Y-%m-%d}: "
                yield style.warn(words + _plain(each.reason))
    yield ""
    yield from _average(scored, suite, style)
    yield ""


def _benchmark(benchmark: suites.Benchmark, found: Any, style: _Style) -> Iterator[str]:
    yield ""
    yield (
        f"{style.bold(benchmark.title):<{WIDTH + style.extra}}{'raw':>8} {_raw(found.raw):>8}{'score':>9} "
        + style.bold(f"{_score(found.score):>7}")
    )
    yield style.dim(f"  {_rule(benchmark)}")
    if all(subtask.problem == "not run" for subtask in found.subtasks):
        yield style.warn("  not run")
        return
    chance = benchmark.normalise != "none"
    heads = [_head(metric) for metric in benchmark.metrics]
    head = f"  {'':<{WIDTH - 2}}{'items':>7}{'shots':>7}{'chance' if chance else '':>8}"
    yield style.dim(
        head + "".join(f"{head:>14}" for head in heads) + (f"{'score':>9}" if _scored_apart(benchmark) else "")
    )
    for subtask in found.subtasks:
        row = f"  {_short(subtask.title):<{WIDTH - 2}}{_whole(subtask.n or subtask.items):>7}{_whole(subtask.shots):>7}"
        row += f"{'' if not chance else f'{subtask.chance:.3f}':>8}"
        row += "".join(f"{_raw(value):>14}" for value in subtask.metrics.values())
        if _scored_apart(benchmark):
            row += f"{_score(subtask.score):>9}"
        yield row + (style.warn(f"  ← {_plain(subtask.problem)}") if subtask.problem else "")
    if found.missing:
        count = f"{len(found.missing)} of {len(found.subtasks)} tasks"
        yield style.warn(f"  no score: {count} cannot be used")


def _average(scored: Any, suite: suites.Suite, style: _Style) -> Iterator[str]:
    lacking = [benchmark.title for benchmark in suite.averaged if scored.benchmarks[benchmark.key].score is None]
    if suite.aggregation == "none":
        yield style.dim("This suite has no average.")
    elif lacking:
        yield f"{style.bold('Average')}   {style.warn('none: ' + ', '.join(lacking) + ' missing')}"
    elif scored.average is None:
        yield f"{style.bold('Average')}   {style.dim('depends on the other models of the board')}"
    else:
        parts = " + ".join(f"{scored.benchmarks[benchmark.key].score:.2f}" for benchmark in suite.averaged)
        how = (
            f"= ({parts}) / {len(suite.averaged)}" if suite.aggregation == "mean" else f"{suite.aggregation} of {parts}"
        )
        yield f"{style.bold('Average')}   {style.bold(f'{scored.average:.2f}')}   {style.dim(how)}"


WIDTH = 44


class _Style:
    """Weights for a terminal; none if the output goes elsewhere."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self.extra = len("\033[1m\033[0m") if on else 0

    def bold(self, text: str) -> str:
        return self._wrapped(text, "1")

    def dim(self, text: str) -> str:
        return self._wrapped(text, "2")

    def warn(self, text: str) -> str:
        return self._wrapped(text, "33")

    def _wrapped(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.on else text


def _suite_of(result: Any) -> suites.Suite:
    """Return the suite most of whose tasks the run has. Raises BadInputError if it has none of any."""

    def share(suite: suites.Suite) -> float:
        ran = [bool({task.name, *task.aliases} & result.tasks.keys()) for task in suite.tasks]
        return sum(ran) / len(ran) if ran else 0

    best = max(map(suites.load, suites.names()), key=share)
    if not share(best):
        some = ", ".join(_plain(task) for task in list(result.tasks)[:5]) or "none"
        raise BadInputError(
            f"No suite has the tasks of this run ({some}); name one with --suite: {', '.join(suites.names())}."
        )
    return best


def _rule(benchmark: suites.Benchmark) -> str:
    """Return how subtasks become raw and score, in words."""
    tasks = len(benchmark.tasks)
    metrics = " and ".join(benchmark.metrics)
    if benchmark.pooling == "mean_of_metrics":
        raw = f"raw = mean of {metrics}"
    elif tasks == 1:
        raw = f"raw = {metrics}"
    else:
        raw = f"raw = mean of {tasks} tasks' {metrics}" + (
            ", weighted by items" if benchmark.pooling == "weighted" else ""
        )
    scale = f"{benchmark.scale:g}"
    if benchmark.normalise == "subtasks":
        return f"{raw}; score = mean of {scale} × max(0, ({metrics} − chance) / (1 − chance))"
    if benchmark.normalise == "once" and benchmark.chance is not None:
        return f"{raw}; score = {scale} × max(0, (raw − {benchmark.chance:g}) / {1 - benchmark.chance:g})"
    return f"{raw}; score = {scale} × raw"


def _scored_apart(benchmark: suites.Benchmark) -> bool:
    return benchmark.normalise == "subtasks"


def _head(metric: str) -> str:
    return metric.replace("prompt_level_strict_acc", "prompt strict").replace("inst_level_strict_acc", "inst strict")[
        :13
    ]


def _plain(text: object) -> str:
    """Return text from a stranger's file without what could steer a terminal."""
    return "".join(letter if unicodedata.category(letter)[0] != "C" else "�" for letter in str(text))[:200]


def _short(title: str) -> str:
    title = _plain(title)
    return title if len(title) <= WIDTH - 3 else title[: WIDTH - 4] + "…"


def _raw(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _whole(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
