"""Measurements: `python -m tests.bench.<name> [--quick]` prints one JSON object a line, each with its goal and peer."""

from __future__ import annotations

import json


def report(
    figure: str,
    value: float | int | None,
    unit: str,
    goal: str,
    holds: bool | None,
    peer: str | None = None,
    ratio: float | None = None,
) -> None:
    """Print one measured figure: `goal` says in words what `holds` was judged by, `ratio` is value over `peer`."""
    line = {"figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds, "peer": peer, "ratio": ratio}
    print(json.dumps(line, ensure_ascii=False), flush=True)
