"""The judge of the kill tests: what workers believed, by their own journals, against what has to be true.

It knows nothing of how a queue works: no events, no slots, no fold. So it can judge any protocol, and does: a naive
status file is the proof that it can say no.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One belief of one worker. `what`: holds (until), ending, accepted, let-go. Times in seconds of the store."""

    worker: str
    request: str
    run: str
    what: str
    at: float
    until: float = 0.0


class Journal:
    """Where a worker writes what it believes, before it acts on it. Survives its death."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, line: Line) -> None:
        os.write(self._file, (json.dumps(line) + "\n").encode())


def read(folder: Path) -> list[Line]:
    """All journals of a folder. The last line of a killed worker may be missing, never half."""
    return [
        Line(*json.loads(line)) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()
    ]


@dataclass
class Verdict:
    """Empty lists: the promise was kept."""

    lost: list[str] = field(default_factory=list)
    doubly_accepted: list[str] = field(default_factory=list)
    overlapping: list[str] = field(default_factory=list)
    flipped: list[str] = field(default_factory=list)
    runs: int = 0
    again: int = 0  # runs after the first of a request

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubly_accepted or self.overlapping or self.flipped)


def judge(
    lines: Iterable[Line], acknowledged: Collection[str], finished: dict[str, str], slack: float = 0.0
) -> Verdict:
    """`acknowledged`: requests acknowledged to a submitter. `finished`: request → the run whose result counts.

    `slack`: seconds by which the workers' clocks may differ.
    """
    verdict = Verdict(lost=sorted(set(acknowledged) - finished.keys()))
    runs: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        runs[line.request][line.run].append(line)
    for request, by_run in runs.items():
        accepted = [run for run, output in by_run.items() if any(line.what == "accepted" for line in output)]
        if len(accepted) > 1:
            verdict.doubly_accepted.append(f"{request}: {accepted}")
        if any(run != finished.get(request) for run in accepted):
            verdict.flipped.append(f"{request}: {accepted} was accepted, {finished.get(request)} does")
        spans = sorted(span for output in by_run.values() if (span := _span(output)))
        verdict.runs += len(spans)
        verdict.again += max(0, len(spans) - 1)
        for before, after in pairwise(spans):
            if after[0] < before[1] - slack:
                verdict.overlapping.append(f"{request}: {before} and {after}")
    return verdict


def _span(output: list[Line]) -> tuple[float, float, str] | None:
    """From when until when a run believed that the request was its own."""
    held = [line for line in output if line.what == "holds"]
    if not held:
        return None
    until = max(line.until for line in held)
    ends = [line.at for line in output if line.what in {"ending", "let-go"}]
    return min(line.at for line in held), min([until, *ends]), held[0].worker
