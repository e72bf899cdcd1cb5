"""Measurements: `python -m tests.bench.<name> [--quick]` prints one JSON object a line, each with its goal and peer.

A figure either has a goal, which it may miss, or is only shown. A figure whose sample is empty misses its goal: nothing
was measured. A bench ends with `raise SystemExit(verdict())`, so that a goal that is missed is an exit code.
"""

from __future__ import annotations

import json

SHOWN = "shown"
"""The goal of a figure that has none."""

_judged: list[bool] = []


def report(
    figure: str,
    value: float | int | None,
    unit: str,
    goal: str,
    holds: bool | None,
    peer: str | None = None,
    ratio: float | None = None,
    sample: int | None = None,
) -> None:
    """Print one measured figure.

    `goal` says in words what `holds` was judged by; `holds` is None if this run is too small to judge, or if the goal
    is `SHOWN`. `ratio` is value over `peer`; `sample` is how many things were measured, if that may be none.
    """
    if sample == 0:
        goal, holds = f"{goal}, of more than nothing", False
    if holds is not None:
        _judged.append(bool(holds))
    line = {
        "figure": figure, "value": value, "unit": unit, "goal": goal, "holds": None if holds is None else bool(holds),
        "peer": peer, "ratio": ratio,
    }  # fmt: skip
    print(json.dumps(line, ensure_ascii=False), flush=True)


def shown(
    figure: str, value: float | int | None, unit: str, peer: str | None = None, ratio: float | None = None
) -> None:
    """Print a figure without a goal."""
    report(figure, value, unit, SHOWN, None, peer, ratio)


def verdict() -> int:
    """Print how many goals were met and return the exit code: 0 if there were some and all were met."""
    missed = _judged.count(False)
    summary = f"{len(_judged) - missed} of {len(_judged)} goals met"
    print(json.dumps({"figure": summary, "holds": bool(_judged) and not missed}), flush=True)
    return 0 if _judged and not missed else 1
