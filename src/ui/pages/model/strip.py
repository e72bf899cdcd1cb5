"""The strip beside a score: how the peers score, and where this run and its base model stand among them."""

from __future__ import annotations

from dataclasses import dataclass

from src.board.model.scores import ScoreLine

WIDTH, HEIGHT = 250, 34  # of a strip, in its own units; the style stretches it


@dataclass(frozen=True)
class Strip:
    """A strip as the template draws it; coordinates in its own units, None if unknown."""

    towers: tuple[tuple[str, str, str, str], ...]  # x, y, width, height of each part of the peers' distribution
    interval: tuple[str, str] | None
    base: str | None
    score: str | None
    width: int = WIDTH
    height: int = HEIGHT
    axis: float = HEIGHT - 3.5


def strip(line: ScoreLine) -> Strip | None:
    """Return the strip of a score, or None if the score has no place among its peers."""
    if line.place is None:
        return None
    tallest = max(line.place.heights) or 1
    step = WIDTH / len(line.place.heights)
    heights = [(HEIGHT - 10) * height / tallest for height in line.place.heights]
    return Strip(
        towers=tuple(
            (f"{i * step + 0.75:.2f}", f"{HEIGHT - 4 - height:.2f}", f"{step - 1.5:.2f}", f"{height:.2f}")
            for i, height in enumerate(heights)
            if height > 0
        ),
        interval=None if line.low is None or line.high is None else (_x(line, line.low), _x(line, line.high)),
        base=None if line.base is None else _x(line, line.base),
        score=None if line.score is None else _x(line, line.score),
    )


def _x(line: ScoreLine, value: float) -> str:
    low, high = line.bounds
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return f"{1.5 + share * (WIDTH - 3):.1f}"
