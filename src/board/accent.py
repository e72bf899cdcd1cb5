"""A board's accent colour in both themes: moved towards black or white until text in it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LEAST = 4.5  # WCAG 2.2 AA, contrast of text
STEPS = 50


class Colour(NamedTuple):
    """Red, green and blue, 0 to 255."""

    red: float
    green: float
    blue: float

    @classmethod
    def read(cls, text: str) -> Colour:
        """Return `#rrggbb` as a colour."""
        return cls(*(int(text[at : at + 2], 16) for at in (1, 3, 5)))

    @property
    def hex(self) -> str:
        return "#" + "".join(f"{round(part):02x}" for part in self)

    def mixed(self, other: Colour, share: float) -> Colour:
        """Return the colour with a share (0 to 1) of another in it."""
        return Colour(*(a + (b - a) * share for a, b in zip(self, other, strict=True)))

    @property
    def luminance(self) -> float:
        """Relative luminance, as WCAG 2.2 defines it."""
        parts = (part / 255 for part in self)
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


BLACK, WHITE = Colour(0, 0, 0), Colour(255, 255, 255)


class Ground(NamedTuple):
    """What a theme of `assets/board.css` puts text on, and how it tints the accent's own ground."""

    backgrounds: tuple[Colour, ...]
    away: Colour
    tint: float


LIGHT = Ground((Colour.read("#fbfaf7"), Colour.read("#ffffff")), BLACK, 0.88)
DARK = Ground((Colour.read("#131518"), Colour.read("#1a1d21")), WHITE, 0.78)


@dataclass(frozen=True)
class Accent:
    """The accent of one theme: for text, for the ground below such text, and for the tints of the table."""

    text: Colour
    soft: Colour
    is_moved: bool  # other than the colour that was asked for

    @property
    def css(self) -> str:
        heat = " ".join(str(round(part)) for part in self.text)
        return f"--lb-accent:{self.text.hex};--lb-accent-soft:{self.soft.hex};--lb-heat:{heat}"


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((one.luminance, other.luminance))
    return (high + 0.05) / (low + 0.05)


def accent(colour: str, ground: Ground) -> Accent:
    """Return the nearest colour to `#rrggbb` that can be read on all of a theme's grounds."""
    asked = Colour.read(colour)
    for step in range(STEPS + 1):
        text = asked.mixed(ground.away, step / STEPS)
        soft = text.mixed(ground.backgrounds[-1], ground.tint)
        if all(contrast(text, each) >= LEAST for each in (*ground.backgrounds, soft)):
            break
    return Accent(text, soft, step > 0)


def theme_css(colour: str | None) -> str:
    """Return the rules that give a page this accent; nothing for none."""
    if colour is None:
        return ""
    # more specific than the sheet's own, which may come later; `dark` is a class of the body too
    return f":root:root{{{accent(colour, LIGHT).css}}}.dark.dark{{{accent(colour, DARK).css}}}"
