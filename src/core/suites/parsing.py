"""From a suite's parsed .toml to a `Suite`; what contradicts itself is refused with a sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date
from functools import cache
from pathlib import Path
from typing import Any

from src.core.errors import BadInputError
from src.core.suites.language import check
from src.core.suites.suite import (
    CHAT_DATE,
    Baseline,
    Benchmark,
    Carbon,
    CardLine,
    CardSource,
    CitedWork,
    HubData,
    PublishedCards,
    Scorer,
    SourceTask,
    Suite,
    Task,
)

SHARE = {"unit": "%", "scale": 100, "higher_is_better": True}


def parse_text(text: str, source: str) -> Suite:
    """Return the suite in the text of a .toml. Raise BadInputError, naming `source`, if it makes no sense."""
    try:
        return parse(tomllib.loads(text))
    except BadInputError as error:
        raise BadInputError(f"{source}: {error}") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{source} is no suite: {error!r}. docs/suites.md lists the fields.") from error


def parse(data: Mapping[str, Any]) -> Suite:
    """Return the suite that a parsed .toml describes. Raise BadInputError if its parts contradict one another."""
    check(data)
    suite = Suite(
        name=data["name"],
        title=data["title"],
        version=data.get("version", 1),
        kind=data.get("kind", "scores"),
        help=data.get("help", ""),
        aggregation=data.get("aggregation", "mean"),
        benchmarks=tuple(_benchmark(each) for each in data["benchmark"]),
        scorers=tuple(_scorer(each) for each in data.get("scorer", [{"name": f"{data['name']}-1"}])),
        carbon=Carbon(**data["carbon"]) if "carbon" in data else None,
        baselines=tuple(
            Baseline(each["title"], each["scores"], each.get("help", "")) for each in data.get("baseline", ())
        ),
        group=data.get("group"),
        cite=CitedWork(**data["cite"]) if "cite" in data else None,
        cards=_cards(data["cards"]) if "cards" in data else None,
        generation_defaults=data.get("generation_defaults", "model"),
        chat_date=data.get("chat_date", CHAT_DATE),
    )
    _check(suite)
    return suite


@cache
def metric_kinds() -> Mapping[str, Mapping[str, Any]]:
    """Return metric → unit, scale, bounds and direction, for metrics that are no shares."""
    data = tomllib.loads(Path(__file__).with_name("metrics.toml").read_text(encoding="utf-8"))
    return {name: kind for kind in data["kind"] for name in kind["names"]}


def metric_kind(metrics: Iterable[str]) -> Mapping[str, Any]:
    """Return the kind of the first of the metrics that is no share, else that of shares."""
    known = metric_kinds()
    return next((known[name] for metric in metrics if (name := metric.partition(",")[0]) in known), SHARE)


def _benchmark(data: Mapping[str, Any]) -> Benchmark:
    kind = metric_kind(data.get("metrics", ()))
    tasks = tuple(_task(each if isinstance(each, Mapping) else {"name": each}, data) for each in data.get("tasks", ()))
    scale = float(data.get("scale", kind["scale"]))
    unit = data.get("unit", kind["unit"])
    usual = kind.get("bounds") or ([0, scale] if unit == "%" else None)
    bounds = data.get("bounds", usual)
    benchmark = Benchmark(
        key=data["key"],
        title=data["title"],
        column=data.get("column", data["title"]),
        raw_column=data.get("raw_column"),
        tasks=tasks,
        metrics=tuple(data.get("metrics", ())),
        spellings={metric: tuple(others) for metric, others in data.get("spellings", {}).items()},
        pooling=data.get("pooling", "mean"),
        normalise=data.get("normalise", "none"),
        scale=scale,
        higher_is_better=data.get("higher_is_better", kind.get("higher_is_better", True)),
        weight=float(data.get("weight", 1)),
        bounds=(float(bounds[0]), float(bounds[1])) if bounds else None,
        unit=unit,
        digits=data.get("digits", kind.get("digits", 2)),
        shots=_shared(task.shots for task in tasks),
        items=sum(task.items for task in tasks if task.items) or data.get("items"),
        answer_tokens=data.get("answer_tokens"),
        independent=data.get("independent"),
        chance=_shared(task.chance for task in tasks),
        category=data.get("category"),
        help=data.get("help", ""),
        columns=tuple(data.get("columns", ())),
        raw_columns=tuple(data.get("raw_columns", ())),
        group=data.get("group"),
        together=data.get("together", False),
        gated=data.get("gated", False),
        private=data.get("private", False),
        needs=tuple(data.get("needs", ())),
        cite=CitedWork(**data["cite"]) if "cite" in data else None,
        hub=HubData(**data["hub"]) if "hub" in data else None,
        sources={harness: SourceTask.read(each) for harness, each in data.get("from", {}).items()},
    )
    return replace(benchmark, card=_card(benchmark, data["card"])) if "card" in data else benchmark


def _task(data: Mapping[str, Any], benchmark: Mapping[str, Any]) -> Task:
    options = data.get("options", benchmark.get("options"))
    return Task(
        name=data["name"],
        title=data.get("title", data["name"]),
        shots=data.get("shots", benchmark.get("shots", 0)),
        items=data.get("items"),
        chance=1 / options if options else None,
        aliases=tuple(data.get("aliases", ())),
    )


def _scorer(data: Mapping[str, Any]) -> Scorer:
    return Scorer(
        name=data["name"],
        since=data.get("since", date.min),
        versions={task: frozenset(map(float, versions)) for task, versions in data.get("versions", {}).items()},
        stamps=frozenset(stamp.replace(tzinfo=UTC) for stamp in data.get("stamps", ())),
        help=data.get("help", ""),
    )


def _card(benchmark: Benchmark, data: Mapping[str, Any]) -> CardLine:
    fields: dict[str, Any] = dict(data) | {"aliases": tuple(data.get("aliases", ()))}
    return replace(general_card(benchmark), **fields)


def general_card(benchmark: Benchmark) -> CardLine:
    """Return the line of a benchmark in cards of a suite that published none before."""
    shots = "" if benchmark.shots is None else f" ({benchmark.shots}-shot)"
    return CardLine(
        key=benchmark.key,
        label=f"{benchmark.title}{shots}",
        dataset=benchmark.hub.dataset if benchmark.hub else benchmark.title,
        shots=benchmark.shots or 0,
        metric=" and ".join(benchmark.metrics) or benchmark.unit,
        metric_name=None,
    )


def _cards(data: Mapping[str, Any]) -> PublishedCards:
    details = {"details": data["details"]} if "details" in data else {}
    return PublishedCards(CardSource(data["space"], data["owner"], **details), tuple(data.get("retired", ())))


def _check(suite: Suite) -> None:
    keys = [benchmark.key for benchmark in suite.benchmarks]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise BadInputError(f"{suite.name}: two benchmarks share a key ({', '.join(twice)}).")
    directions = {benchmark.higher_is_better for benchmark in suite.averaged}
    units = {benchmark.unit for benchmark in suite.averaged}
    if suite.aggregation not in ("win_rate", "z_mean", "none") and (
        len(units) > 1 or (len(directions) > 1 and suite.aggregation != "distance")
    ):
        raise BadInputError(
            f"{suite.name}: '{suite.aggregation}' would add up columns of different directions or units; "
            "give the others weight = 0, or use aggregation = 'win_rate', 'z_mean' or 'none'."
        )
    for baseline in suite.baselines:
        if strange := sorted(baseline.scores.keys() - set(keys)):
            raise BadInputError(
                f"{suite.name}: the baseline {baseline.title} has a score of '{strange[0]}', no benchmark here."
            )
    for benchmark in suite.benchmarks:
        _check_benchmark(benchmark, f"{suite.name}: {benchmark.key}")


def _check_benchmark(benchmark: Benchmark, name: str) -> None:
    tasks = [task.name for task in benchmark.tasks]
    if twice := sorted({task for task in tasks if tasks.count(task) > 1}):
        raise BadInputError(f"{name} has the task {twice[0]} twice.")
    if benchmark.tasks and len(benchmark.metrics) != 1 and benchmark.pooling != "mean_of_metrics":
        raise BadInputError(f"{name} needs exactly one metric, or pooling = 'mean_of_metrics'.")
    if len({(kind["unit"], kind["scale"]) for kind in map(metric_kind, ([each] for each in benchmark.metrics))}) > 1:
        raise BadInputError(f"{name} pools metrics of different units ({', '.join(benchmark.metrics)}).")
    if benchmark.normalise != "none" and any(task.chance is None for task in benchmark.tasks):
        raise BadInputError(f"{name} takes chance off, so each task needs its number of options.")
    if benchmark.normalise != "none" and not benchmark.higher_is_better:
        raise BadInputError(f"{name} takes chance off, which makes no sense if lower is better.")
    if benchmark.normalise == "once" and benchmark.chance is None:
        raise BadInputError(f"{name} takes chance off once, so its tasks must share one.")
    if benchmark.pooling == "weighted" and any(task.items is None for task in benchmark.tasks):
        raise BadInputError(f"{name} is weighted by items, so each task needs their number.")


def _shared(values: Any) -> Any:
    """Return the one value that all share, else None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
