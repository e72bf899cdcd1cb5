"""How scores come about, in the suite's own words, so that the page cannot drift from the code."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from src.board.snapshot import Board, Snapshot
from src.core.suites import Benchmark, Suite
from src.settings import Settings
from src.ui.figures import number
from src.ui.html import h, join
from src.ui.page import Page, View, Visit, snapshot_of


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The benchmarks of the suite, how each becomes a score, and where the rows on screen come from."""
    snapshot = snapshot_of(board, visit.query)
    suite = snapshot.suite
    body = h(
        "article",
        {"class": "lb-text", "aria-labelledby": "lb-title"},
        h("h1", {"id": "lb-title"}, suite.title),
        h("p", {"class": "lb-intro"}, suite.help),
        h("h2", {}, "Benchmarks"),
        [_benchmark(benchmark) for benchmark in suite.benchmarks],
        h("h2", {}, "From answers to a score"),
        _rules(suite),
        _scorers(suite),
        _baselines(suite),
        h("h2", {}, "How sure a number is"),
        h("ul", {}, [h("li", {}, part) for part in _certainty(snapshot)]),
        h("h2", {}, "Where these rows come from"),
        _source(snapshot, board),
    )
    return View("About", body, description=suite.help)


POOLING = {
    "mean": "the plain mean of its {tasks} tasks",
    "weighted": "all items of its {tasks} tasks together",
    "mean_of_metrics": "the mean of {metrics}",
}
NORMALISE = {
    "none": "Published as it is.",
    "once": "Guessing is taken off: a model that guesses gets 0.",
    "subtasks": "Guessing is taken off in each task before the mean: a model that guesses gets 0.",
}


def _benchmark(benchmark: Benchmark) -> Markup:
    tasks = len(benchmark.tasks)
    pooling = POOLING[benchmark.pooling].format(tasks=tasks, metrics=" and ".join(map(_words, benchmark.metrics)))
    raw = f"Raw value: {pooling}. " if tasks > 1 or benchmark.pooling == "mean_of_metrics" else ""
    facts = (
        benchmark.items and f"{benchmark.items:,} items",
        tasks > 1 and f"{tasks} tasks",
        benchmark.shots is not None and _shots(benchmark.shots),
        _chance(benchmark),
    )
    return h(
        "section",
        {"class": "lb-benchmark", "id": benchmark.key},
        h("h3", {}, benchmark.title),
        h("p", {}, benchmark.help),
        h("p", {"class": "lb-quiet"}, " · ".join(fact for fact in facts if fact)),
        h("p", {"class": "lb-quiet"}, raw, NORMALISE[benchmark.normalise]) if tasks else None,
    )


def _shots(shots: int) -> str:
    return f"{shots or 'no'} worked example{'' if shots == 1 else 's'} before each question"


def _chance(benchmark: Benchmark) -> str | None:
    chances = sorted({task.chance for task in benchmark.tasks if task.chance is not None})
    if not chances:
        return None
    low, high = number(100 * chances[0], 0), number(100 * chances[-1], 0)
    return f"guessing earns {low} %" if low == high else f"guessing earns {low} to {high} %, by task"


def _words(metric: str) -> str:
    return " ".join(METRIC_WORDS.get(part, part) for part in metric.split("_"))


METRIC_WORDS = {"acc": "accuracy", "inst": "instruction"}


AVERAGES = {
    "mean": "The average is the plain mean of the benchmarks’ scores.",
    "distance_to_optimum": "The average is 100 less the root mean square of what each score falls short of 100.",
    "win_rate": "The average is the mean share of other rows that a row beats, benchmark by benchmark.",
    "none": "This board has no average: its columns must not be added up.",
}


def _rules(suite: Suite) -> Markup:
    parts = [AVERAGES[suite.aggregation], "A row that lacks a benchmark has no average, and no rank."]
    if any(benchmark.normalise != "none" for benchmark in suite.benchmarks):
        formula = h("code", {"class": "lb-formula"}, "100 · max(0, (x − c) / (1 − c))")
        parts.insert(0, join("Guessing taken off: a raw value x with chance level c becomes ", formula, "."))
    return h("ul", {}, [h("li", {}, part) for part in parts])


