"""The tabs of a model's page about its past: every run there is a file of, and what was reported of it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from src.board.model import ModelView
from src.board.past_runs import PastRun, past_runs
from src.board.snapshot import Board, Snapshot
from src.core.contamination import Report, reports
from src.core.errors import BoardError
from src.core.estimates import Estimate, Guess, estimates
from src.core.suites import Suite
from src.ui.figures import number
from src.ui.html import h


def history(board: Board, snapshot: Snapshot, found: ModelView) -> Markup:
    """Scores over revisions, precisions and ways of grading; and reports of contamination. Raises StoreError."""
    runs = past_runs(board.shown, snapshot.suite, found.run.model)
    guessed = estimates(board.shown, found.run.model, snapshot.suite.name)
    reported = reports(board.shown, found.run.model)
    return h("div", {}, _runs(runs, snapshot.suite), estimated(guessed, snapshot.suite), _reports(reported))


def _runs(runs: tuple[PastRun, ...], suite: Suite) -> Markup:
    if not runs:
        return h(
            "p",
            {"class": "lb-quiet"},
            "The store keeps no result files of this model: only its published scores are known.",
        )
    averaged = [("average", "Average")] if suite.aggregation != "none" else []
    titles = ["When", "Precision", "Revision", "Scorer"]
    scores = averaged + [(each.key, each.title) for each in suite.benchmarks]
    head = [h("th", {"scope": "col"}, title) for title in titles]
    head += [h("th", {"scope": "col", "class": "lb-num"}, title) for _, title in scores]
    rows = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, f"{run.when:%Y-%m-%d %H:%M}" if run.when else "unknown"),
            h("td", {}, run.precision or "unknown"),
            h("td", {}, h("code", {}, run.revision[:7]) if run.revision else "unknown"),
            h("td", {}, run.scored.scorer or "unknown"),
            [h("td", {"class": "lb-num"}, _score(run, key)) for key, _ in scores],
        )
        for run in runs
    ]
    return h(
        "section",
        {"aria-labelledby": "lb-past"},
        h("h2", {"id": "lb-past"}, f"Runs ({len(runs)})"),
        h("p", {"class": "lb-quiet"}, GRADED),
        h(
            "div",
            {"class": "lb-scroll", "role": "region", "aria-label": "Table of runs", "tabindex": "0"},
            h("table", {"class": "lb-subtasks"}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
        ),
    )


GRADED = (
    "Each file scored anew from its subtasks. Scores of two scorers are not to be compared: the same answers "
    "were graded in another way."
)


def _score(run: PastRun, key: str) -> str:
    value = run.scored.average if key == "average" else run.scored.benchmarks[key].score
    return number(value, 2) or "not run"


def estimates_alone(board: Board, suite: Suite, model: str) -> Markup | None:
    """The estimates of a model that has no row; nothing where the store has none, or cannot be asked now."""
    try:
        return estimated(estimates(board.shown, model, suite.name), suite)
    except BoardError:
        return None


def estimated(found: Sequence[Estimate], suite: Suite) -> Markup | None:
    """Estimates from a few questions, apart from everything that was measured; nothing where there are none."""
    if not found:
        return None
    keys = [("average", "Average"), *((each.key, each.title) for each in suite.benchmarks)]
    head = [h("th", {"scope": "col"}, title) for title in ("When", "Precision", "Revision")]
    head += [h("th", {"scope": "col", "class": "lb-num"}, title) for _, title in keys]
    rows = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, f"{each.date:%Y-%m-%d}"),
            h("td", {}, each.precision or "unknown"),
            h("td", {}, h("code", {}, each.revision[:7]) if each.revision else "unknown"),
            [
                h("td", {"class": "lb-num"}, _guess(each.average if k == "average" else each.benchmarks.get(k)))
                for k, _ in keys
            ],
        )
        for each in found
    ]
    asked = max((guess.asked for each in found for guess in each.benchmarks.values()), default=0)
    return h(
        "section",
        {"aria-labelledby": "lb-estimated", "class": "lb-estimated"},
        h("h2", {"id": "lb-estimated"}, "Estimated, not measured"),
        h(
            "p",
            {"class": "lb-quiet"},
            f"Estimated from {asked} questions a benchmark, with 95 % intervals. Never ranked among measured scores.",
        ),
        h(
            "div",
            {"class": "lb-scroll", "role": "region", "aria-label": "Table of estimates", "tabindex": "0"},
            h("table", {"class": "lb-subtasks"}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
        ),
    )


def _guess(guess: Guess | None) -> Markup | str:
    if guess is None:
        return "not asked"
    half = (guess.high - guess.low) / 2
    return h(
        "span",
        {"title": f"{number(guess.low, 1)} to {number(guess.high, 1)}"},
        f"≈ {number(guess.value, 1)} ± {number(half, 1)}",
    )


def _reports(found: tuple[Report, ...]) -> Markup:
    if not found:
        return h(
            "section",
            {},
            h("h2", {}, "Contamination"),
            h("p", {"class": "lb-quiet"}, "Nobody has reported that this model saw the benchmarks’ answers."),
        )
    head = [
        h("th", {"scope": "col", "class": "lb-num" if title in ("Score", "Control") else None}, title)
        for title in ("When", "Benchmark", "Tool", "Score", "Reference", "Control", "By")
    ]
    rows = [
        h(
            "tr",
            {},
            h("th", {"scope": "row"}, each.date or "unknown"),
            h("td", {}, each.benchmark or "unknown"),
            h("td", {}, h("a", {"href": each.url, "rel": "noopener"}, each.tool) if each.url else each.tool),
            h("td", {"class": "lb-num"}, number(each.score, 3) or "unknown"),
            h("td", {}, each.reference or "none"),
            h("td", {"class": "lb-num"}, number(each.control, 3) or "unknown"),
            h("td", {}, each.reported_by or "unknown"),
        )
        for each in found
    ]
    return h(
        "section",
        {"aria-labelledby": "lb-contamination"},
        h("h2", {"id": "lb-contamination"}, f"Contamination reports ({len(found)})"),
        h(
            "p",
            {"class": "lb-quiet"},
            "A score says something only beside its control: what the tool gave for a reference taken to be clean.",
        ),
        h(
            "div",
            {"class": "lb-scroll", "role": "region", "aria-label": "Table of reports", "tabindex": "0"},
            h("table", {"class": "lb-subtasks"}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
        ),
    )
