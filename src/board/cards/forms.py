"""What a card says in each suite's block: labels, data sets and metrics, as its suite gives them."""

from __future__ import annotations

from dataclasses import dataclass

from src.core import suites
from src.core.suites import CardLine, CardSource, PublishedCards
from src.core.suites.spellings import fold

AVERAGE = "average"
AVERAGE_LABEL = "Avg."
SOURCE_NAME = "Open LLM Leaderboard"
TASK_TYPE, TASK_NAME = "text-generation", "Text Generation"


@dataclass(frozen=True)
class CardForm:
    """The block of one suite."""

    suite: str
    lines: tuple[CardLine, ...]
    source: CardSource
    retired: tuple[str, ...] = ()  # benchmarks an earlier block of the suite still lists, folded

    def line(self, label: str) -> CardLine | None:
        """Return the line that a printed label means, in any spelling a card ever used; None for any other text."""
        return self._by_spelling.get(fold(label))

    @property
    def _by_spelling(self) -> dict[str, CardLine]:
        return {word: line for line in self.lines for word in (fold(line.label), line.key, *line.aliases)}


def is_average(label: str) -> bool:
    """Return whether a label heads the average."""
    return fold(label) in {"avg", "average", "averagescore", "mean"}


def form_of(suite: str) -> CardForm:
    """Return the form of a suite's block: the one that cards carry already, else one made from the suite itself."""
    known = suites.load(suite)
    cards = known.cards or PublishedCards(CardSource(SPACE, SPACE.partition("/")[0]))
    lines = tuple(benchmark.card or suites.general_card(benchmark) for benchmark in known.benchmarks)
    return CardForm(suite, lines, cards.source, cards.retired)


def published_forms() -> tuple[CardForm, ...]:
    """Return the forms of the suites whose blocks cards carry already, which is all that can be read from a card."""
    return tuple(form_of(name) for name in suites.names() if suites.load(name).cards)


SPACE = "open-llm-leaderboard/open_llm_leaderboard"
