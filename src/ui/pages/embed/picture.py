"""The picture that other sites show beside a link to the board or to a model: a PNG of 1200 × 630 pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from src.board.live.snapshot import Snapshot
from src.board.table.listing import listing, of_model, plain
from src.board.table.query import Query

SIZE = (1200, 630)
MARGIN = 72
INK, QUIET, GROUND, BAR, TRACK = "#1b1f24", "#59636e", "#ffffff", "#0b6bcb", "#e6eaef"
SAMPLE = "made-up sample"
TOP_ROWS, MOST_BARS = 5, 8

Line = tuple[str, str, float | None]
"""What a bar is of, its value in words, and its length in 0..1."""


class Looks(NamedTuple):
    """The board's name, and its accent colour (#rrggbb) if it has one."""

    name: str
    accent: str | None


def drawn(snapshot: Snapshot, looks: Looks, row: str) -> bytes:
    """Return the picture of a row, by its id or the model's name, or of the board if none is named.

    Raise NotFoundError if the board has no such row.
    """
    return _of_row(snapshot, looks, row) if row else _of_board(snapshot, looks)


def _of_board(snapshot: Snapshot, looks: Looks) -> bytes:
    first = listing(snapshot, Query(), TOP_ROWS).frame
    scores, models = plain(first["average"]), plain(first["model"])
    lines = [(str(model), _words(score), _share(score)) for model, score in zip(models, scores, strict=True)]
    facts = [f"{len(snapshot.frame):,} results", f"{snapshot.as_of:%Y-%m-%d}", _sample(snapshot)]
    return _drawn(looks.name, snapshot.suite.title, facts, lines, looks.accent)


def _of_row(snapshot: Snapshot, looks: Looks, row: str) -> bytes:
    best = of_model(snapshot, row).row()
    lines = [
        (each.title, _words(best.get(f"{each.key}.score")), _share(best.get(f"{each.key}.score")))
        for each in snapshot.suite.benchmarks[:MOST_BARS]
    ]
    rank = f"rank {best['rank']}" if best.get("rank") is not None else ""
    facts = [_average(best), rank, str(best.get("precision") or ""), _sample(snapshot)]
    title = snapshot.suite.title
    above = title if title.startswith(looks.name) else f"{looks.name} · {title}"
    return _drawn(str(best["model"]), above, facts, lines, looks.accent)


def _sample(snapshot: Snapshot) -> str:
    return SAMPLE if snapshot.source == "sample" else ""


def _average(row: Mapping[str, Any]) -> str:
    score, low, high = (row.get(path) for path in ("average", "average.low", "average.high"))
    if score is None:
        return ""
    return f"{score:.2f} ± {(high - low) / 2:.2f}" if low is not None and high is not None else f"{score:.2f}"


def _words(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"


def _share(score: float | None) -> float | None:
    return None if score is None else min(max(score / 100, 0.0), 1.0)


def _drawn(title: str, above: str, facts: Sequence[str], lines: Sequence[Line], accent: str | None) -> bytes:
    bar = accent or BAR
    image = Image.new("RGB", SIZE, GROUND)
    draw = ImageDraw.Draw(image)
    width = SIZE[0] - 2 * MARGIN
    draw.rectangle((0, 0, SIZE[0], 12), fill=bar)
    draw.text((MARGIN, 52), _fitted(draw, above, 28, width), QUIET, _font(28))
    draw.text((MARGIN, 92), _fitted(draw, title, 56, width), INK, _font(56))
    draw.text((MARGIN, 168), _fitted(draw, " · ".join(filter(None, facts)), 32, width), INK, _font(32))
    step = (SIZE[1] - 240 - MARGIN // 2) / max(len(lines), 1)
    for at, (name, value, share) in enumerate(lines):
        y = 240 + at * step
        draw.text((MARGIN, y), _fitted(draw, name, 26, 400), INK, _font(26))
        left, right = MARGIN + 420, SIZE[0] - MARGIN - 110
        draw.rounded_rectangle((left, y + 6, right, y + 26), 10, fill=TRACK)
        if share:
            draw.rounded_rectangle((left, y + 6, left + max(20, share * (right - left)), y + 26), 10, fill=bar)
        draw.text((SIZE[0] - MARGIN, y), value, INK, _font(26), anchor="ra")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitted(draw: ImageDraw.ImageDraw, text: str, size: int, width: int) -> str:
    """Return the text, its middle left out if it is too long: names differ most at their ends."""
    text = " ".join(text[:300].split())
    kept = len(text)
    shown = text
    while draw.textlength(shown, _font(size)) > width and kept > 4:
        kept -= 1
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shown
