"""What the tasks of a suite ask of a model: counted once for the public boards, else from the items that are here.

`work.json` was counted with a tokenizer of 8,000 entries (tokens that all prompts share; per document the tokens of the
trie, the scored positions, the tokens that stock forwards, and the tokens of a typical answer). Larger vocabularies
need fewer tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluator.box import datasets
from evaluator.job import benchmarks_of
from evaluator.plan.estimate import Load
from evaluator.run.asking import ask, count_items
from evaluator.settings import RunSettings
from evaluator.task_facts import HarnessFacts, ItemCounts, Work, expanded
from src.core.suites import Suite

WORK = {
    task: Work(**work)
    for task, work in json.loads(Path(__file__).with_name("work.json").read_text(encoding="utf-8")).items()
}


@dataclass(frozen=True)
class SuiteLoads:
    """Task → load, and task → why its load is unknown."""

    known: Mapping[str, Load]
    unknown: Mapping[str, str]


def loads_of(
    suite: Suite,
    settings: RunSettings,
    *,
    wanted: Sequence[str] = (),
    limit: int | None = None,
    fetch: bool = False,
    tokenizer: Callable[[], bytes | None] = lambda: None,
    note: Callable[[str], None] = lambda _: None,
) -> SuiteLoads:
    """Return the loads of a suite, or of the `wanted` part of it. The harness is asked about uncounted tasks only.

    `tokenizer`: returns the model's tokenizer.json; called if tokens have to be counted.
    """
    facts = HarnessFacts()
    if uncounted := [task.name for task in suite.tasks if task.name not in WORK or not task.items]:
        note(f"asking the harness about {len(uncounted)} task(s)")
        facts = ask(uncounted, settings)
        suite = expanded(suite, facts)
    stated = {task.name: task for task in suite.tasks}
    chosen = [task for _, tasks in benchmarks_of(suite, wanted) for task in tasks]
    to_count = {task: stated[task].shots for task in chosen if task not in WORK or not stated[task].items}
    counts: dict[str, ItemCounts] = {}
    data = None
    if to_count:
        if fetch:
            note("downloading the items that are not here")
            datasets.fetch(settings.benchmarks, (facts.tasks[task] for task in to_count), settings.token)
        note(f"counting the tokens of {len(to_count)} task(s)")
        data = tokenizer()
        counts = count_items(to_count, facts, settings, data)
    known, unknown = {}, {}
    for task in chosen:
        count = counts.get(task, ItemCounts())
        items, work = stated[task].items or count.items, WORK.get(task) or count.work
        if items and work:
            known[task] = Load(min(items, limit or items), work, task not in WORK and data is not None)
        else:
            unknown[task] = _why(task, count, facts)
    return SuiteLoads(known, unknown)


def items_of(suite: Suite, wanted: Sequence[str] = (), limit: int | None = None) -> dict[str, int]:
    """Return task → number of documents of a suite, or of the `wanted` part of it, without tasks of unknown size."""
    return {
        task.name: min(task.items, limit or task.items)
        for benchmark in suite.benchmarks
        for task in benchmark.tasks
        if task.items and (not wanted or {task.name, benchmark.key} & set(wanted))
    }


def weigh(items: Mapping[str, int]) -> dict[str, float]:
    """Return task → relative work: tokens read, plus ten for each token generated."""
    known = {task: WORK[task] for task in items if task in WORK}
    return {task: (work.document + 10 * (work.answer or 0.0)) * items[task] for task, work in known.items()}


def _why(task: str, count: ItemCounts, facts: HarnessFacts) -> str:
    about = facts.tasks.get(task)
    if about is not None and about.problem:
        return f"{task} cannot be run here: {about.problem}"
    if count.problem:
        return f"the items of {task} cannot be read: {count.problem}"
    return f"the items of {task} are not here ({about.dataset if about else 'its dataset'}); --fetch downloads them"
