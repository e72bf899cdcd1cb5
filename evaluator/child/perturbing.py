"""Ask multiple-choice questions again with their options in other orders or under other labels.

The variants go to the model together with the original requests, so that the engine's trie computes what they share
once: the few-shot examples, the question, and the options up to the first that differs. Nothing else of a prompt
changes: few-shot examples keep their options as they are.
"""

from __future__ import annotations

import copy
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from src.core.items.details import PERTURBED

ORDERS = 4
"""Orders of the options, the original one included; fewer if the options have fewer orders."""
ALPHABETS = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "123456789")
LINE = re.compile(r"(?P<open>\(?)(?P<label>[A-Z]|[1-9])(?P<close>\)|\.|:| -) (?P<text>.*\S.*)")
REFERS = re.compile(
    r"(?i:\b(?:all|none|both|any|neither|either|some) of (?:the|these|them)\b)|\b[A-Z]\)? (?:and|or) \(?[A-Z]\b"
)
"""Options that speak of the other options: they would mean something else in another place."""


@dataclass(frozen=True)
class LetteredOptions:
    """The options as a prompt's last question lists them, one a line: `before`, the lines, `after`."""

    before: str
    lines: tuple[str, ...]  # the texts, without labels
    after: str
    opening: str
    closing: str
    alphabet: str

    def prompt(self, order: Sequence[int], alphabet: str) -> str:
        """Return the prompt with option `order[i]` in place i, under the labels of an alphabet."""
        lines = (f"{self.opening}{alphabet[i]}{self.closing} {self.lines[which]}" for i, which in enumerate(order))
        return self.before + "\n".join(lines) + self.after


def options_of(prompt: str, doc: Mapping[str, Any], continuations: Sequence[str]) -> LetteredOptions | None:
    """Return the lettered or numbered options of a prompt's question; None if it has none that can be rearranged.

    `continuations`: the answers whose likelihoods are asked for. They must be the labels, or the texts of the options.
    """
    rows = prompt.split("\n")
    matches = [LINE.fullmatch(row) for row in rows]
    last = next((at for at in range(len(rows) - 1, -1, -1) if matches[at]), None)
    if last is None:
        return None
    first = last
    while first > 0 and matches[first - 1] and matches[first]["label"] not in ("A", "1"):  # type: ignore[index]
        first -= 1
    found = [match for match in matches[first : last + 1] if match is not None]
    labels = "".join(match["label"] for match in found)
    styles = {(match["open"], match["close"]) for match in found}
    alphabet = next((letters for letters in ALPHABETS if letters.startswith(labels)), None)
    if alphabet is None or len(styles) > 1 or not 2 <= len(found) <= len(continuations):
        return None
    texts = tuple(match["text"] for match in found)
    written = "\n".join(_texts(doc))
    of_question = all(text.strip() in written for text in texts)  # not of the last few-shot example
    if not of_question or any(REFERS.search(text) for text in texts) or len(set(texts)) < len(texts):
        return None
    before = "\n".join(rows[:first]) + ("\n" if first else "")
    after = "\n" + "\n".join(rows[last + 1 :]) if last + 1 < len(rows) else ""
    options = LetteredOptions(before, texts, after, *styles.pop(), alphabet)
    return options if _are_labels(continuations, alphabet) or _are_texts(continuations, texts) else None


@dataclass(frozen=True)
class Variant:
    """One other way to ask an item: what it changes, the prompt, and the continuation of each original option."""

    about: dict[str, Any]
    prompt: str
    continuations: tuple[str, ...]


def variants(
    options: LetteredOptions, continuations: Sequence[str], kinds: Sequence[str], seed: str
) -> Iterator[tuple[str, Variant]]:
    """Yield (kind, variant): up to three other orders for "order", up to two other alphabets for "labels"."""
    count = len(options.lines)
    lettered = _are_labels(continuations, options.alphabet)
    for order in other_orders(count, seed) if "order" in kinds else ():
        place = {which: at for at, which in enumerate(order)}
        asked = [continuations[place.get(at, at)] if lettered else text for at, text in enumerate(continuations)]
        yield "order", Variant({"order": order}, options.prompt(order, options.alphabet), tuple(asked))
    for alphabet in ALPHABETS if "labels" in kinds else ():
        if alphabet == options.alphabet or len(alphabet) < max(count, len(continuations)):
            continue
        relabelled = [
            text.replace(options.alphabet[at], alphabet[at]) if lettered else text
            for at, text in enumerate(continuations)
        ]
        yield "labels", Variant({"labels": alphabet[:count]}, options.prompt(range(count), alphabet), tuple(relabelled))


def other_orders(count: int, seed: str) -> list[list[int]]:
    """Return up to three different orders of `count` options, none the original; the same for the same seed."""
    generator, found = random.Random(seed), [list(range(count))]
    while len(found) < min(ORDERS, math.factorial(count)):
        order = generator.sample(range(count), count)
        if order not in found:
            found.append(order)
    return found[1:]


@dataclass
class Perturbation:
    """Asks a model for the variants of every item along with the item itself, and keeps their answers apart."""

    kinds: tuple[str, ...]
    answers: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    def wrap(self, model: Any) -> None:
        """Replace the model's `loglikelihood` by one that asks for the variants too."""
        ask = model.loglikelihood

        def perturbed(requests: list[Any], *rest: Any, **more: Any) -> list[Any]:
            extra, plan = self._variants(requests)
            answers = ask([*requests, *extra], *rest, **more)
            at = len(requests)
            for item, kind, variant in plan:
                likelihoods = [float(answer[0]) for answer in answers[at : at + len(variant.continuations)]]
                at += len(variant.continuations)
                entry = {**variant.about, "loglikelihoods": likelihoods}
                self.answers.setdefault(item, {}).setdefault(kind, []).append(entry)
            return list(answers[: len(requests)])

        model.loglikelihood = perturbed

    def note(self, task: str, samples: Sequence[dict[str, Any]]) -> None:
        """Add the variants' answers to the samples of a task."""
        for sample in samples:
            if found := self.answers.get((task, int(sample["doc_id"]))):
                sample[PERTURBED] = found

    def _variants(self, requests: Sequence[Any]) -> tuple[list[Any], list[tuple[tuple[str, int], str, Variant]]]:
        items: dict[tuple[str, int, str], list[Any]] = {}
        for request in requests:
            items.setdefault((request.task_name or "", request.doc_id or 0, request.args[0]), []).append(request)
        extra, plan = [], []
        for (task, document, prompt), own in items.items():
            continuations = [str(request.args[1]) for request in own]
            options = options_of(prompt, own[0].doc if isinstance(own[0].doc, Mapping) else {}, continuations)
            if options is None:
                continue
            for kind, variant in variants(options, continuations, self.kinds, f"{task} {document}"):
                plan.append(((task, document), kind, variant))
                for request, continuation in zip(own, variant.continuations, strict=True):
                    other = copy.copy(request)
                    other.arguments = (variant.prompt, continuation)
                    extra.append(other)
        return extra, plan


def _are_labels(continuations: Sequence[str], alphabet: str) -> bool:
    letters = [text.strip(" ()") for text in continuations]
    return len(letters) <= len(alphabet) and all(one == alphabet[at] for at, one in enumerate(letters))


def _are_texts(continuations: Sequence[str], texts: Sequence[str]) -> bool:
    return [text.strip() for text in continuations] == [text.strip() for text in texts]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
