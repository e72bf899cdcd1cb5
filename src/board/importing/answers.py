"""Answers that come with results: found beside them, and stored as a details dataset that pages can open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from src.board.importing.reader import FoundResult, LooseSamples, RowAnswers
from src.core.errors import BadInputError
from src.core.items.dataset import put_details, sample_files
from src.core.names import time_of_path
from src.core.store import Store
from src.core.suites import is_withheld, load
from src.core.suites.spellings import fold


def attached(found: Sequence[FoundResult], loose: Iterable[LooseSamples]) -> tuple[list[FoundResult], list[str]]:
    """Return the results with the answers that belong to them, and a sentence for each file that belongs to none."""
    samples = [dict(each.samples) for each in found]
    of_task: dict[str, list[int]] = defaultdict(list)
    for at, each in enumerate(found):
        for task in each.result.tasks:
            of_task[task].append(at)
    lost = []
    for file in loose:
        owners = of_task.get(file.task, [])
        near = [
            at for at in owners if found[at].result.path and _is_beside(file, found[at].result.path or "")
        ] or owners
        timed = [at for at in near if _is_of_time(file.stamp, found[at])]
        if not timed:
            lost.append(f"{file.path}: answers without their result file; import both together.")
        for at in timed[-1:]:
            samples[at][file.task] = file.lines
    return [replace(each, samples=own) for each, own in zip(found, samples, strict=True)], lost


def write(store: Store, results: Mapping[str, FoundResult], suites: Iterable[str]) -> None:
    """Store the answers of `results`, gated ones without their texts. Raises BadInputError if a file is broken."""
    metrics = {
        name: benchmark.metrics
        for suite in suites
        for benchmark in load(suite).benchmarks
        for task in benchmark.tasks
        for name in (task.name, *task.aliases)
    }
    for each in results.values():
        files: dict[str, bytes] = {}
        for task, lines in each.samples.items():
            chosen = _item_metrics(list(lines()), metrics.get(task, tuple(each.result.tasks.get(task, ()))))
            files |= sample_files(_file_name(task), each.when, lines(), chosen, is_withheld(task))
        if files:
            put_details(store, each.result.model, each.when, files)


def write_of_rows(store: Store, answers: Iterable[RowAnswers], suites: Sequence[str]) -> None:
    """Store the answers of rows that have no result file, under the names of the suites' tasks."""
    names = {fold(each.title): each for suite in suites for each in load(suite).benchmarks}
    names |= {fold(f"{suite}.{each.key}"): each for suite in suites for each in load(suite).benchmarks}
    for each in answers:
        label = fold(each.task)
        benchmark = next((one for word, one in names.items() if label.startswith(word)), None)
        task = benchmark.tasks[0].name if benchmark is not None and len(benchmark.tasks) == 1 else each.task
        files = sample_files(_file_name(task), each.when, each.lines(), ("score",), is_withheld(task))
        put_details(store, each.model, each.when, files)


def _item_metrics(lines: Sequence[Mapping[str, object]], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the names under which sample lines hold the task's metrics. Raises BadInputError for a line without id."""
    if any("doc_id" not in line for line in lines):
        raise BadInputError("A sample line has no doc_id.")
    known = [name.partition(",")[0] for name in wanted]
    held = [name for name in known if lines and name in lines[0]]
    return tuple(held or known[:1])


def _file_name(task: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_.:" else "_" for letter in task)


def _is_beside(file: LooseSamples, path: str) -> bool:
    return str(file.path.parent) == path.rpartition("/")[0]


def _is_of_time(stamp: str, found: FoundResult) -> bool:
    """Return whether a file's time, or only its day, is that of a run."""
    when = time_of_path(f"_{stamp}.")
    return when == found.when if when else f"{found.when:%Y-%m-%d}" == stamp[:10]
