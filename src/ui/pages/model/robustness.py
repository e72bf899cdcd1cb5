"""The tab of a model's page that tells how robust its rank is."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import ModelView
from src.board.model.robustness import Band, RankRobustness, firmness
from src.ui.web.templates import render


def place(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render the ranks that the run would have under other conditions."""
    robustness = firmness(snapshot.frame, snapshot.suite, model.run.id)
    if robustness is None:
        return render(
            "model/note.html", text="This run has no rank: a benchmark is missing, or this board ranks nothing."
        )
    return render("model/robustness.html", rows=list(_rows(robustness)))


def _rows(robustness: RankRobustness) -> Iterator[tuple[str, str, str]]:
    """Yield each condition with the rank and what was changed."""
    yield "As the board ranks", f"{robustness.rank:,}", f"of {robustness.of:,} with every benchmark"
    if robustness.noise:
        low, high = robustness.noise
        change = (
            "tied with the best: the difference may be chance alone"
            if robustness.tied_with_best
            else "with other questions of the same kinds"
        )
        yield "Given sampling noise", f"{low:,} to {high:,}", f"95 %, {change}"
    for title, band in (
        ("With any weights", robustness.any_weights),
        ("With weights near the board’s", robustness.near_weights),
    ):
        if band:
            yield title, f"{band.low:,} to {band.high:,}", f"90 % of random weights; first in {_share(band)}"
    for label, rank in robustness.aggregated:
        yield label, f"{rank:,}", "another way to aggregate"
    for title, rank in robustness.without:
        yield f"Without {title}", f"{rank:,}", "one benchmark left out"


def _share(band: Band) -> str:
    return "none" if not band.first else f"{band.first:.0%}"
