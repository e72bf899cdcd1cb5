"""The claims in a model's own repository: `model-index` of its card, and `.eval_results/*.yaml`.

Values are shares or per cent of right answers, before chance is taken off, as makers print them. Everything here is a
stranger's text: what cannot be read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from huggingface_hub import parse_eval_result_entries

from src.board.cards.document import CardDocument
from src.core.errors import BadInputError
from src.core.suites import Suite
from src.core.suites.spellings import fold, spellings
from src.core.untrusted import mapping, number

FOLDER = ".eval_results/"
SHOTS = re.compile(r"(\d{1,3})[\s-]*shots?\b", re.IGNORECASE)
LONGEST_NOTE = 120


@dataclass(frozen=True)
class MakerClaim:
    """One benchmark's value by the model's makers, in per cent; `note`: where they say it, and how it was measured."""

    benchmark: str
    value: float
    note: str


@dataclass(frozen=True)
class CardValue:
    """One value that a repository gives for a benchmark, which has any of `labels`; `model` if a card names it."""

    source: str
    labels: tuple[str, ...]
    value: Any
    note: str
    model: str | None = None


def maker_claims(suite: Suite, card: str, files: Mapping[str, str]) -> dict[str, MakerClaim]:
    """Return benchmark → claim. `card`: README.md; `files`: `.eval_results/*.yaml` → text, which go before the card.

    Claims that name a leaderboard as their source are somebody else's measurement, and are left out.
    """
    claims: dict[str, MakerClaim] = {}
    named = {word: each for each in reversed(suite.benchmarks) for word in spellings(each)}
    for each in (*values_of_files(files), *values_of_card(card, boards=False)):
        benchmark = next((named[word] for word in _words(each.labels) if word in named), None)
        points = number(each.value)
        if benchmark is None or points is None or not 0 <= points <= 100 or benchmark.unit != "%":
            continue
        percent = points * 100 if points <= 1 else points
        words = ", ".join(filter(None, (each.source, each.note)))[:LONGEST_NOTE]
        claims.setdefault(benchmark.key, MakerClaim(benchmark.key, percent, words))
    return claims


def _words(labels: Iterable[str]) -> Iterator[str]:
    for label in labels:
        yield fold(label)
        yield fold(label.rpartition("/")[2])  # a data set's owner says nothing


def shots_of(note: str) -> int | None:
    """Return how many examples a claim says it used; None if it does not say."""
    match = SHOTS.search(note)
    return int(match[1]) if match else None


def values_of_files(files: Mapping[str, str]) -> Iterator[CardValue]:
    """Yield the values of `.eval_results` files, path → text."""
    for path, text in sorted(files.items()):
        for item in _listed(_parsed(text)):
            try:
                (entry,) = parse_eval_result_entries([dict(item)])
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            labels = str(entry.task_id), str(entry.dataset_id.rpartition("/")[2])
            yield CardValue(path, labels, entry.value, str(entry.notes or ""))


def values_of_card(text: str, boards: bool = True) -> Iterator[CardValue]:
    """Yield the values of a card's `model-index`; without `boards`, not those of leaderboards."""
    try:
        data = CardDocument(text).data
    except BadInputError:
        return
    index = data.get("model-index") if isinstance(data, dict) else None
    for model in _listed(index):
        for result in _listed(model.get("results")):
            source, dataset = mapping(result.get("source")), mapping(result.get("dataset"))
            if not boards and any("leaderboard" in str(source.get(part, "")).lower() for part in ("name", "url")):
                continue
            for metric in _listed(result.get("metrics"))[:1]:
                shots = mapping(dataset.get("args")).get("num_few_shot")
                note = f"{shots}-shot" if number(shots) is not None else _shots_in(dataset, metric)
                named = (dataset.get("name"), dataset.get("type"), metric.get("name"))
                labels = tuple(label for label in named if isinstance(label, str))
                name = model.get("name")
                yield CardValue(
                    "model-index", labels, metric.get("value"), note, name if isinstance(name, str) else None
                )


def _shots_in(*parts: Mapping[str, Any]) -> str:
    words = " ".join(str(part.get(name, "")) for part in parts for name in ("name", "type"))
    match = SHOTS.search(words)
    return f"{match[1]}-shot" if match else ""


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return None


def _listed(value: Any) -> list[Mapping[str, Any]]:
    listed: Iterable[Any] = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, Mapping)]
