"""What a task's number is made of: the option that a model always chooses, texts cut at the limit, unread answers.

A model that answers "(A)" throughout earns what share of the items has "(A)" right, which says nothing about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from src.core.items.details import AT_LIMIT, option_likelihoods
from src.core.items.options import targets_of
from src.core.suites import Benchmark
from src.core.untrusted import number

KEY = "answer_habits"
"""The block of a result file: benchmark → task → `AnswerHabit`."""
UNREAD = ("[invalid]", "[invalidanswer]", "")
"""What lm-eval's filters return if a text holds no answer."""
NOTABLE = 0.9
"""Share of items with one and the same option from which it is pointed out."""


@dataclass(frozen=True)
class AnswerHabit:
    """How one task was answered.

    option: the one chosen most often, its text if every item offers it, else its letter; chosen, right: the shares of
    items in which it was chosen and is right (None: unknown); at_limit, unread: numbers of texts that reached the
    length limit, and without a readable answer.
    """

    items: int
    option: str | None = None
    chosen: float | None = None
    right: float | None = None
    at_limit: int = 0
    unread: int = 0

    @property
    def is_notable(self) -> bool:
        """Whether one option was nearly always chosen, or texts were cut or not understood."""
        return bool((self.chosen or 0) >= NOTABLE or self.at_limit or self.unread)

    def sentence(self) -> str:
        """Return the habit in words."""
        parts = []
        if self.option is not None and self.chosen is not None:
            right = "" if self.right is None else f", right in {100 * self.right:.0f} %"
            always = "always" if self.chosen == 1 else f"{100 * self.chosen:.0f} %"
            parts.append(f"{always} {self.option}{right}")
        if self.at_limit:
            parts.append(f"{self.at_limit:,} of {self.items:,} texts reached the length limit")
        if self.unread:
            parts.append(f"{self.unread:,} of {self.items:,} answers could not be read")
        return "; ".join(parts)


def answer_habits(benchmark: Benchmark, lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the block of one benchmark from the sample lines of its tasks."""
    return {task: asdict(habit) for task in lines if (habit := habit_of(lines[task], "acc_norm" in benchmark.metrics))}


def habit_of(lines: Sequence[Mapping[str, Any]], by_length: bool) -> AnswerHabit | None:
    """Return how a task was answered; None if it has no items. `by_length`: options are compared per character."""
    if not lines:
        return None
    chosen: list[int] = []
    targets: list[tuple[int | None, int | None]] = []
    grades: list[float | None] = []
    offered: list[list[str]] = []
    for line in lines:
        options, likelihoods = option_likelihoods(line)
        if len(options) < 2 or any(value is None for value in likelihoods):
            continue
        scores = [
            float(value or 0) / (max(len(option), 1) if by_length else 1)
            for option, value in zip(options, likelihoods, strict=True)
        ]
        offered.append(options)
        chosen.append(scores.index(max(scores)))
        targets.append(targets_of(line.get("target"), options))
        grades.append(number(line.get("acc_norm" if by_length else "acc")))
    if offered:
        place, count = Counter(chosen).most_common(1)[0]
        right = _right(chosen, targets, grades)
        share = None if right is None else right.count(place) / len(right)
        return AnswerHabit(len(offered), _label(offered, place), count / len(offered), share)
    items = {line.get("doc_id"): line for line in lines}
    unread = {line.get("doc_id") for line in lines if _is_unread(line.get("filtered_resps"))}
    read = {line.get("doc_id") for line in lines if not _is_unread(line.get("filtered_resps"))}
    return AnswerHabit(len(items), at_limit=sum(bool(line.get(AT_LIMIT)) for line in items.values()),
                       unread=len(unread - read))  # fmt: skip


def read_habits(block: Any) -> dict[str, AnswerHabit] | None:
    """Return task → habit as a result file holds them; None if nothing of it is usable."""
    habits = {}
    for task, fields in block.items() if isinstance(block, Mapping) else ():
        items = number(fields.get("items")) if isinstance(fields, Mapping) else None
        if not items:
            continue
        option = fields.get("option")
        habits[str(task)] = AnswerHabit(
            items=int(items),
            option=None if option is None else str(option)[:40],
            chosen=number(fields.get("chosen")),
            right=number(fields.get("right")),
            at_limit=int(number(fields.get("at_limit")) or 0),
            unread=int(number(fields.get("unread")) or 0),
        )
    return habits or None


def _right(
    chosen: Sequence[int], targets: Sequence[tuple[int | None, int | None]], grades: Sequence[float | None]
) -> list[int] | None:
    """Return each item's right option, by number or by text, whichever explains every grade; None if neither does."""
    for way in (0, 1):
        answers = [target[way] for target in targets]
        known = [answer for answer in answers if answer is not None]
        pairs = zip(chosen, answers, grades, strict=True)
        if len(known) == len(answers) and all(
            grade is None or (choice == answer) == (grade >= 0.5) for choice, answer, grade in pairs
        ):
            return known
    return None


def _label(offered: Sequence[Sequence[str]], place: int) -> str:
    texts = {options[place].strip() if place < len(options) else "" for options in offered}
    return texts.pop()[:40] if len(texts) == 1 else f"({chr(ord('A') + place)})"


def _is_unread(answers: Any) -> bool:
    values = answers if isinstance(answers, list) else [answers]
    return all(str(value).strip() in UNREAD for value in values)
