"""Numbers and small pictures of numbers, as they stand on a page."""

from __future__ import annotations

from markupsafe import Markup

from src.board.score_lines import Line
from src.ui.html import h

WIDTH, HEIGHT = 250, 34  # of a strip, in its own units; the style stretches it


def number(value: float | None, digits: int) -> str | None:
    """`52.08`, `−1.20` with a real minus sign, so that columns align; None where unknown."""
    return None if value is None else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int) -> str | None:
    """`+4.90`, `−1.20`; None where unknown."""
    if value is None:
        return None
    return f"{value:+,.{digits}f}".replace("-", "−")


def strip(line: Line) -> Markup | None:
    """The peers' scores as a low skyline, this score as a bar across it, the base's as a ghost."""
    if line.place is None:
        return None
    tallest = max(line.place.heights) or 1
    step = WIDTH / len(line.place.heights)
    towers = [
        h(
            "rect",
            {
                "x": f"{i * step + 0.75:.2f}",
                "y": f"{HEIGHT - 4 - tall:.2f}",
                "width": f"{step - 1.5:.2f}",
                "height": f"{tall:.2f}",
            },
        )
        for i, height in enumerate(line.place.heights)
        if (tall := (HEIGHT - 10) * height / tallest) > 0
    ]
    return h(
        "svg",
        {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none", "aria-hidden": "true"},
        h("path", {"class": "lb-axis", "d": f"M0 {HEIGHT - 3.5}H{WIDTH}"}),
        h("g", {"class": "lb-towers"}, towers),
        _interval(line),
        line.base is not None and h("path", {"class": "lb-ghost", "d": f"M{_at(line, line.base):.1f} 3V{HEIGHT - 2}"}),
        line.score is not None and h("path", {"class": "lb-mark", "d": f"M{_at(line, line.score):.1f} 2V{HEIGHT - 2}"}),
    )


def _interval(line: Line) -> Markup | None:
    """The interval of the score, along the axis."""
    if line.low is None or line.high is None:
        return None
    return h(
        "path", {"class": "lb-interval", "d": f"M{_at(line, line.low):.1f} {HEIGHT - 3.5}H{_at(line, line.high):.1f}"}
    )


def _at(line: Line, value: float) -> float:
    low, high = line.bounds
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return 1.5 + share * (WIDTH - 3)