def _scorers(suite: Suite) -> Markup | None:
    if len(suite.scorers) < 2:
        return None
    rows = [
        h("tr", {}, h("th", {"scope": "row", "class": "lb-date"}, f"{scorer.since:%Y-%m-%d}"), h("td", {}, scorer.help))
        for scorer in suite.scorers
    ]
    head = h("tr", {}, h("th", {"scope": "col"}, "Since"), h("th", {"scope": "col"}, "How"))
    return join(
        h("p", {}, "Answers were graded in more than one way over time; scores of two ways are not to be compared:"),
        h("table", {}, h("thead", {}, head), h("tbody", {}, rows)),
    )


def _baselines(suite: Suite) -> Markup | None:
    """What is no row of the board, to hold its rows against."""
    if not suite.baselines:
        return None
    head = [h("th", {"scope": "col"}, "Baseline")]
    head += [h("th", {"scope": "col", "class": "lb-num"}, benchmark.title) for benchmark in suite.benchmarks]
    rows = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, each.title, h("small", {"class": "lb-quiet"}, each.help)),
            [
                h("td", {"class": "lb-num"}, number(each.scores.get(benchmark.key), benchmark.digits) or "unknown")
                for benchmark in suite.benchmarks
            ],
        )
        for each in suite.baselines
    ]
    return join(
        h("h2", {"id": "baselines"}, "Baselines"),
        h("p", {}, "No rows of the board, but something to hold them against; the charts draw them as dashed lines."),
        h(
            "div",
            {"class": "lb-scroll", "tabindex": "0", "role": "region", "aria-labelledby": "baselines"},
            h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
        ),
    )


def _certainty(snapshot: Snapshot) -> list[Markup | str]:
    """What the signs of uncertainty on the table and the pages mean, as far as this board has them."""
    frame = snapshot.frame
    approximate = any(frame[column].eq(True).any() for column in frame if column.endswith(".approximate"))
    at_chance = any(frame[column].eq(True).any() for column in frame if column.endswith(".at_chance"))
    told: list[Markup | str | None] = [
        join(
            "± behind an average, and the thin line below a score: the 95 % interval, what other questions of the same "
            "kinds might have given. Two intervals that overlap may still differ: ",
            h("a", {"href": "compare"}, "compare"),
            " the two, since models that answered the same questions are told apart more finely.",
        ),
        "Two numbers beside a rank, such as 4–19: the places that chance alone leaves open, at 95 %, all models taken "
        "together (Mogstad, Romano, Shaikh and Wilhelm 2024). A dot says that a row cannot be told from the best.",
        "A score in italics is at chance: it cannot be told from guessing." if at_chance else None,
        "Approximate: only the counts of right answers are known, so that the interval is reckoned from them; where a "
        "run published its answers, from those."
        if approximate
        else None,
    ]
    return [each for each in told if each]


SOURCES = {
    "live": "They are read from {store}.",
    "local": "They are read from the folder {store}.",
    "copy": "They are the last copy of {store} that this board kept.",
    "sample": "They are made up: a small sample that comes with the code.",
    "none": "There are none yet.",
}


def _source(snapshot: Snapshot, board: Board) -> Markup:
    notes = [h("li", {}, note) for note in snapshot.frame.attrs.get("notes", ())]
    scorers = Counter(snapshot.frame["scorer"].dropna()) if "scorer" in snapshot.frame else Counter()
    told = SOURCES[snapshot.source].format(store=snapshot.store or board.store.name)
    if snapshot.source in ("live", "local", "copy"):
        told += f" Last in step with it at {snapshot.as_of:%Y-%m-%d %H:%M} UTC."
    graded = ", ".join(
        f"{count:,} by the rules of {scorer}".replace("-", "\u2011") for scorer, count in sorted(scorers.items())
    )
    return join(
        h("p", {}, told, graded and f" Graded: {graded}."),
        notes and join(h("p", {}, "What was left out or mended on the way in:"), h("ul", {}, notes)),
    )


PAGE = Page(name="about", route="/about", nav="About", view=view)
